"""A load that goes on at any checkpoint ends as one that was never stopped: the same table, row counts and rejects."""

import gzip
from dataclasses import dataclass, field
from functools import cache

import pyarrow as pa
import pytest

from ingest.errors import InternalFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint
from ingest.rejects.reject import Reject
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

SIZES = Sizes(block=96, cell=128, window=500)
ROWS = "".join(f'k{n % 9},{"x" if n % 7 == 3 else n},"größe {n}\n{"y" * (n % 5)}"\n' for n in range(80))
TEXT = "id,n,note\n" + ROWS


@dataclass
class Outcome:
    """What a load left behind."""

    items: dict[tuple[object, ...], dict[str, object]]
    row_counts: RowCounts
    rejects: list[Reject]
    checkpoints: list[tuple[Checkpoint, int]] = field(default_factory=list)


def load(data: bytes, csv: Csv, *, begin: Checkpoint | None = None, table: FakeTable | None = None) -> Outcome:
    """Load a file; checkpoints come with how many rejects were durable at each."""
    table, rejects = table or FakeTable(), RecordingRejects()
    reported: list[tuple[Checkpoint, int]] = []

    def remember(checkpoint: Checkpoint) -> None:
        assert rejects.durable == len(rejects.taken)
        reported.append((checkpoint, rejects.durable))

    feed = Feed("f/", "Table", "id", csv=csv, columns={"n": "N"})
    made = Load(feed=feed, writer=table, rejects=rejects, at_checkpoint=remember, sizes=SIZES)
    row_counts = made.run(reading(data, 50), checkpoint=begin)
    assert row_counts.is_balanced
    return Outcome(table.items, row_counts, rejects.taken, reported)


def test_a_checkpoint_that_blocks_of_another_size_go_beyond_is_refused() -> None:
    """The rows between it and the end of the block were neither written nor counted, and the file was COMPLETE."""
    data, csv = TEXT.encode(), Csv(max_record_bytes=1024)
    whole = load(data, csv)
    feed = Feed("f/", "Table", "id", csv=csv, columns={"n": "N"})
    refused = 0
    for number, (checkpoint, _) in enumerate(whole.checkpoints):
        for block in range(40 + 24 * (number % 3), 400, 72):
            sizes = Sizes(block=block, cell=128, window=500)
            other = Load(feed=feed, writer=FakeTable(), rejects=RecordingRejects(), sizes=sizes)
            try:
                row_counts = other.run(reading(data, 50), checkpoint=checkpoint)
            except InternalFault as fault:
                assert "beyond the checkpoint" in str(fault)
                refused += 1
            else:
                assert row_counts.rows_read == whole.row_counts.rows_read
                assert row_counts.bytes_read == len(data)
    assert refused


FILES = {
    "plain": (TEXT.encode(), Csv(max_record_bytes=1024)),
    "of one-byte characters": (TEXT.encode("cp1252"), Csv(encoding="cp1252", max_record_bytes=1024)),
    "of two-byte characters": (TEXT.encode("utf-16"), Csv(encoding="utf-16", max_record_bytes=1024)),
    "gzip": (gzip.compress(TEXT.encode()), Csv(max_record_bytes=1024)),
    "zstd, of one-byte characters": (
        pa.compress(TEXT.encode("cp1252"), codec="zstd", asbytes=True),
        Csv(encoding="cp1252", max_record_bytes=1024),
    ),
    "with a foreign delimiter": (
        TEXT.replace(",", "þ").encode("cp1252"),
        Csv(delimiter="þ", encoding="cp1252", max_record_bytes=1024),
    ),
    "with a footer": (TEXT.encode() + b"2 lines\nthe end\n", Csv(footer_lines=2, max_record_bytes=1024)),
}


@cache
def resumed(name: str) -> tuple[Outcome, list[Outcome]]:
    """Return how a file is loaded as a whole, and how it is from each of its checkpoints."""
    data, csv = FILES[name]
    whole = load(data, csv)
    return whole, [load(data, csv, begin=checkpoint) for checkpoint, _ in whole.checkpoints]


@pytest.mark.parametrize("name", FILES)
def test_a_load_that_goes_on_at_any_checkpoint_ends_as_if_never_stopped(name: str) -> None:
    whole, rests = resumed(name)
    assert whole.row_counts.rows_read == 80
    assert whole.row_counts.rows_superseded > 10
    assert len(whole.checkpoints) > 5
    for (checkpoint, rejected), rest in zip(whole.checkpoints, rests, strict=True):
        assert rest.row_counts == whole.row_counts
        assert whole.rejects[:rejected] + rest.rejects == whole.rejects
        assert [later for later, _ in rest.checkpoints] == [
            later for later, _ in whole.checkpoints if later.at.byte > checkpoint.at.byte
        ]


@pytest.mark.parametrize("name", FILES)
def test_what_goes_on_writes_only_rows_behind_the_checkpoint(name: str) -> None:
    whole, rests = resumed(name)
    for rest in rests:
        for key, item in rest.items.items():
            assert item == whole.items[key]  # the last row of a key is behind any checkpoint before it
