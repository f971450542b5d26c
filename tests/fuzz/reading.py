"""What must hold for any bytes under any dialect, whatever they are: nothing crashes and no byte is lost.

`check` is the target of the fuzzer: the first bytes of its input choose the dialect, the block and the portion, the
rest is the file. `check_reading` is the same with the choices made.
"""

import re
from itertools import chain

from ingest.errors import FileFault, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_csv
from ingest.items.items import build_items
from ingest.items.mapping import Mapping, map_columns
from ingest.reading.blocks import BadRecord, Block, BlockSplitter, Chunk, Position
from ingest.reading.encoding import Charset
from ingest.reading.grammar import Grammar, count_lines
from ingest.reading.header import read_header
from ingest.reading.rows import Layout, parse_rows
from ingest.rejects.reject import locate
from tests.support.fakes import cut

CHOICES: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("delimiter", (",", ";", "\t", "|", "\x01", " ", "a", ".")),
    ("quote", ('"', "'", "")),
    ("escape", ("", "\\", "^")),
    ("header", (("id", "n"), ("id",), "first", "none", 2, ("id", "n", "t"))),
    ("comment", ("", "#", "//")),
    ("skip_lines", (0, 0, 1)),
    ("ragged", ("reject", "pad", "trim")),
    ("null_values", (("",), (), ("", "NA"))),
    ("trim", (False, True)),
    ("quoted_nulls", (True, False)),
)
BLOCKS = (8, 9, 13, 16, 31, 64, 100, 4096)
PORTIONS = (1, 2, 3, 7, 50, 4096)
SEED_BYTES = len(CHOICES) + 2
FILES = (
    b"",
    b"id,n\n1,2\n3,x\n",
    b'id,n\r\n"1\r\n2","3""4"\r\n\r\n5,6',
    b'1,"open\n2,b\n3,"c"\n' * 3,
    b"#1,2\n//3\n\n4\\,5\\\n6\r7^\r\n8",
    b"x" * 120 + b"\n1,2\n\xff,\xc3\n\xc3\xbc,1\n",
    b"a\"b,'c'\n'd\n',\"e\"f\n,,,\n \n\0,NA\n",
)
CORPUS = tuple(bytes([7 * n + k for k in range(SEED_BYTES)]) + file for n, file in enumerate(FILES))
CORPUS += tuple(bytes(SEED_BYTES) + file for file in FILES)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def check(data: bytes) -> None:
    """Raise if anything is lost, or anything breaks."""
    seed, file = data[:SEED_BYTES].ljust(SEED_BYTES, b"\0"), data[SEED_BYTES:]
    settings = {name: options[at % len(options)] for (name, options), at in zip(CHOICES, seed, strict=False)}
    try:
        csv = read_csv(settings, "csv")
    except SettingsFault:  # two marks alike
        return
    check_reading(file, csv, BLOCKS[seed[-2] % len(BLOCKS)], PORTIONS[seed[-1] % len(PORTIONS)])


def check_reading(file: bytes, csv: Csv, block_bytes: int, portion: int) -> None:
    """Raise unless every byte of the file is in its head, in a record, or in a line that is none."""
    grammar = Grammar(csv)
    try:
        mapping, layout, chunks = _read(file, csv, grammar, block_bytes, portion)
    except FileFault:
        return
    in_one_go = _read(file, csv, grammar, block_bytes, len(file) + 1)[2]
    assert in_one_go == chunks, "the portions change the pieces"
    for chunk in chunks:
        if isinstance(chunk, Block):
            check_block(chunk, layout, mapping)


def _read(
    file: bytes, csv: Csv, grammar: Grammar, block_bytes: int, portion: int
) -> tuple[Mapping, Layout, list[Chunk]]:
    portions = cut(file, portion)
    head, rest = read_header(portions, csv, grammar)
    names = head.columns
    feed = Feed("f/", "Table", names[0].replace("{", "") or "id", columns={names[-1]: "N"}, csv=csv)
    splitter = BlockSplitter(
        grammar, state=Position(head.byte_count, 1 + count_lines(head.raw)), block_bytes=block_bytes
    )
    chunks = list(chain.from_iterable(splitter.feed(portion) for portion in chain([rest], portions)))
    chunks += splitter.finish()
    _check_chunks(file, head.raw, chunks)
    return map_columns(feed, names), Layout(names, csv, grammar), chunks


def _check_chunks(file: bytes, head: bytes, chunks: list[Chunk]) -> None:
    """The head and the pieces, laid end to end, are the file."""
    assert file.startswith(head)
    at = len(head)
    for chunk in chunks:
        assert (chunk.first_byte, chunk.first_line) == (at, 1 + count_lines(file[:at]))
        assert chunk.byte_count > 0
        assert file[at:].startswith(chunk.data)
        assert isinstance(chunk, BadRecord) or len(chunk.data) == chunk.byte_count
        at += chunk.byte_count
    assert at == len(file)


def check_block(block: Block, layout: Layout, mapping: Mapping) -> None:
    """Every record of the block is an item or a fault, and between them stand only lines that are no records."""
    spans = list(layout.grammar.spans(block.data))
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(block.data)]
    for end, start in zip(ends, starts, strict=True):
        assert all(_is_no_record(line, layout.csv) for line in _LINE.findall(block.data[end:start]))
    rows = parse_rows(block.data, layout)
    assert rows.record_count == len(spans)
    items, faults = build_items(rows, mapping)
    records = [*items.records, *(fault.record for fault in faults + rows.faults)]
    assert sorted(records) == list(range(len(spans)))
    lost = sorted(faults + rows.faults, key=lambda fault: fault.record)
    for reject, fault in zip(locate(block, lost, layout.grammar, Charset(layout.csv)), lost, strict=True):
        span = spans[fault.record]
        assert reject.raw == block.data[span.start : span.end]
        assert reject.byte_offset == block.first_byte + span.start
        assert reject.line == block.first_line + count_lines(block.data[: span.start])
    _check_alone(block, layout)


def _check_alone(block: Block, layout: Layout) -> None:
    """A record says the same alone as among others."""
    rows = parse_rows(block.data, layout)
    spans = list(layout.grammar.spans(block.data))
    for row, cells in enumerate(rows.table.slice(0, 4).to_pylist()):
        span = spans[rows.record_of(row)]
        assert parse_rows(block.data[span.start : span.end], layout).table.to_pylist() == [cells]


def _is_no_record(line: bytes, csv: Csv) -> bool:
    return not line.strip(b"\r\n") or bool(csv.comment and line.startswith(csv.comment.encode()))
