"""The seam for formats: one function opens a file of any format, and only a reader knows how its bytes are read."""

import ast
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import ingest
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.blocks import BadRecord, Block, Position
from ingest.reading.reader import OPENERS, open_file
from tests.support.fakes import opened, reading

INSIDE = {"Charset", "BlockSplitter", "read_header", "decode"}  # what readers are joined of


def test_each_format_a_feed_may_have_can_be_opened() -> None:
    assert set(get_args(get_type_hints(Feed)["format"])) == OPENERS.keys()


def test_nothing_outside_joins_encoding_grammar_and_header_itself() -> None:
    found = {}
    root = Path(ingest.__file__).parent
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names}
        if names & INSIDE and path.parent.name != "reading":
            found[str(path.relative_to(root))] = names & INSIDE
    assert found == {"sniff/sample.py": {"decode"}}  # it does not know the encoding yet


@pytest.mark.parametrize("csv", [Csv(skip_lines=1), Csv(skip_lines=1, encoding="utf-16"), Csv(skip_lines=1, quote="þ")])
def test_a_reader_gives_what_stands_before_the_rows_and_the_rows(csv: Csv) -> None:
    text = f"made today\nid,name{csv.quote}\n1,ü\n"
    reader = opened(text.encode(csv.encoding), csv, portion=5)
    assert reader.before_rows.decode().startswith(f"made today\nid,name{csv.quote}\n")
    assert reader.columns == ("id", f"name{csv.quote}")
    (block,) = reader.blocks(reader.start)
    assert isinstance(block, Block)
    assert reader.parse(block, is_first=True).table.to_pylist() == [{"id": "1", f"name{csv.quote}": "ü"}]
    assert (reader.position.byte, reader.position.line) == (len(text.encode(csv.encoding)), 4)


def test_a_record_is_given_as_it_stands_in_the_file() -> None:
    data = "id,n\n1,x\n\n2,þü\nþ\n3,þx".encode("cp1252")
    reader = opened(data, Csv(quote="þ", encoding="cp1252"))
    block, bad = reader.blocks(reader.start)
    assert isinstance(block, Block)
    assert isinstance(bad, BadRecord)
    records = list(reader.raw_records(block, {1}))
    assert [(r.number, r.data.decode(), r.first_byte, r.first_line) for r in records] == [(1, "2,þü\nþ\n", 10, 4)]
    assert (bad.data.decode(), bad.first_byte, bad.first_line) == ("3,þx", 17, 6)
    assert reader.first_lines(block, reader.parse(block)) == [2, 4]


def test_a_closed_reader_stops_reading() -> None:
    closed = []

    def portions() -> object:
        try:
            yield b"id,n\n"
            yield b"1,x\n"
        finally:
            closed.append(True)

    reader = open_file(lambda start, end: portions(), Feed("f/", "Table", "id"))  # type: ignore[arg-type, return-value]
    reader.close()
    assert closed == [True]


def test_a_reader_that_jumps_stops_what_it_read_before() -> None:
    asked: list[tuple[int, int | None]] = []

    def ranges(start: int, end: int | None) -> object:
        asked.append((start, end))
        return reading(b"id,n\n1,x\n2,y\n", 4)(start, end)

    reader = open_file(ranges, Feed("f/", "Table", "id"))  # type: ignore[arg-type]
    (block,) = reader.blocks(Position(9, 3), 13)
    assert (block.data, asked) == (b"2,y\n", [(0, None), (9, 13)])
