from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.simulator.requests import Write
from loadtest.simulator.written_items import WrittenItems, checksum

ITEMS = st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=12)


def put(key: str, number: int = 0, text: str = "") -> Write:
    item = {"pk": {"S": key}, "seq": {"N": str(number)}, "text": {"S": text}}
    return Write("T", "T", {"PutRequest": {"Item": item}}, (key,), item, 10)


def written_items_of(*writes: Write) -> WrittenItems:
    written_items = WrittenItems("seq")
    for write in writes:
        written_items.set(write, write.item)
    return written_items


def test_the_last_item_of_each_key_is_kept() -> None:
    written_items = written_items_of(put("a", 1), put("b", 2), put("a", 3))
    assert sorted(item["seq"]["N"] for item in written_items.items("T")) == ["2", "3"]
    assert written_items.items("other") == []


def test_a_lower_number_over_a_higher_one_is_out_of_order() -> None:
    written_items = written_items_of(put("a", 1), put("a", 10), put("a", 9), put("b", 1))
    assert written_items.out_of_order == 1


def test_the_same_item_put_again_is_doubled_and_not_out_of_order() -> None:
    written_items = written_items_of(put("a", 1), put("a", 1))
    assert (written_items.doubled, written_items.out_of_order) == (1, 0)


@settings(max_examples=30)
@given(ITEMS, st.randoms())
def test_the_checksum_does_not_depend_on_the_order(items: dict[str, int], chance: Any) -> None:
    writes = [put(key, number) for key, number in items.items()]
    before = checksum(written_items_of(*writes).items("T"))
    chance.shuffle(writes)
    assert checksum(written_items_of(*writes).items("T")) == before
    assert checksum([write.item for write in writes if write.item]) == before


def test_the_checksum_reports_a_doubled_a_lost_and_a_changed_item() -> None:
    items: list[Any] = [put("a").item, put("b").item]
    others = [[*items, items[0]], items[:1], [items[0], put("b", text="x").item], []]
    assert len({checksum(found) for found in [items, *others]}) == 5
