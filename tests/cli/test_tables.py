"""Tables on terminals of any width."""

from io import StringIO

import pytest
from rich.console import Console

from ingest.cli.output import FittingTable, TableColumn

COLUMNS = (
    TableColumn("file", "key"),
    TableColumn("status", "words"),
    TableColumn("rows"),
    TableColumn("speed", may_go=1),
    TableColumn("bytes", may_go=2),
    TableColumn("empty"),
)
KEY = "orders/europe/2026/11/22/export-0001.csv"
ROW = {"file": KEY, "status": "FAILED bad_header", "rows": "1,234", "speed": "99", "bytes": "17,622,886", "empty": ""}


def printed(width: int) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width).print(FittingTable(COLUMNS, [ROW]))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_on_a_wide_terminal_all_columns_but_empty_ones_are_shown() -> None:
    lines = printed(120)
    assert lines[0].split() == ["file", "status", "rows", "speed", "bytes"]
    assert lines[2:] == [f"{KEY}  FAILED bad_header  1,234     99  17,622,886"]


@pytest.mark.parametrize(
    ("width", "dropped"),
    [(58, ""), (57, "bytes"), (46, "bytes"), (45, "speed, bytes"), (20, "speed, bytes")],
)
def test_the_least_important_columns_are_dropped_first_and_named(width: int, dropped: str) -> None:
    named = " ".join(printed(width)).partition("Columns not shown: ")[2]
    assert named == (f"{dropped}." if dropped else "")


@pytest.mark.parametrize("width", range(33, 100))
def test_no_figure_is_cut_nor_any_part_of_a_key(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert "1,234" in lines[2]
    room = lines[0].index("status")
    assert "".join(line[:room].strip() for line in lines[2:]).startswith(KEY)
