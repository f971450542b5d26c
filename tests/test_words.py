"""The words of this project: names that were left behind stay away, and one name means one thing."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HERE = Path(__file__)

# Left behind: what is written instead stands behind each.
WORDS = {
    r"tell|tells|told|untold|telling|teller": "report, say, show; reported; Reporter",
    r"nobody": "no one",
    r"mend|mends|mended|mending": "fix",
    r"bury|buries|buried": "dead-letter",
    r"is no (?!longer|more)[a-z]+|(?<!there )(?:are|was|were) no (?!longer|more)[a-z]+": "is not a ...; does not exist",
    r"so (?:many|much)": "a plain number, or 'that many'",
    r"in vain": "without success",
    r"the books|books|bookkeeping": "row counts",
    r"intake": "dispatch",
    r"outbox": "pending batches",
    r"cutter|cutters": "block splitter",
    r"vitals": "stack health",
    r"hearts?|beating": "heartbeat",
    r"verdicts?": "result",
    r"truths?": "expected, known outcome",
    r"dirt|dirty": "defects",
    r"canvas": "row buffer",
}
ALLOWED = {"tests/test_words.py", "CHANGELOG.md"}  # both name what was left behind

# Class and module names that were left behind, by what they meant (design.md, "Names that changed").
CLASSES = [
    "Intake",
    "Function",
    "Hold",
    "Heart",
    "Beating",
    "Teller",
    "Account",
    "Books",
    "Closing",
    "SplitCloser",
    "Head",
    "Text",
    "Read",
    "Cutter",
    "Piece",
    "CutState",
    "Typed",
    "Bad",
    "KeyWindow",
    "Outbox",
    "Sent",
    "Flow",
    "Pace",
    "WriteCounts",
    "Standing",
    "FileStanding",
    "Work",
    "Begun",
    "Letter",
    "Skew",
    "Meter",
    "Vitals",
    "Polling",
    "KeptRejects",
    "Hand",
    "Front",
    "LedgerFront",
    "S3Front",
    "DiskFront",
    "Canvas",
    "Dirt",
    "Truth",
    "Sink",
    "Spoil",
    "Story",
    "Verdict",
    "Record",
]
MODULES = [
    "intake",
    "function",
    "hold",
    "teller",
    "account",
    "closing",
    "assembly",
    "checked",
    "head",
    "text",
    "cutter",
    "cells",
    "typed",
    "limits",
    "keys",
    "spelling",
    "wire",
    "answers",
    "outbox",
    "flow",
    "pace",
    "counts",
    "letters",
    "skew",
    "meter",
    "places",
    "schedule",
    "bill",
    "days",
    "measured",
    "polling",
    "rejects_kept",
    "spread",
    "hand",
    "story",
    "chapters",
    "observed",
    "verdict",
    "truth",
    "sink",
    "objects",
    "drops",
    "canvas",
    "dirt",
    "spoiling",
    "makers",
    "pickers",
]


def texts() -> Iterator[Path]:
    for top in ("ingest", "infra", "loadtest", "tests", "docs"):
        for ending in ("py", "md", "toml", "j2"):
            yield from sorted((ROOT / top).rglob(f"*.{ending}"))
    yield from (ROOT / name for name in ("app.py", "README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml"))


ANY_WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)


def left_behind(text: str) -> list[str]:
    """Return the left words in a text, names in code included: there underscores part words."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")
    if not ANY_WORD.search(text):
        return []
    return [found[0] for words in WORDS for found in re.finditer(rf"\b(?:{words})\b", text, re.IGNORECASE)]


TEXTS = list(texts())
FOLDERS = sorted({path.parent for path in TEXTS})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_word_that_was_left_behind_is_used(folder: Path) -> None:
    paths = {str(path.relative_to(ROOT)): path for path in TEXTS if path.parent == folder and path.exists()}
    found = {name: left_behind(path.read_text(encoding="utf-8")) for name, path in paths.items() if name not in ALLOWED}
    assert {name: words for name, words in found.items() if words} == {}


CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)


def classes(*tops: str) -> Iterator[tuple[str, str]]:
    """Yield each class, by the line that begins it; a text with such a line would be taken for one."""
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            for name in CLASS.findall(path.read_text(encoding="utf-8")):
                yield name, str(path.relative_to(ROOT))


def test_no_class_has_a_name_that_was_left_behind() -> None:
    assert [found for found in classes("ingest", "infra", "loadtest", "tests") if found[0] in CLASSES] == []


def test_no_module_has_a_name_that_was_left_behind() -> None:
    paths = [path for top in ("ingest", "infra", "loadtest") for path in (ROOT / top).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in paths if path.stem in MODULES] == []


@pytest.mark.parametrize("tops", [("ingest", "infra"), ("loadtest",)])
def test_one_class_name_is_one_thing(tops: tuple[str, ...]) -> None:
    places = defaultdict(list)
    for name, path in classes(*tops):
        places[name].append(path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_rule_finds_words_in_sentences_and_in_names() -> None:
    assert left_behind("nobody was told; x_told = NobodyElse") == ["told", "told", "nobody", "Nobody"]
    assert left_behind("'x' is no number") == ["is no number"]
