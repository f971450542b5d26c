"""Every byte of an object is seen before its file is COMPLETE, and how it ended is said with the same numbers."""

import bz2
import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from ingest.contract import Status
from ingest.errors import ObjectSuperseded
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Feeds, RowLimit
from ingest.file import FileVersion
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.support.fakes import FakeObjects
from tests.support.world import KEY, World, event

TEXT = "id,n\n" + "".join(f"k{n},{n}\n" for n in range(50))
SMALL = Sizes(block=60, cell=60, window=200)


class ShortObjects(FakeObjects):
    """Ends what it reads some bytes too early, as if that were all."""

    left_out = 0

    def portions(self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0) -> Iterator[bytes]:  # type: ignore[override]
        most = len(self.contents[file.key]) - self.left_out
        yield from super().portions(file, start, most if end is None else min(end, most))


FORMS: dict[str, tuple[Callable[[str], bytes], Csv]] = {
    "plain": (str.encode, Csv()),
    "one byte a character": (lambda text: text.encode("cp1252"), Csv(encoding="cp1252")),
    "two bytes a character": (lambda text: text.encode("utf-16"), Csv(encoding="utf-16")),
    "several spellings": (lambda text: text.encode("utf-7"), Csv(encoding="utf-7")),
    "with a footer": (lambda text: f"{text}Total: 50\n".encode(), Csv(footer_lines=1)),
    "gzip": (lambda text: gzip.compress(text.encode()), Csv()),
    "gzip with padding": (lambda text: gzip.compress(text.encode()) + bytes(99), Csv()),
    "zstd": (lambda text: pa.compress(text.encode(), codec="zstd", asbytes=True), Csv()),
    "bz2": (lambda text: bz2.compress(text.encode()), Csv()),
}


def loaded(form: str, *, left_out: int = 0, stop_after: int | None = None) -> World:
    """Load a file, of which the last bytes are never read; or go on with it where a worker has died."""
    encode, csv = FORMS[form]
    world = World()
    world.objects = ShortObjects({KEY: encode(TEXT)})
    world.objects.left_out = left_out
    feeds = Feeds({"orders": Feed("orders/", "Orders", "id", columns={"n": "N"}, csv=csv)})
    world.dispatcher = world.build(feeds, sizes=SMALL, timing=Timing(checkpoint_s=0))
    world.take(event(KEY))
    return world


@pytest.mark.parametrize("form", FORMS)
def test_a_file_all_of_whose_bytes_were_seen_is_complete(form: str) -> None:
    entry = loaded(form).entry()
    assert (entry.status, entry.row_counts.rows_read) == (Status.COMPLETE, 50)


@pytest.mark.parametrize(
    ("form", "left_out"),
    [("plain", 1), ("plain", 6), ("one byte a character", 6), ("two bytes a character", 12), ("with a footer", 10)],
)
def test_a_file_of_which_bytes_are_missing_is_not_complete(form: str, left_out: int) -> None:
    """Its rows added up, and no one had looked at the bytes of a file that was not split."""
    entry = loaded(form, left_out=left_out).entry()
    assert entry.status == Status.UNBALANCED
    assert entry.row_counts.is_balanced


def test_padding_of_a_compressed_file_that_is_not_read_is_missed() -> None:
    assert loaded("gzip with padding", left_out=50).entry().status == Status.UNBALANCED


@pytest.mark.parametrize("form", ["gzip", "zstd", "bz2"])
def test_a_compressed_file_that_is_cut_short_fails(form: str) -> None:
    entry = loaded(form, left_out=3).entry()
    assert (entry.status, entry.error_code) == (Status.FAILED, "bad_compression")


# --- a file that is ended early ---


def split(*, limit: RowLimit | None = None) -> World:
    """Split a file of 51 bytes a segment; its header was seen 500 s before its segments are taken."""
    world = World(segment_bytes=51, limit=limit, sizes=replace(SMALL, block=30))
    world.objects.contents[KEY] = TEXT.encode()
    world.take(event(KEY))
    world.clock.time_s += 500
    world.deadline_s += 500
    return world


def test_a_file_that_a_segment_ends_counts_and_reports_the_same_and_from_its_own_start() -> None:
    """Its seconds were the segment's, and its ledger entry went on counting after the event was sent."""
    world = split()
    bodies = [message.body for message in world.queue.sent]
    world.take(bodies[0], message_id="s0")
    world.objects.breaks[KEY] = (5, ObjectSuperseded("It was overwritten."))
    world.take(bodies[-1], message_id="s1")
    del world.objects.breaks[KEY]
    entry = world.entry()
    at_the_end = entry.row_counts
    for number, body in enumerate(bodies[1:-1]):
        world.take(body, message_id=f"t{number}")
    ((_, _, outcome),) = world.events.reported
    assert (outcome.status, outcome.seconds) == (Status.SUPERSEDED, pytest.approx(500))
    assert outcome.row_counts == at_the_end == entry.row_counts
    assert entry.outcome == outcome
    assert at_the_end.rows_read > 0
    seen = world.ledger.queries.entry(entry.work)
    assert seen is not None
    assert seen.may_hold_more


def test_a_file_that_fails_by_its_header_holds_nothing_more() -> None:
    world = World()
    world.objects.contents[KEY] = b"no,header\n1,2\n"
    world.take(event(KEY))
    entry = world.ledger.queries.entry(world.entry().work)
    assert entry is not None
    assert (entry.status, entry.may_hold_more) == (Status.FAILED, False)


def test_a_stale_file_that_was_begun_took_as_long_as_it_was_open() -> None:
    world = split()
    world.take(event(KEY, sequencer="0066F3"), message_id="m2")
    world.take(event(KEY), message_id="m3")
    old = next(outcome for file, _, outcome in world.events.reported if file.sequencer == "0066F2")
    assert (old.status, old.seconds) == (Status.SUPERSEDED, pytest.approx(500))
