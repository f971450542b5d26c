"""No message dies with another: what is garbage, fails, or kills the function costs only itself."""

import io
import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from ingest.contract import Status
from ingest.errors import ObjectArchived, SettingsFault, TableMissing, UnknownMessage, WorkerKilled
from ingest.file import FileVersion
from ingest.ledger.row_counts import RowCounts
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.worker.batch import BatchHandler, logger
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.model.sqs import Delivery, MemoryQueue
from tests.support.fakes import FakeObjects
from tests.support.world import EVENTS, KEY, World, event

POISON = "orders/poison.csv"
HIDDEN_S = 5400  # by the queue itself, until the function says otherwise


class KilledError(BaseException):
    """Ends the function as SIGKILL does: nothing of ours may catch it."""


class DeadlyObjects(FakeObjects):
    """Objects of which some kill whoever reads a byte of them, and those behind it."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__(contents)
        self.deadly_from: dict[str, int] = {}

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        for portion in super().portions(file, start, end):
            start += len(portion)
            if start > self.deadly_from.get(file.key, 10**9):
                raise KilledError
            yield portion


class Deployed:
    """The function and its queue, which hands it batches of ten until all are done with."""

    def __init__(self, *, max_receive_count: int = 5, **sizes: Any) -> None:
        self.world = World()
        self.world.objects = self.objects = DeadlyObjects(self.world.objects.contents)
        self.clock = self.world.clock
        self.queue = MemoryQueue(self.clock.now_s, max_receive_count)
        self.world.queue = self.queue  # type: ignore[assignment]
        self.kills = 0
        self.batches: list[list[str]] = []
        self._held: dict[str, Delivery] = {}
        dispatcher = self.world.build(self.world.feeds, max_receive_count=max_receive_count, **sizes)
        parts: Any = {"dispatcher": dispatcher, "queue": self, "clock": self.clock}
        self.function = BatchHandler(**parts, timing=Timing(), retry_base_s=30, retry_cap_s=900)

    def drop(self, key: str, data: bytes = b"id,n\na,1\n") -> str:
        self.world.objects.contents[key] = data
        return event(key)

    def kill_at(self, key: str, byte: int = 0) -> None:
        """Kill whoever reads a byte of an object."""
        self.objects.deadly_from[key] = byte

    def drain(self) -> float:
        """Let the function take its messages until there is none; return how many seconds that took."""
        begun_s = self.clock.time_s
        for _ in range(100):
            if not self.queue.messages:
                return self.clock.time_s - begun_s
            if not self.answer():
                self.clock.time_s = max(self.clock.time_s, self.queue.next_s() or 0.0)
        raise AssertionError("it never ends")

    def answer(self) -> bool:
        """Let the function take one batch; return whether there was a message."""
        batch = [delivery for _ in range(10) if (delivery := self.queue.receive(HIDDEN_S))]
        if batch:
            self._answer(batch)
        return bool(batch)

    def _answer(self, batch: list[Delivery]) -> None:
        self._held = {f"{delivery.message.message_id}#{delivery.receipt}": delivery for delivery in batch}
        self.batches.append([delivery.message.message_id for delivery in batch])
        try:
            reply = self.function.answer({"Records": [record_of(*item) for item in self._held.items()]}, 900)
        except KilledError:
            self.kills += 1
            return
        failed = {failure["itemIdentifier"] for failure in reply["batchItemFailures"]}
        for delivery in batch:
            if delivery.message.message_id not in failed:
                self.queue.delete(delivery)

    def keep(self, receipt_handles: set[str], seconds: int) -> None:
        for handle in receipt_handles:
            self.queue.hide(self._held[handle], seconds)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        self.queue.hide(self._held[receipt_handle], seconds)

    def delete(self, receipt_handles: list[str]) -> None:
        for handle in receipt_handles:
            self.queue.delete(self._held[handle])

    def statuses(self, *keys: str) -> set[str]:
        return {self.world.entry(key).status for key in keys}


def record_of(handle: str, delivery: Delivery) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((EVENTS / "sqs_record.json").read_text(encoding="utf-8"))
    message = delivery.message
    record |= {"messageId": message.message_id, "receiptHandle": handle, "body": message.body}
    record["attributes"]["ApproximateReceiveCount"] = str(message.received)
    counts = {"hops": message.hops, "stalls": message.stalls}
    record["messageAttributes"] = {
        name: {"stringValue": str(n), "dataType": "Number"} for name, n in counts.items() if n
    }
    return record


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


# --- messages that are garbage, or part of which is ---


@pytest.mark.parametrize("value", ["soon", "-1", "1e5", "", "9" * 5000, None, "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_message_whose_attributes_are_garbage_is_dead_lettered_alone(value: str | None) -> None:
    deployed = Deployed()
    deployed.queue.send([deployed.drop("orders/1.csv"), deployed.drop("orders/2.csv")])
    records = [record_of(str(n), Delivery(message, 1)) for n, message in enumerate(deployed.queue.messages)]
    records[0]["messageAttributes"] = {"hops": {"stringValue": value, "dataType": "String"}}
    assert deployed.function.answer({"Records": records}, 900) == {"batchItemFailures": []}
    ((body, code, reason),) = deployed.world.dead_letters.dead_lettered
    assert (body, code) == (event("orders/1.csv"), UnknownMessage.code)
    assert reason == "The message attribute hops is not a whole number; the ingester did not write it."
    assert [entry.work.file.key for entry in deployed.world.ledger.files()] == ["orders/2.csv"]


def test_a_record_without_attributes_is_a_first_delivery() -> None:
    deployed = Deployed()
    record = {"messageId": "m", "receiptHandle": "h", "body": deployed.drop(KEY)}
    assert deployed.function.answer({"Records": [record]}, 900) == {"batchItemFailures": []}
    assert deployed.statuses(KEY) == {Status.COMPLETE}


def several(*bodies: str) -> str:
    return json.dumps({"Records": [record for body in bodies for record in json.loads(body)["Records"]]})


def test_a_record_of_a_removed_object_costs_the_good_ones_beside_it_nothing() -> None:
    deployed = Deployed()
    removed = (EVENTS / "s3_removed.json").read_text(encoding="utf-8")
    deployed.queue.send([several(deployed.drop("orders/1.csv"), removed, deployed.drop("orders/2.csv"))])
    assert deployed.drain() == 0
    assert deployed.statuses("orders/1.csv", "orders/2.csv") == {Status.COMPLETE}
    ((body, code, reason),) = deployed.world.dead_letters.dead_lettered
    assert json.loads(body) == {"Records": json.loads(removed)["Records"]}
    assert (code, "ObjectRemoved" in reason) == (UnknownMessage.code, True)
    assert deployed.queue.dead == []


def test_a_file_whose_table_is_missing_costs_twenty_others_in_its_message_nothing() -> None:
    deployed = Deployed()
    deployed.world.objects.breaks[POISON] = (0, TableMissing("no table"))
    good = [f"orders/{n}.csv" for n in range(20)]
    deployed.queue.send([several(deployed.drop(POISON), *map(deployed.drop, good))])
    deployed.drain()
    assert deployed.statuses(*good) == {Status.COMPLETE}
    (dead,) = deployed.queue.dead
    assert [record["s3"]["object"]["key"] for record in json.loads(dead.body)["Records"]] == [POISON]
    assert deployed.statuses(POISON) == {Status.WAITING}


def test_a_message_of_several_records_that_cannot_be_sent_on_comes_back_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployed = Deployed()
    deployed.queue.send([several(deployed.drop("orders/1.csv"), deployed.drop("orders/2.csv"))])
    with monkeypatch.context() as patched:
        patched.setattr(deployed.queue, "send", broken)
        deployed.answer()
    assert [message.message_id for message in deployed.queue.messages] == ["m1"]
    deployed.drain()
    assert deployed.statuses("orders/1.csv", "orders/2.csv") == {Status.COMPLETE}


def broken(*args: Any, **more: Any) -> None:
    raise TableMissing("the queue is gone")


# --- files that kill the function ---


@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("max_receive_count", [5, 3, 15])
def test_a_file_that_kills_the_function_costs_only_itself(place: int, max_receive_count: int) -> None:
    deployed = Deployed(max_receive_count=max_receive_count)
    keys = [f"orders/{n}.csv" for n in range(10)]
    keys[place] = POISON
    deployed.kill_at(POISON)
    deployed.queue.send(list(map(deployed.drop, keys)))
    deployed.drain()
    good = [key for key in keys if key != POISON]
    assert deployed.statuses(*good) == {Status.COMPLETE}
    assert {deployed.world.entry(key).attempts for key in good} == {1}
    assert deployed.kills == max(2, max_receive_count - 2)
    assert deployed.queue.dead == []  # the ingester itself says why
    ((body, code, reason),) = deployed.world.dead_letters.dead_lettered
    assert (body, code) == (event(POISON), WorkerKilled.code)
    assert f"{deployed.kills} functions in a row were killed while they loaded s3://landing-example/{POISON}" in reason


def test_the_file_that_killed_the_function_has_failed_and_is_reported() -> None:
    deployed = Deployed()
    deployed.kill_at(POISON)
    deployed.queue.send([deployed.drop(POISON)])
    deployed.drain()
    entry = deployed.world.entry(POISON)
    assert (entry.status, entry.error and entry.error.code) == (Status.FAILED, "worker_killed")
    assert [outcome.error.code for _, _, outcome in deployed.world.events.reported if outcome.error] == [
        "worker_killed"
    ]
    assert deployed.world.logged[0][0] == "message dead-lettered"


def test_two_files_that_kill_the_function_are_never_handled_together() -> None:
    deployed = Deployed()
    keys = [f"orders/{n}.csv" for n in range(3)]
    for key in ("orders/x.csv", "orders/y.csv"):
        deployed.kill_at(key)
    deployed.queue.send([deployed.drop(key) for key in ("orders/x.csv", *keys, "orders/y.csv")])
    deployed.drain()
    assert deployed.statuses(*keys) == {Status.COMPLETE}
    assert deployed.statuses("orders/x.csv", "orders/y.csv") == {Status.FAILED}
    assert {code for _, code, _ in deployed.world.dead_letters.dead_lettered} == {"worker_killed"}
    assert deployed.queue.dead == []


def test_eight_files_that_kill_the_function_leave_two_others_in_their_batch_alone() -> None:
    deployed = Deployed()
    deadly = [f"orders/deadly-{n}.csv" for n in range(8)]
    for key in deadly:
        deployed.kill_at(key)
    deployed.queue.send([deployed.drop(key) for key in (*deadly, "orders/1.csv", "orders/2.csv")])
    deployed.drain()
    assert deployed.statuses("orders/1.csv", "orders/2.csv") == {Status.COMPLETE}
    assert deployed.statuses(*deadly) == {Status.FAILED}
    assert deployed.queue.dead == []
    assert deployed.kills == 8 * 3


def test_messages_that_fail_by_themselves_keep_their_count_beside_one_that_kills() -> None:
    deployed = Deployed()
    deployed.world.objects.breaks["orders/1.csv"] = (0, TableMissing("no table"))
    deployed.kill_at(POISON)
    deployed.queue.send([deployed.drop(POISON), deployed.drop("orders/1.csv")])
    deployed.drain()
    assert [message.message_id for message in deployed.queue.dead] == ["m2"]
    assert deployed.statuses(POISON) == {Status.FAILED}


def test_a_message_that_cannot_be_sent_again_stays_with_the_one_that_kills(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    deployed = Deployed()
    for key in ("orders/x.csv", "orders/y.csv"):
        deployed.kill_at(key)
    deployed.queue.send([deployed.drop("orders/x.csv"), deployed.drop("orders/y.csv")])
    monkeypatch.setattr(deployed.queue, "send", broken)
    deployed.drain()
    assert [message.message_id for message in deployed.queue.dead] == ["m1", "m2"]  # by SQS, without a reason
    assert "message stays with one that is a danger" in log.getvalue()


def test_messages_that_are_done_do_not_come_back_with_one_that_kills() -> None:
    deployed = Deployed()
    deployed.clock.tick_s = 0.5  # a file takes longer than messages wait to be deleted
    deployed.kill_at(POISON)
    deployed.queue.send([deployed.drop("orders/1.csv"), deployed.drop(POISON), deployed.drop("orders/2.csv")])
    deployed.drain()
    assert [*map(set, deployed.batches[:2])] == [{"m1", "m2", "m3"}, {"m2", "m3"}]
    assert deployed.world.metrics.sums("orders").get("FilesDuplicate") is None


def test_those_done_in_the_last_second_before_a_kill_come_back_once_as_duplicates() -> None:
    deployed = Deployed()
    deployed.kill_at(POISON)
    deployed.queue.send([deployed.drop("orders/1.csv"), deployed.drop(POISON), deployed.drop("orders/2.csv")])
    deployed.drain()
    assert deployed.batches[:3] == [["m1", "m2", "m3"], ["m1", "m2", "m3"], ["m2"]]
    assert deployed.world.metrics.sums("orders")["FilesDuplicate"] == 1
    assert deployed.statuses("orders/1.csv", "orders/2.csv") == {Status.COMPLETE}


def test_what_was_delivered_before_comes_last_in_its_batch() -> None:
    deployed = Deployed()
    deployed.queue.send([deployed.drop("orders/1.csv"), deployed.drop("orders/2.csv")])
    deployed.queue.messages[0].received = 1
    deployed.drain()
    assert [file.key for file, _, _ in deployed.world.events.reported] == ["orders/2.csv", "orders/1.csv"]


def test_a_segment_that_kills_the_function_ends_its_file_and_no_other() -> None:
    deployed = Deployed(segment_bytes=40, sizes=Sizes(block=20, cell=36, window=48))
    rows = b"".join(b"k%02d,%d\n" % (n, n) for n in range(20))
    deployed.queue.send([deployed.drop(POISON, b"id,n\n" + rows)])
    deployed.answer()  # it is split
    deployed.kill_at(POISON, 60)
    deployed.queue.send([deployed.drop("orders/1.csv")])
    deployed.drain()
    assert deployed.statuses("orders/1.csv") == {Status.COMPLETE}
    entry = deployed.world.entry(POISON)
    assert (entry.status, entry.error and entry.error.code) == (Status.FAILED, "worker_killed")
    assert deployed.queue.dead == []
    assert "worker_killed" in {code for _, code, _ in deployed.world.dead_letters.dead_lettered}


def test_rows_that_a_killed_file_has_written_stay_counted() -> None:
    deployed = Deployed(sizes=Sizes(block=20, cell=36, window=48), timing=Timing(checkpoint_s=0))
    deployed.kill_at(POISON, 110)
    data = b"id,n\n" + b"".join(b"k%02d,%d\n" % (n, n) for n in range(40))
    deployed.queue.send([deployed.drop(POISON, data)])
    deployed.drain()
    entry = deployed.world.entry(POISON)
    assert (entry.status, entry.error and entry.error.code) == (Status.FAILED, "worker_killed")
    assert entry.row_counts.rows_written > 0
    assert entry.checkpoint is not None
    assert entry.checkpoint.row_counts == entry.row_counts


def test_a_ledger_that_cannot_be_asked_decides_nothing_about_the_order(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    deployed = Deployed()
    deployed.queue.send([deployed.drop("orders/1.csv")])
    deployed.queue.messages[0].received = 1
    monkeypatch.setattr(deployed.world.ledger, "entry", broken)
    deployed.drain()
    assert deployed.statuses("orders/1.csv") == {Status.COMPLETE}
    assert json.loads(log.getvalue().splitlines()[0])["message"] == "not known whether a message is a danger"


# --- invocations by something else ---


@pytest.mark.parametrize(
    ("invoked_with", "what"),
    [
        ({}, "(dict)"),
        (None, "(NoneType)"),
        ("hello", "(str)"),
        ([], "(list)"),
        ({"key1": 1, "key2": 2}, "(fields key1, key2)"),
        ({"Records": "x"}, "(fields Records)"),
        (json.loads((EVENTS / "s3_put.json").read_text(encoding="utf-8")), "eventSource"),
        ({"Records": [None]}, "(NoneType)"),
        ({"Records": [{"messageId": "m", "receiptHandle": "h", "body": 7}]}, "(fields body, messageId, receiptHandle)"),
    ],
    ids=["empty", "null", "text", "a list", "the console's test", "no records", "of S3", "null record", "no body"],
)
def test_anything_but_a_batch_of_messages_is_refused_in_one_clear_line(
    invoked_with: Any, what: str, log: io.StringIO
) -> None:
    with pytest.raises(SettingsFault, match="invoked with something other than a batch of SQS messages") as caught:
        Deployed().function.answer(invoked_with, 900)
    assert what in str(caught.value)
    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["level"], line["error"]) == ("ERROR", str(caught.value))


# --- archived objects ---


def restored(name: str, **fields: Any) -> str:
    document = json.loads(event(name, eventName="ObjectRestore:Completed"))
    del document["Records"][0]["s3"]["object"]["sequencer"]
    document["Records"][0]["s3"]["object"] |= fields
    return json.dumps(document)


def archived() -> Deployed:
    deployed = Deployed()
    deployed.world.objects.breaks[KEY] = (0, ObjectArchived("It is archived."))
    deployed.queue.send([event(KEY)])
    assert deployed.drain() == 0
    return deployed


def attempts(deployed: Deployed) -> list[tuple[int | None, str]]:
    return [(entry.work.file.retry, entry.status) for entry in deployed.world.ledger.files()]


def test_an_archived_object_is_not_retried() -> None:
    deployed = archived()
    entry = deployed.world.entry()
    assert (entry.status, entry.error and entry.error.code) == (Status.FAILED, "archived")
    assert (entry.attempts, deployed.queue.dead, deployed.world.dead_letters.dead_lettered) == (1, [], [])


def test_an_archived_object_is_loaded_when_it_is_restored_and_only_then() -> None:
    deployed = archived()
    deployed.queue.send([event(KEY)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED)]
    del deployed.world.objects.breaks[KEY]
    deployed.queue.send([restored(KEY), restored(KEY)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED), (1, Status.COMPLETE)]
    assert deployed.world.table.items[("a",)]["n"] == 1


def test_an_object_that_is_archived_again_waits_for_its_next_restoration() -> None:
    deployed = archived()
    deployed.queue.send([restored(KEY)])
    deployed.drain()
    del deployed.world.objects.breaks[KEY]
    deployed.queue.send([restored(KEY)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED), (1, Status.FAILED), (2, Status.COMPLETE)]


def test_a_restored_object_is_not_loaded_under_a_name_that_a_retry_has_used_and_was_cut_off() -> None:
    deployed = archived()
    ledger = deployed.world.ledger
    left = replace(deployed.world.entry().work.file, retry=1)
    ledger.carry_over(left, Segment(Position(5, 2), Position(10, 3)), RowCounts(1, 1, 0, 0, 5))
    del deployed.world.objects.breaks[KEY]
    deployed.queue.send([restored(KEY)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED), (2, Status.COMPLETE)]


def test_a_worker_that_was_killed_after_it_had_begun_the_new_attempt_leaves_it_to_the_next() -> None:
    deployed = archived()
    del deployed.world.objects.breaks[KEY]
    deployed.kill_at(KEY)
    deployed.queue.send([restored(KEY)])
    deployed.answer()
    assert attempts(deployed)[1] == (1, Status.LOADING)
    del deployed.objects.deadly_from[KEY]
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED), (1, Status.COMPLETE)]


def test_an_object_that_was_loaded_before_it_was_archived_is_not_loaded_when_it_is_restored() -> None:
    deployed = Deployed()
    deployed.queue.send([event(KEY), restored(KEY)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.COMPLETE)]


@pytest.mark.parametrize("fields", [{"eTag": "of another content"}, {"key": "orders/never heard of.csv"}])
def test_a_restored_object_that_the_ledger_does_not_know_is_left_alone(fields: dict[str, str]) -> None:
    deployed = archived()
    deployed.queue.send([restored(KEY, **fields)])
    deployed.drain()
    assert attempts(deployed) == [(None, Status.FAILED)]
    assert deployed.world.logged[-1][0] == "restored object is not known"


def test_a_restored_version_is_not_another_of_the_same_content() -> None:
    deployed = Deployed()
    deployed.world.objects.breaks[KEY] = (0, ObjectArchived("It is archived."))
    for version, sequencer in (("v1", "01"), ("v2", "02")):
        document = json.loads(event(KEY, sequencer=sequencer))
        document["Records"][0]["s3"]["object"]["versionId"] = version
        deployed.queue.send([json.dumps(document)])
    deployed.drain()
    deployed.queue.send([restored(KEY, versionId="v2")])
    del deployed.world.objects.breaks[KEY]
    deployed.drain()
    found = [
        (entry.work.file.version_id, entry.work.file.retry, entry.status) for entry in deployed.world.ledger.files()
    ]
    assert found == [("v1", None, Status.FAILED), ("v2", None, Status.FAILED), ("v2", 1, Status.COMPLETE)]
    deployed.queue.send([restored(KEY, versionId="v1")])  # the older one is not wanted any more
    deployed.drain()
    assert deployed.world.ledger.files()[-1].status == Status.SUPERSEDED
    assert deployed.world.ledger.files()[-1].work.file.version_id == "v1"
