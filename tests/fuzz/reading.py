"""What must hold for any bytes under any dialect, whatever they are: nothing crashes and no byte is lost.

`check` is the target of the fuzzer: the first bytes of its input choose the dialect, the block and the portion, the
rest is the file. `check_reading` is the same with the choices made.
"""

import re
from dataclasses import replace

from ingest.errors import FileFault, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_csv
from ingest.items.items import build_items
from ingest.items.mapping import Mapping, map_columns
from ingest.reading.blocks import BadRecord, Block, Chunk
from ingest.reading.grammar import Grammar, count_lines
from ingest.reading.reader import Reader
from ingest.rejects.reject import locate
from tests.support.fakes import opened

CHOICES: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("delimiter", (",", ";", "\t", "|", "\x01", " ", "a", ".")),
    ("quote", ('"', "'", "")),
    ("quoting", ("strict", "lenient")),
    ("blanks_around_quotes", (False, True)),
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
    b'1,"a"b\n2,"c\n3,d\n4,e\n5,", f\n6, "g" ,h\n',
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
    """Raise unless every byte of the file is in its header, in a record, or in a line that is none."""
    try:
        mapping, reader, chunks = _read(file, csv, block_bytes, portion)
    except FileFault:
        return
    in_one_go = _read(file, csv, block_bytes, len(file) + 1)[2]
    assert in_one_go == chunks, "the portions change the chunks"
    for chunk in chunks:
        if isinstance(chunk, Block):
            check_block(chunk, csv, reader, mapping)


def _read(file: bytes, csv: Csv, block_bytes: int, portion: int) -> tuple[Mapping, Reader, list[Chunk]]:
    reader = opened(file, csv, portion=portion, block_bytes=block_bytes)
    names = reader.columns
    feed = Feed("f/", "Table", names[0].replace("{", "") or "id", columns={names[-1]: "N"}, csv=csv)
    chunks = list(reader.blocks(reader.start))
    _check_chunks(file, reader.before_rows, chunks)
    return map_columns(feed, names), reader, chunks


def _check_chunks(file: bytes, before_rows: bytes, chunks: list[Chunk]) -> None:
    """What stands before the rows and the chunks, laid end to end, are the file."""
    assert file.startswith(before_rows)
    at = len(before_rows)
    for chunk in chunks:
        assert (chunk.first_byte, chunk.first_line) == (at, 1 + count_lines(file[:at]))
        assert chunk.byte_count > 0
        assert file[at:].startswith(chunk.data)
        is_end_of_file = not chunk.data and not file[at:].strip(b"\x1a")  # Ctrl-Z
        assert isinstance(chunk, BadRecord) or is_end_of_file or len(chunk.data) == chunk.byte_count
        at += chunk.byte_count
    assert at == len(file)


def check_block(block: Block, csv: Csv, reader: Reader, mapping: Mapping) -> None:
    """Every record of the block is an item or a fault; all lines between them are blank or comments."""
    spans = list(Grammar(csv).spans(block.data))
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(block.data)]
    for end, start in zip(ends, starts, strict=True):
        assert all(_is_blank_or_comment(line, csv) for line in _LINE.findall(block.data[end:start]))
    rows = reader.parse(block)
    assert rows.record_count == len(spans)
    items, faults = build_items(rows, mapping)
    records = [*items.records, *(fault.record for fault in faults + rows.faults)]
    assert sorted(records) == list(range(len(spans)))
    lost = sorted(faults + rows.faults, key=lambda fault: fault.record)
    for reject, fault in zip(locate(block, lost, reader), lost, strict=True):
        span = spans[fault.record]
        assert reject.raw == block.data[span.start : span.end]
        assert reject.byte_offset == block.first_byte + span.start
        assert reject.line == block.first_line + count_lines(block.data[: span.start])
    _check_alone(block, csv, reader)


def _check_alone(block: Block, csv: Csv, reader: Reader) -> None:
    """A record says the same alone as among others."""
    rows = reader.parse(block)
    spans = list(Grammar(csv).spans(block.data))
    for row, cells in enumerate(rows.table.slice(0, 4).to_pylist()):
        span = spans[rows.record_of(row)]
        alone = block.data[span.start : span.end]
        assert reader.parse(replace(block, data=alone)).table.to_pylist() == [cells]


def _is_blank_or_comment(line: bytes, csv: Csv) -> bool:
    return not line.strip(b"\r\n") or bool(csv.comment and line.startswith(csv.comment.encode()))
