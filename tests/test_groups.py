"""Which tests a process of `--dist loadgroup` is given together."""

from pathlib import Path

from tests.support.groups import scope_of

ROOT = Path(__file__).parent.parent


def test_tests_of_a_group_go_to_one_process_whatever_their_module() -> None:
    files = ("tests/e2e/test_local_stack.py::test_a", "tests/e2e/test_modes.py::test_b[x::y]")
    assert {scope_of(nodeid, ROOT) for nodeid in files} == {"stack"}


def test_a_test_of_no_group_goes_alone() -> None:
    assert scope_of("tests/test_groups.py::test_c", ROOT) == "tests/test_groups.py::test_c"


def test_all_that_use_the_end_to_end_stack_are_of_one_group() -> None:
    modules = [path for path in (ROOT / "tests/e2e").glob("test_*.py") if "(stack: Any" in path.read_text()]
    assert len(modules) > 5
    assert {scope_of(str(path.relative_to(ROOT)), ROOT) for path in modules} == {"stack"}
