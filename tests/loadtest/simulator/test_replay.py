"""What a spool holds comes to the same as what a table would hold: last one wins, whatever the order of the keys."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from loadtest.simulator.settings import Key, Table
from loadtest.simulator.written_items import Replayed, replay
from loadtest.workload.checksum import Checksum

TABLES = {"T": Table(Key("pk"), Key("sk", "N")), "Other": Table(Key("id"))}
Item = dict[str, dict[str, Any]]


def item(key: str, number: int, text: str = "x") -> Item:
    return {"pk": {"S": key}, "sk": {"N": str(number)}, "text": {"S": text}}


def spooled(folder: Path, *requests: list[Item], table: str = "T") -> Path:
    bodies = [{"RequestItems": {table: [{"PutRequest": {"Item": item}} for item in items]}} for items in requests]
    return written(folder / "spool", bodies)


def written(spool: Path, bodies: list[dict[str, Any]]) -> Path:
    spool.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")
    return spool


def replayed(folder: Path, *requests: list[Item]) -> Replayed:
    return replay(spooled(folder, *requests), TABLES)


def checksum(*items: Item) -> int:
    summed = Checksum()
    summed.add(items)
    return summed.value


def test_the_last_item_of_each_key_stays(tmp_path: Path) -> None:
    found = replayed(tmp_path, [item("a", 1), item("b", 1)], [item("a", 1, "y"), item("a", 2)]).tables["T"]
    assert (found.items, found.overwritten) == (3, 1)
    assert found.checksum == checksum(item("b", 1), item("a", 1, "y"), item("a", 2))


def test_the_same_item_again_overwrites_nothing(tmp_path: Path) -> None:
    found = replayed(tmp_path, [item("a", 1)], [item("a", 1)]).tables["T"]
    assert (found.items, found.overwritten) == (1, 0)


def test_equal_numbers_are_one_key_however_they_are_written(tmp_path: Path) -> None:
    again = {**item("a", 1), "sk": {"N": "1.0"}}
    found = replayed(tmp_path, [item("a", 1)], [again]).tables["T"]
    assert (found.items, found.overwritten, found.checksum) == (1, 0, checksum(item("a", 1)))


def test_a_content_that_was_right_in_the_end_and_wrong_before_is_seen(tmp_path: Path) -> None:
    found = replayed(tmp_path, [item("a", 1, "wrong")], [item("a", 1)]).tables["T"]
    assert (found.overwritten, found.checksum) == (1, checksum(item("a", 1)))


def test_requests_and_write_units_are_counted(tmp_path: Path) -> None:
    found = replayed(tmp_path, [item("a", 1), item("a", 2, "x" * 1500)], [item("a", 3)])
    assert (found.requests, found.write_units) == (2, 4)


def test_tables_that_no_one_wrote_to_are_empty(tmp_path: Path) -> None:
    found = replayed(tmp_path, [item("a", 1)]).tables["Other"]
    assert (found.items, found.checksum, found.overwritten, found.refused) == (0, 0, 0, ())


def test_an_empty_spool_is_empty_tables(tmp_path: Path) -> None:
    assert replayed(tmp_path).tables["T"].items == 0


@pytest.mark.parametrize(
    "request_", [[item("a", n) for n in range(26)], [item("a", 1), item("a", 1)], [{"pk": {"S": "a"}}]]
)
def test_a_request_that_dynamodb_would_refuse_is_reported_of_and_not_taken(
    request_: list[Item], tmp_path: Path
) -> None:
    found = replayed(tmp_path, request_, [item("b", 1)]).tables["T"]
    assert found.items == 1
    assert "DynamoDB would have refused 1 requests" in found.refused[0]


def test_many_writes_in_any_order_come_to_the_last_of_each_key(tmp_path: Path) -> None:
    chance = random.Random(1)
    requests = [
        list({n: item(f"k{n}", n, str(chance.random())) for n in chance.choices(range(300), k=20)}.values())
        for _ in range(400)
    ]
    last = {one["pk"]["S"]: one for request in requests for one in request}
    assert replayed(tmp_path, *requests).tables["T"].checksum == checksum(*last.values())


def test_a_deleted_item_is_not_there_until_it_is_put_again(tmp_path: Path) -> None:
    def delete(one: Item) -> dict[str, Any]:
        return {"DeleteRequest": {"Key": {name: one[name] for name in ("pk", "sk")}}}

    puts = [{"PutRequest": {"Item": item("a", number)}} for number in range(3)]
    deletes = [delete(item("a", number)) for number in (0, 1)]
    asked = (puts, deletes, [{"PutRequest": {"Item": item("a", 0, "again")}}])
    spool = written(tmp_path / "spool", [{"RequestItems": {"T": requests}} for requests in asked])
    found = replay(spool, TABLES).tables["T"]
    assert (found.items, found.overwritten) == (2, 0)
    assert found.checksum == checksum(item("a", 0, "again"), item("a", 2))
