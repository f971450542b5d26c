from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loadtest.simulator.requests import Write
from loadtest.simulator.written_items import WrittenItems, checksum

ITEMS = st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=12)


def put(key: str, number: int = 0, text: str = "") -> Write:
    item = {"pk": {"S": key}, "seq": {"N": str(number)}, "text": {"S": text}}
    return Write("T", {"PutRequest": {"Item": item}}, (key,), item, 10)


def written_items_of(*writes: Write, **settings: Any) -> WrittenItems:
    written_items = WrittenItems(**{"keep": "items", "sequence": "seq", **settings})
    for write in writes:
        written_items.apply(write)
    return written_items


def test_the_last_item_of_each_key_is_kept() -> None:
    written_items = written_items_of(put("a", 1), put("b", 2), put("a", 3))
    assert sorted(item["seq"]["N"] for item in written_items.items("T")) == ["2", "3"]
    assert (written_items.keys("T"), written_items.keys("other")) == (2, 0)


def test_a_lower_number_over_a_higher_one_is_out_of_order() -> None:
    written_items = written_items_of(put("a", 1), put("a", 10), put("a", 9), put("b", 1))
    assert (written_items.overwritten, written_items.out_of_order) == (2, 1)


def test_the_same_item_put_again_is_doubled_and_not_out_of_order() -> None:
    written_items = written_items_of(put("a", 1), put("a", 1))
    assert (written_items.doubled, written_items.overwritten, written_items.out_of_order) == (1, 0, 0)


def test_digests_find_the_same_faults_and_keep_no_items() -> None:
    written_items = written_items_of(put("a", 2), put("a", 1), put("a", 1), keep="digests")
    assert (written_items.doubled, written_items.out_of_order, written_items.keys("T"), written_items.items("T")) == (
        1,
        1,
        1,
        [],
    )
    assert written_items.checksum_of("T") == checksum("T", [put("a", 1).item])


def test_nothing_is_kept_unless_asked_for() -> None:
    written_items = written_items_of(put("a"), keep="nothing", sequence=None)
    assert (written_items.keys("T"), written_items.items("T")) == (0, [])


@given(ITEMS, st.randoms())
def test_the_checksum_does_not_depend_on_the_order(items: dict[str, int], chance: Any) -> None:
    writes = [put(key, number) for key, number in items.items()]
    before = written_items_of(*writes).checksum_of("T")
    chance.shuffle(writes)
    assert written_items_of(*writes).checksum_of("T") == before
    assert checksum("T", [write.item for write in writes]) == before


def test_the_checksum_reports_a_doubled_a_lost_and_a_changed_item() -> None:
    items = [put("a").item, put("b").item]
    others = [[*items, items[0]], items[:1], [items[0], put("b", text="x").item], []]
    assert len({checksum("T", found) for found in [items, *others]}) == 5
