"""The documentation says what is so: its generated parts are up to date, and its links lead somewhere."""

import json
import re
from pathlib import Path

import pytest

from ingest.feeds.parse import json_schema
from tests.docs.pages.all import PAGES, ROOT, all_parts
from tests.docs.pages.markdown import part_names, with_parts

README_BYTES = 8192
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_takes_from_the_code_is_up_to_date(page: Path) -> None:
    assert with_parts(TEXTS[page], all_parts()) == TEXTS[page], "run `make docs`"


def test_each_part_is_on_exactly_one_page() -> None:
    assert sorted(part for text in TEXTS.values() for part in part_names(text)) == sorted(all_parts())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = [link for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])) if is_broken(page, link)]
    assert broken == []


def is_broken(page: Path, link: str) -> bool:
    """Return whether a link to a file of the project, or to a heading, leads nowhere."""
    if re.match(r"(https?|mailto):", link):
        return False
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return not target.exists() or bool(anchor and target.suffix == ".md" and anchor not in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_it_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:ingest|infra|loadtest|tests|docs)/[\w./*-]+)`", TEXTS[page])
    missing = [path for path in named if not any(ROOT.glob(path.rstrip("/")))]
    assert [path for path in missing if not path.startswith(MADE_BY_COMMANDS)] == []


MADE_BY_COMMANDS = ("loadtest/results/runs/",)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= README_BYTES


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    listed = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^)]+)\)", index)}
    pages = [page for page in PAGES if page.parent == ROOT / "docs" and page.name != "README.md"]
    assert [name(page) for page in pages if page.resolve() not in listed] == []


def test_the_committed_schema_is_the_one_the_command_prints() -> None:
    assert json.loads((ROOT / "docs/feeds.schema.json").read_text()) == json.loads(json.dumps(json_schema()))


GUARANTEES = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^\| (\*\*.*) \| (.*) \|$", GUARANTEES, re.MULTILINE)


@pytest.mark.parametrize(("promise", "held_by"), PROMISES, ids=[promise.split("**")[1][:40] for promise, _ in PROMISES])
def test_a_promise_is_held_by_tests_that_exist(promise: str, held_by: str) -> None:
    """By files or folders, each perhaps with the end of a test's name, or the title of tests, in parentheses."""
    named = re.findall(r"`(tests/[\w./]+)`(?: \(`([^`]+)`\))?", held_by)
    commands = re.findall(r"`python -m ([\w.]+) ", held_by)
    assert named or commands
    assert held_by.count("`") == 2 * (len(named) + sum(bool(test) for _, test in named) + len(commands))
    assert [path for path, test in named if not has_tests(ROOT / path, test)] == []
    assert [module for module in commands if not (ROOT / module / "__main__.py").exists()] == []


def has_tests(path: Path, name: str) -> bool:
    """Return whether a file, or a folder, has tests, and one of that name or a title that begins so."""
    if path.is_dir():
        return any(path.glob("test_*.py"))
    ends, title = rf"def test_\w*{re.escape(name.removeprefix('...'))}\(", rf"# --- {re.escape(name)}\b"
    wanted = ends if name.startswith("...") else title if name else "def test_"
    return path.exists() and re.search(wanted, path.read_text(encoding="utf-8")) is not None
