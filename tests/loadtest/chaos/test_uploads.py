"""What is dropped and notified: seeded, remembered, and never more lost than the harness means."""

import csv
import gzip
import io
import json
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from ingest.contract import Status
from loadtest.chaos.uploads import CHANGES_TABLE, KB, TABLE, ChaosSettings, Dropper
from loadtest.harness.read_back import s3_notification

SETTINGS = ChaosSettings(seconds=1, seed=3, sizes=(KB, 50 * KB))


class Bucket:
    """The stack's client, as far as uploads need it."""

    bucket = "b"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.sent: list[str] = []

    def drop(self, key: str, data: bytes) -> str:
        self.objects[key] = data
        return f"e{len(data)}-{hash(data)}"

    def delete(self, key: str) -> None:
        del self.objects[key]

    def notification(self, key: str, **about: Any) -> str:
        return s3_notification(self.bucket, key, **about)

    def send(self, body: str) -> None:
        self.sent.append(body)


class Time:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@cache
def dropped(count: int = 200) -> tuple[Dropper, Bucket]:
    bucket, clock = Bucket(), Time()
    dropper = Dropper(bucket, SETTINGS, clock)
    for _ in range(count):
        dropper.drop()
    clock.now_s = 1000.0
    dropper.do_what_is_due()
    clock.now_s = 2000.0  # versions that came later were notified later
    dropper.do_what_is_due()
    return dropper, bucket


def test_all_is_done_in_the_end_and_each_kind_came() -> None:
    dropper, _ = dropped()
    assert not dropper.has_more
    assert min(dropper.counts.values()) > 0


def test_what_lies_in_the_bucket_is_the_last_version_of_each_key() -> None:
    dropper, bucket = dropped()
    last = {file.key: file for file in dropper.files}
    assert {key: len(data) for key, data in bucket.objects.items()} == {
        key: file.bytes for key, file in last.items() if key in bucket.objects
    }
    gone = [file for key, file in last.items() if key not in bucket.objects]
    assert len(gone) == dropper.counts["deleted"]
    assert all("" in file.statuses and file.recipe for file in gone)


def ids(text: str) -> set[str]:
    return {row["id"] for row in csv.DictReader(io.StringIO(text, newline="")) if row["id"]}


def test_no_two_files_share_a_key_and_each_knows_what_must_become_of_it() -> None:
    dropper, bucket = dropped()
    loaded = [file for file in dropper.files if file.rows and file.table == TABLE]
    texts = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in bucket.objects.values()]
    keys = [ids(text.decode()) for text in texts if text.startswith(b"customer,")]
    assert len(keys) > 100
    assert len(set().union(*keys)) == sum(map(len, keys))
    assert all(file.rows == file.items + file.superseded[1] + sum(file.rejected.values()) for file in loaded)
    assert sum(sum(file.rejected.values()) for file in loaded) > 0
    assert sum(file.superseded[1] for file in loaded) > 0


def test_files_of_changes_share_their_keys_and_come_in_any_order() -> None:
    dropper, bucket = dropped(400)
    keys = [file.key for file in dropper.files if file.table == CHANGES_TABLE]
    histories = {number: [key for key in keys if number in key] for number in {key.partition(" ")[0] for key in keys}}
    assert len(histories) == dropper.counts["changes"] > 3
    assert any(files != sorted(files) for files in histories.values())
    for files in histories.values():
        accounts = [{line.split(b",")[1] for line in bucket.objects[key].splitlines()[1:]} for key in files]
        assert len(files) >= 2
        assert accounts[0] & accounts[1]


def test_poison_is_sent_as_it_is_remembered_and_poison_files_must_fail() -> None:
    dropper, bucket = dropped()
    assert len(dropper.poison) == dropper.counts["poison message"]
    assert dropper.poison <= set(bucket.sent)
    failing = [file for file in dropper.files if file.statuses == {Status.FAILED}]
    assert len(failing) == dropper.counts["poison file"]


def test_only_files_no_one_is_to_be_reported_of_have_no_notification() -> None:
    dropper, bucket = dropped()
    notifications = [json.loads(body) for body in bucket.sent if body not in dropper.poison]
    things = [record["s3"]["object"] for message in notifications for record in message["Records"]]
    known = {(unquote_plus(thing["key"]), thing["eTag"]) for thing in things}
    versions = {(file.key, file.etag) for file in dropper.files}
    assert known <= versions
    assert len(versions - known) == dropper.counts["notified never"]
