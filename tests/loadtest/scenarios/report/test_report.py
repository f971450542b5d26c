"""What a report says of runs, and that it leaves nothing out that is bad."""

import argparse
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from loadtest.scenarios.report import command
from loadtest.scenarios.report.charts import WAITS, charts
from loadtest.scenarios.report.command import page
from loadtest.scenarios.report.runs import HEADLINE, MORE, ReportedRun, markdown, table
from tests.loadtest.scenarios.report.made import document

GOOD, BAD = ReportedRun(document()), ReportedRun(document("throttled", lost=4, rows_per_second=300.0))


class Seen(HTMLParser):
    """What a page shows and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]


def report(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def written(folder: Path, name: str, run: Any) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(run))
    return str(path)


def test_the_page_says_the_result_before_any_figure() -> None:
    text = page([GOOD])
    assert (
        text.index('class="result green"') < text.index("GREEN: every row accounted for") < text.index("<dd>600</dd>")
    )
    assert "2,000 of 2,000 rows found, 0 lost, 0 doubled, 0 wrong; 20 of 20 files complete." in text


def test_the_page_says_what_is_wrong_and_takes_nothing_in_a_result_for_html() -> None:
    text = page([BAD])
    assert 'class="result red"' in text and "RED: not every row accounted for" in text
    assert "4 rows are not in the table, as &lt;b&gt;O-7&lt;/b&gt;." in text


def test_a_missed_objective_is_reported_as_such() -> None:
    assert re.search(r"rows a second</td>.*?at least 900.*?MISSED", page([GOOD]), re.DOTALL)
    assert "- objective MISSED: rows a second: 600, at least 900" in markdown(GOOD)


def test_the_page_needs_nothing_else() -> None:
    seen = Seen(page([GOOD, BAD]))
    assert [load for load in seen.loads if not load.startswith("#")] == []
    assert not {"script", "link", "iframe", "img"} & set(seen.tags)


def test_each_run_has_a_chart_of_what_was_measured_and_none_of_what_was_not() -> None:
    assert list(charts(GOOD)) == [
        "Rows written per second",
        "Messages",
        "Age of the oldest unfinished file in seconds",
        WAITS,
    ]
    assert Seen(page([GOOD, BAD])).tags.count("svg") == 2 * 4


def test_errors_are_drawn_where_there_were_any_and_in_red() -> None:
    throttled = ReportedRun(document() | {"samples": document()["samples"] | {"throttles_per_s": [0, 3, 0]}})
    assert charts(throttled)["Throttled requests per second"].count("var(--red)") == 1


def test_a_chart_has_the_colours_of_the_page_so_that_it_can_be_read_in_the_dark() -> None:
    assert set(re.findall(r"#[0-9a-f]{6}", "".join(charts(GOOD).values()))) == set()


def test_throughput_latency_and_cost_come_first_and_zeros_last() -> None:
    labels = [line[0] for line in table(HEADLINE + MORE, GOOD)]
    assert labels[:3] == ["Rows per second", "Event to visible, p50", "Event to visible, p99"]
    assert table(HEADLINE + MORE, ReportedRun(document(rows_per_second=0.0)))[-1] == ("Rows per second", "0")


def test_the_same_run_gives_the_same_page() -> None:
    assert page([GOOD, BAD]) == page([GOOD, BAD])


def test_few_files_have_no_distribution() -> None:
    few = ReportedRun(document() | {"files": document()["files"][:9]})
    assert WAITS not in charts(few)


def test_what_was_not_measured_has_no_line() -> None:
    assert "Peak memory of a worker" not in dict(table(HEADLINE + MORE, GOOD))


def test_rejects_are_set_side_by_side_by_reason() -> None:
    assert GOOD.rejected() == [("bad_number", "3", "3"), ("ragged_row", "0", "1")]


def test_markdown_has_the_result_and_a_table() -> None:
    text = markdown(BAD)
    assert "| Rows per second | 300 |" in text
    assert "- wrong: 4 rows are not in the table" in text


def test_the_command_writes_a_page_or_markdown_and_fails_on_a_bad_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = written(tmp_path, "good", GOOD.document), written(tmp_path, "bad", BAD.document)
    html = tmp_path / "new" / "out.html"
    assert report(good, "--html", str(html)) == 0
    assert html.read_text().startswith("<!doctype html>") and capsys.readouterr().out == ""
    assert report(good, bad) == 1
    assert capsys.readouterr().out == f"{markdown(GOOD)}\n{markdown(BAD)}"


@pytest.mark.parametrize("made", [{}, document() | {"kind": "x"}, []])
def test_a_file_that_is_not_a_run_is_named(made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(written(tmp_path, "other", made)) == 2
    said = capsys.readouterr().err
    assert "other.json" in said and "its kind is not `run`" in said


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(str(tmp_path / "gone.json")) == 2
    assert "gone.json" in capsys.readouterr().err
