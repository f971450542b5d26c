import json
from pathlib import Path

from loadtest.simulator import Faults, Key, Settings, Table
from loadtest.simulator.service import Service

TABLES = {"T": Table(Key("pk"))}


def body(*keys: str) -> bytes:
    return json.dumps({"RequestItems": {"T": [{"PutRequest": {"Item": {"pk": {"S": key}}}} for key in keys]}}).encode()


def bodies(spool: Path) -> list[bytes]:
    return spool.read_bytes().split(b"\n")[:-1]


def spooled(settings: Settings, *requests: bytes) -> Service:
    service = Service(settings, lambda: 0.0)
    for request in requests:
        service.statistics.received()
        service.answer(b"batchwriteitem", request)
    service.close()
    return service


def test_what_a_sink_that_only_counts_took_is_in_the_spool_in_its_order(tmp_path: Path) -> None:
    spooled(Settings(spool=tmp_path / "spool"), body("a", "b"), body("c"))
    assert bodies(tmp_path / "spool") == [body("a", "b"), body("c")]


def test_of_a_request_only_what_found_capacity_is_in_the_spool(tmp_path: Path) -> None:
    keys = [f"k{n}" for n in range(25)]
    settings = Settings(tables=TABLES, faults=Faults(throttled_items=0.5), spool=tmp_path / "spool")
    service = spooled(settings, body(*keys))
    [kept] = [json.loads(found) for found in bodies(tmp_path / "spool")]
    assert len(kept["RequestItems"]["T"]) == service.statistics.items
    assert 0 < service.statistics.items < 25


def test_what_was_taken_and_never_answered_is_in_the_spool(tmp_path: Path) -> None:
    spooled(Settings(tables=TABLES, faults=Faults(reset_after=1), spool=tmp_path / "spool"), body("a"))
    assert len(bodies(tmp_path / "spool")) == 1


def test_what_was_refused_is_not_in_the_spool(tmp_path: Path) -> None:
    spooled(Settings(tables=TABLES, spool=tmp_path / "spool"), body("a", "a"))
    assert bodies(tmp_path / "spool") == []


def test_an_empty_spool_holds_nothing(tmp_path: Path) -> None:
    spooled(Settings(spool=tmp_path / "spool"))
    assert bodies(tmp_path / "spool") == []


def test_a_body_on_several_lines_is_one_request(tmp_path: Path) -> None:
    spooled(Settings(spool=tmp_path / "spool"), body("a", "line\nend").replace(b",", b",\r\n"), body("c"))
    assert list(map(json.loads, bodies(tmp_path / "spool"))) == list(
        map(json.loads, (body("a", "line\nend"), body("c")))
    )
