"""The page of a transcript: commands as they were typed, what they printed, and what was cut."""

import json

from loadtest.demo_script.page import MOST_LINES, page
from loadtest.demo_script.script import Ran, Said, Title


def test_a_story_becomes_titles_paragraphs_and_fences() -> None:
    parts = [Title("A day"), Said("It rains."), Ran(("status", "orders/my file.csv"), 0, "fine   \n", "")]
    assert page("# Head", parts) == (
        "# Head\n\n## A day\n\nIt rains.\n\n```console\n$ ingest status 'orders/my file.csv'\nfine\n```\n"
    )


def test_what_fails_shows_its_sentence_and_exit_code() -> None:
    text = page("#", [Ran(("status", "a.csv"), 3, "", "ingest: There is none.\n")])
    assert text.endswith("$ ingest status a.csv\ningest: There is none.\n(exit code 3)\n```\n")


def test_a_long_output_is_cut_and_that_is_seen() -> None:
    out = "".join(f"line {n}\n" for n in range(100))
    lines = page("#", [Ran(("history",), 0, out, "")]).splitlines()
    assert len(lines) < MOST_LINES + 10
    assert "… (66 more lines)" in lines and "line 33" in lines and "line 34" not in lines


def test_a_document_shows_each_of_its_keys_and_cuts_what_is_long() -> None:
    out = json.dumps({"stack": "ingest", "files": ["orders/a.csv"] * 1000})
    lines = page("#", [Ran(("top", "--json"), 0, out, "")]).splitlines()
    assert '  "stack": "ingest",' in lines
    assert lines[-3].endswith(" …,") and max(map(len, lines)) <= 100
