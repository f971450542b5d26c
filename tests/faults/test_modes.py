"""Rows written one by one, with conditions and as updates, to a table that throttles, fails and loses answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from ingest.feeds.feed import Feed
from loadtest.simulator import Faults, Simulator
from tests.faults.chaos import Rule
from tests.faults.conftest import Entry, Outcome, Place, Way, counts, once, simulator
from tests.faults.files import FEED, File, Item, as_read, make_file

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MODES = {
    "newest": structs.replace(FEED, newest="seq"),
    "insert": structs.replace(FEED, write="insert"),
    "update": structs.replace(FEED, write="update"),
}
ALL_AT_ONCE = Faults(
    throttled=0.1, internal_error=0.1, reset_before=0.1, reset_after=0.1, truncated=0.05, wrong_crc32=0.05
)


def expected(file: File, feed: Feed) -> dict[Any, Item]:
    """Return what the table ends with: of each key the newest row, which is the last, the first, or all together."""
    items: dict[Any, Item] = {}
    for item in _good(file):
        key = item["customer_id"], item["order_no"]
        if feed.write == "update":
            items[key] = items.get(key, {}) | item
        elif feed.write != "insert" or key not in items:
            items[key] = item
    return items


def _good(file: File) -> Iterator[Item]:
    for number, row in enumerate(file.rows):
        if number not in file.bad:
            yield as_read(
                {
                    name: {"N" if name in ("order_no", "quantity", "seq") else "S": cell}
                    for name, cell in row.items()
                    if cell
                }
            )


def assert_landed(outcome: Outcome, file: File, feed: Feed, running: Simulator) -> None:
    """The table is what the mode makes of the file, and each row is counted once: no row is skipped for its own."""
    found = map(as_read, running.written_items.items(FEED.table))
    held = {(item["customer_id"], item["order_no"]): item for item in found}
    for item in held.values():
        item.pop("_row", None)
    wanted = expected(file, feed)
    assert held == wanted
    superseded = len(file.rows) - len(file.bad) - len(wanted)
    assert outcome.record["status"] == "COMPLETE"
    assert counts(outcome.record) == (len(file.rows), len(wanted), len(file.bad), superseded)


@pytest.mark.parametrize("feed", MODES.values(), ids=MODES)
def test_whatever_the_table_does_it_ends_as_the_mode_says(small_file: File, place: Place, feed: Feed) -> None:
    place.feed = feed
    with simulator(faults=ALL_AT_ONCE, sequence=None) as running:
        assert_landed(place.load(small_file, running.url), small_file, feed, running)
        assert running.statistics.faults["reset_after"] > 10


@pytest.mark.parametrize("feed", MODES.values(), ids=MODES)
def test_a_storm_longer_than_our_patience_ends_the_attempt_and_the_next_delivery_ends_the_file(
    place: Place, way: Way, feed: Feed
) -> None:
    """The rows that were written before are not written again, nor skipped."""
    file = make_file(rows=600, longest_note=40)  # each row is a request, and the proxy is slow
    place.feed, place.patience_s = feed, 3.0
    operation = "UpdateItem" if feed.write == "update" else "PutItem"
    storm: Rule = {"service": "dynamodb", "operation": operation, "error": {"code": "ThrottlingException"}}
    seen: list[Entry] = []

    def pass_over(record: Entry) -> None:
        seen.append(record)
        way.proxy.forget()

    with simulator(port=way.port, sequence=None) as running:
        with once(lambda: running.items > len(file.known_outcome) // 3, lambda: way.proxy.follow(storm)):
            outcome = place.load(file, way.proxy.url, deliveries=2, between=pass_over)
        assert_landed(outcome, file, feed, running)
    (waiting,) = seen
    assert (waiting["status"], waiting["error"]["code"]) == ("WAITING", "throttled")
    assert outcome.record["attempts"] == 2
