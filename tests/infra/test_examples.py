import doctest

from infra import trim, worker


def test_the_examples_in_docstrings_hold() -> None:
    for module in (trim, worker):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0
