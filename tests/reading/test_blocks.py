"""The block splitter against Python's csv module and pyarrow, in many cuts of the same bytes."""

import csv
import io

import pyarrow.csv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.feeds.dialect import Csv
from ingest.reading.blocks import BadRecord, Block, BlockSplitter, Chunk
from ingest.reading.grammar import Grammar, count_lines
from tests.reading.test_position import DIALECTS, SOUP

CASES = {
    "plain": b"a,b\n1,2\n3,4\n",
    "no final newline": b"a,b\n1,2",
    "crlf": b"a,b\r\n1,2\r\n",
    "cr only": b"a,b\r1,2\r3,4",
    "mixed line ends": b"a\nb\r\nc\rd\n",
    "quoted line breaks": b'a,"x\ny"\n"p\r\nq",b\n',
    "crlf in quotes at an edge": b'"1\r\n2","3\r\n4"\r\n"5\r\n6",7\r\n',
    "doubled quotes": b'"say ""hi""\n",2\n"""",3\n',
    "quote inside an unquoted cell": b'x"y,1\nz",2\n',
    "text after a closing quote": b'"x"y"z,1\n"a""b"c"\n,2\n',
    "blank lines": b"\n\na\n\r\n\rb\n",
    "quoted empty": b'"",""\n"",1\n',
}


def cut(data: bytes, *, portion: int, block_bytes: int, dialect: Csv | None = None) -> list[Chunk]:
    splitter = BlockSplitter(Grammar(dialect or Csv()), block_bytes=block_bytes)
    chunks = [chunk for at in range(0, len(data), portion) for chunk in splitter.feed(data[at : at + portion])]
    return chunks + list(splitter.finish())


def parsed(data: bytes) -> list[tuple[str, ...]]:
    """Rows as pyarrow reads them, each record for itself."""
    rows: list[tuple[str, ...]] = []
    for span in Grammar(Csv()).spans(data):
        record = data[span.start : span.end]
        if not record.endswith((b"\r", b"\n")):
            record += b"\n"  # pyarrow takes a lone "a" without line end for an empty file
        table = pyarrow.csv.read_csv(
            io.BytesIO(record),
            pyarrow.csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
            pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(default_column_type=pyarrow.string()),
        )
        assert table.num_rows == 1, record
        rows.append(tuple(table.to_pylist()[0].values()))
    return rows


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
@pytest.mark.parametrize("block_bytes", [16, 24, 64])
@pytest.mark.parametrize("portion", [1, 2, 3, 7, 1000])
def test_the_same_bytes_come_out_whatever_the_portions(data: bytes, block_bytes: int, portion: int) -> None:
    chunks = cut(data, portion=portion, block_bytes=block_bytes)
    blocks = [chunk for chunk in chunks if isinstance(chunk, Block)]
    assert blocks == chunks
    assert b"".join(block.data for block in blocks) == data
    records = [data[s.start : s.end] for s in Grammar(Csv()).spans(data)]
    assert [b.data[s.start : s.end] for b in blocks for s in Grammar(Csv()).spans(b.data)] == records
    assert_places_are_exact(chunks, data)


def assert_places_are_exact(chunks: list[Chunk], data: bytes) -> None:
    at = 0
    for chunk in chunks:
        assert chunk.first_byte == at
        assert chunk.first_line == 1 + count_lines(data[:at])
        at += chunk.byte_count
    assert at == len(data)


CELLS = st.text(alphabet='ab"\n\r,;\\ ü', max_size=6)


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=12),
    line_end_and_style=st.sampled_from(
        [("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]
    ),
    portion=st.integers(1, 40),
    block_bytes=st.integers(64, 90),
)
def test_what_pythons_csv_module_wrote_is_cut_at_its_records(
    rows: list[list[str]], line_end_and_style: tuple[str, int], portion: int, block_bytes: int
) -> None:
    text = io.StringIO(newline="")
    line_end, style = line_end_and_style
    csv.writer(text, lineterminator=line_end, quoting=style).writerows(rows)  # type: ignore[arg-type]
    data = text.getvalue().encode()
    chunks = cut(data, portion=portion, block_bytes=block_bytes)
    found = [row for chunk in chunks for row in parsed(chunk.data)]
    assert found == [tuple(row) for row in rows]
    assert_places_are_exact(chunks, data)


@given(data=st.text(alphabet='a"\n\r,\\', max_size=60).map(str.encode), escape=st.sampled_from(["", "\\"]))
def test_pyarrow_sees_the_same_records_in_any_soup(data: bytes, escape: str) -> None:
    """Each span, parsed alone, is exactly one record to pyarrow; together they are what it reads in one go."""
    dialect = Csv(escape=escape, quoting="lenient")
    if not Grammar(dialect).is_whole(data, 0) or (escape and data.endswith(b"\\")):
        return
    records = [data[span.start : span.end] for span in Grammar(dialect).spans(data)]
    assert all(whole_record_count(record, dialect) == 1 for record in records)
    assert len(records) == whole_record_count(data, dialect)


def whole_record_count(data: bytes, dialect: Csv) -> int:
    """Count the records pyarrow sees in all of the data at once, ragged ones included."""
    ragged: list[object] = []

    def skip(row: object) -> str:
        ragged.append(row)
        return "skip"

    if not data:
        return 0
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        pyarrow.csv.ReadOptions(column_names=["a", "b"], use_threads=False),
        pyarrow.csv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=skip, escape_char=dialect.escape or False
        ),
    )
    return int(table.num_rows) + len(ragged)


@given(
    data=st.text(alphabet='a"\n\r,', max_size=400).map(str.encode),
    portion=st.integers(1, 50),
    block_bytes=st.integers(8, 40),
)
def test_no_byte_is_lost_in_any_soup(data: bytes, portion: int, block_bytes: int) -> None:
    chunks = cut(data, portion=portion, block_bytes=block_bytes)
    assert_places_are_exact(chunks, data)
    for chunk in chunks:
        assert chunk.data == data[chunk.first_byte :][: len(chunk.data)]


def test_a_quote_never_closed_costs_its_line_and_not_the_file() -> None:
    data = b'1,"open\n' + b"2,b\n" * 100
    first, *others = cut(data, portion=50, block_bytes=64)
    assert first == BadRecord(b'1,"open\n', 0, 1, 8, "unterminated_quote")
    assert b"".join(chunk.data for chunk in others) == b"2,b\n" * 100


def test_a_quote_never_closed_on_the_last_line_is_reported() -> None:
    chunks = cut(b'1,a\n2,"b', portion=3, block_bytes=64)
    assert chunks == [Block(b"1,a\n", 0, 1, 4), BadRecord(b'2,"b', 4, 2, 4, "unterminated_quote")]


def test_a_line_without_end_is_skipped_and_the_next_line_is_read() -> None:
    data = b"a\n" + b"x" * 500 + b"\nb\n"
    chunks = cut(data, portion=7, block_bytes=32)
    assert chunks == [
        Block(b"a\n", 0, 1, 2),
        BadRecord(b"x" * 32, 2, 2, 501, "record_too_long"),
        Block(b"b\n", 503, 3, 2),
    ]


@pytest.mark.parametrize("portion", [1, 7, 1000])
@pytest.mark.parametrize("block_bytes", [16, 40, 64, 1000])
@pytest.mark.parametrize(
    ("long", "reason"),
    [(b"x" * 16, "record_too_long"), (b'x,"a\nb', "unterminated_quote"), (b"y" * 40 + b'"', "record_too_long")],
)
def test_a_record_over_the_limit_is_reported_wherever_blocks_end(
    long: bytes, reason: str, block_bytes: int, portion: int
) -> None:
    rest = b"\n" + b"1,2\n" * 20
    splitter = BlockSplitter(Grammar(Csv()), block_bytes=block_bytes, record_bytes=16)
    data = b"1,2\n1,2\n" + long + rest
    chunks = [chunk for at in range(0, len(data), portion) for chunk in splitter.feed(data[at : at + portion])]
    chunks += splitter.finish()
    (bad,) = [chunk for chunk in chunks if isinstance(chunk, BadRecord)]
    assert (bad.reason, bad.first_byte, bad.first_line) == (reason, 8, 3)
    assert bad.data == long.split(b"\n")[0][:16] + (b"\n" if reason == "unterminated_quote" else b"")
    assert_places_are_exact(chunks, data)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("record_bytes", range(32, 70))
def test_behind_an_open_quote_every_sound_line_is_read(record_bytes: int, line_end: bytes) -> None:
    data = b'"' + line_end + (b"1,2" + line_end) * 40
    splitter = BlockSplitter(Grammar(Csv()), block_bytes=1000, record_bytes=record_bytes)
    bad, *others = [*splitter.feed(data), *splitter.finish()]
    assert (bad.data, [type(chunk) for chunk in others]) == (b'"' + line_end, [Block] * len(others))
    assert_places_are_exact([bad, *others], data)


Found = tuple[int, int, int, bytes, str]  # bytes [start, end), the line, what is kept of it, and what it is


def found(chunks: list[Chunk], dialect: Csv) -> list[Found]:
    """Return the records of chunks, each with the reason why it is none, or "open quote" where that is a letter."""
    records: list[Found] = []
    for chunk in chunks:
        first, line = chunk.first_byte, chunk.first_line
        if isinstance(chunk, BadRecord) or chunk.has_open_quote:
            kind = chunk.reason if isinstance(chunk, BadRecord) else "open quote"
            records.append((first, first + chunk.byte_count, line, chunk.data, kind))
            continue
        spans = Grammar(dialect).spans(chunk.data)
        records += [(first + s.start, first + s.end, line + s.line, chunk.data[s.start : s.end], "") for s in spans]
    return records


@given(
    data=SOUP,
    dialect=DIALECTS,
    record_bytes=st.integers(8, 40),
    ways=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 90)), min_size=2, max_size=2),
)
@example(data=b'"\n""a""a""a""a""a"', dialect=Csv(), record_bytes=16, ways=[(0, 1), (1, 7)])
def test_blocks_of_any_size_give_the_same_records_and_bad_records(
    data: bytes, dialect: Csv, record_bytes: int, ways: list[tuple[int, int]]
) -> None:
    """Also at the file's end, where no line end may stand, and whatever Ctrl-Z stand behind it."""
    seen = []
    for more, portion in ways:
        own = BlockSplitter(Grammar(dialect), block_bytes=record_bytes + more, record_bytes=record_bytes)
        chunks = [chunk for at in range(0, len(data), portion) for chunk in own.feed(data[at : at + portion])]
        chunks += own.finish()
        assert_places_are_exact(chunks, data)
        seen.append(found(chunks, dialect))
    assert seen[0] == seen[1]


@given(
    lines=st.lists(
        st.sampled_from([b'"', b"1,2", b'1,"2"', b'"a","b', b'"1\n2",3', b'x"y', b"long and plain"]), max_size=60
    ),
    record_bytes=st.integers(16, 80),
    portion=st.integers(1, 200),
)
def test_only_lines_with_a_quote_are_given_up_for_one(lines: list[bytes], record_bytes: int, portion: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    splitter = BlockSplitter(Grammar(Csv()), block_bytes=200, record_bytes=record_bytes)
    chunks = [chunk for at in range(0, len(data), portion) for chunk in splitter.feed(data[at : at + portion])]
    chunks += splitter.finish()
    assert_places_are_exact(chunks, data)
    for chunk in chunks:
        if isinstance(chunk, BadRecord):
            assert b'"' in chunk.data and chunk.reason == "unterminated_quote"


def test_a_record_as_long_as_the_limit_is_none_too_long() -> None:
    data = b"x" * 15 + b"\n" + b"y" * 15 + b"\n" + b"z" * 16
    for portion in (1, 7, 1000):
        splitter = BlockSplitter(Grammar(Csv()), block_bytes=1000, record_bytes=16)
        chunks = [chunk for at in range(0, len(data), portion) for chunk in splitter.feed(data[at : at + portion])]
        assert [*chunks, *splitter.finish()] == [Block(data, 0, 1, len(data))]


@pytest.mark.parametrize(("data", "line_end"), [(b"x" * 64, b""), (b"x" * 63, b"\r"), (b"x" * 70, b"\r\n")])
def test_a_line_without_end_may_be_the_last(data: bytes, line_end: bytes) -> None:
    """What is left of the line end is a blank line, which does not count as a record."""
    bad, *rest = cut(data + line_end, portion=64, block_bytes=32)
    assert isinstance(bad, BadRecord)
    assert (bad.data, bad.reason, bad.first_line) == (b"x" * 32, "record_too_long", 1)
    assert b"".join(chunk.data for chunk in rest).strip() == b""
    assert_places_are_exact([bad, *rest], data + line_end)
