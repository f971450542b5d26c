"""What items cost: sizes, write units of the table and of each index, keys that get many of the writes."""

from collections import Counter

from ingest.estimate.cost import WriteCostEstimator, summary
from ingest.feeds.feed import Feed, Index
from ingest.items.items import Items
from tests.support.fakes import no_heartbeat
from tests.support.tables import attribute, items_of

FEED = Feed("o/", "Orders", "id", indexes={"by_state": Index("state", "at")})


def orders(*rows: dict[str, str]) -> Items:
    names = ("id", "state", "at", "note")
    columns = [attribute(name, "S", [row.get(name) for row in rows]) for name in names]
    return items_of(*columns, keys=FEED.key_attributes())


def units(estimator: WriteCostEstimator) -> dict[str | None, int]:
    return {target.index: target.units for target in estimator.targets}


def test_an_item_costs_a_unit_for_each_kib_begun_names_included() -> None:
    estimator = WriteCostEstimator(FEED)
    estimator.write(
        orders({"id": "a"}, {"id": "b", "note": "x" * (1024 - 7)}, {"id": "c", "note": "x" * (1024 - 6)}), no_heartbeat
    )
    assert estimator.sizes == Counter({3: 1, 1024: 1, 1025: 1})
    assert (units(estimator), estimator.items) == ({None: 1 + 1 + 2, "by_state": 0}, 3)


def test_an_item_is_in_an_index_only_with_all_of_its_keys_and_whole() -> None:
    estimator = WriteCostEstimator(FEED)
    both = {"id": "a", "state": "open", "at": "1", "note": "x" * 1100}
    estimator.write(orders(both, {"id": "b", "state": "open"}, {"id": "c", "at": "1"}), no_heartbeat)
    assert units(estimator) == {None: 4, "by_state": 2}
    assert estimator.units == 6


def test_a_file_without_the_column_of_an_index_writes_nothing_to_it() -> None:
    estimator = WriteCostEstimator(FEED)
    estimator.write(items_of(attribute("id", "S", ["a"]), keys=FEED.key_attributes()), no_heartbeat)
    assert units(estimator) == {None: 1, "by_state": 0}


def test_the_key_with_the_most_writes_is_found_with_its_share() -> None:
    estimator = WriteCostEstimator(FEED)
    estimator.write(
        orders(*({"id": str(n), "state": "open" if n % 4 else "done", "at": "1"} for n in range(400))), no_heartbeat
    )
    table, index = estimator.targets
    assert table.hot_keys.hottest() is None  # no key has two writes
    assert index.hot_keys.hottest() == ("open", 0.75)
    assert index.hot_keys.hottest_units == 300


def test_keys_that_stand_together_are_hot_at_one_time_but_not_overall() -> None:
    estimator = WriteCostEstimator(FEED)
    for block in range(10):
        rows = ({"id": str(n), "state": f"s{block}", "at": "1"} for n in range(100))
        estimator.write(orders(*rows), no_heartbeat)
    hot_keys = estimator.targets[1].hot_keys
    assert (hot_keys.hottest_units, hot_keys.writes) == (1000, 1000)
    assert hot_keys.hottest() == ("s0", 0.1)


def test_no_items_have_no_sizes() -> None:
    estimator = WriteCostEstimator(FEED)
    estimator.write(orders(), no_heartbeat)
    assert (summary(estimator.sizes), estimator.units) == (None, 0)
