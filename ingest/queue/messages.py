"""Reads and writes message bodies: notifications from S3, SNS or EventBridge, and the ingester's own messages.

Knows the formats of these messages; does not use a queue.
"""

import json
from dataclasses import asdict, astuple, dataclass
from typing import Any
from urllib.parse import unquote_plus

from ingest.errors import UnknownMessage
from ingest.file import FileVersion
from ingest.ledger.work_item import WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment

MAX_SENTENCE = 200  # characters of an unknown message that an error quotes


@dataclass(frozen=True, slots=True)
class NewFiles:
    """Objects that were created."""

    files: tuple[FileVersion, ...]


@dataclass(frozen=True, slots=True)
class TestEvent:
    """The message that S3 sends when a notification is configured. It needs no work."""

    __test__ = False  # for pytest


@dataclass(frozen=True, slots=True)
class Restored:
    """An archived object that can be read now, for some days."""

    file: FileVersion


@dataclass(frozen=True, slots=True)
class Several:
    """A message with several records, as the bodies of messages with one record each, which are independent."""

    bodies: tuple[str, ...]


Notification = NewFiles | Restored | Several | TestEvent
KIND = "ingest"  # the field that only our own messages have


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A request to run the reconciler: to look after stuck work, and after objects whose notification was lost.

    `step` and `after` say where an earlier run was handed over, in the terms of `worker.reconcile`; "" is the start.
    That run looked for objects changed up to `until_s` (epoch seconds); 0 if it had not begun to.
    """

    step: str = ""
    after: str = ""
    until_s: float = 0.0


def read_message(body: str) -> Notification | WorkItem | Reconcile:
    """Return what a message requests, whoever sent it.

    Raises:
        UnknownMessage: the message is not of a known kind; the error describes it.
    """
    document = json_object(body)
    kind = document.get(KIND)
    if kind == "reconcile":
        step, after, until_s = document.get("step", ""), document.get("after", ""), document.get("until_s", 0.0)
        return Reconcile(str(step), str(after), float(until_s) if isinstance(until_s, int | float) else 0.0)
    if kind == "restored":
        return Restored(_work_in(document).file)
    return _work_in(document) if kind in ("file", "segment") else read_notification(document)


def works_of(asked: Notification | WorkItem | Reconcile) -> tuple[WorkItem, ...]:
    """Return the files, or the segment, that a message names; empty if it requests something else."""
    if isinstance(asked, NewFiles):
        return tuple(map(WorkItem, asked.files))
    if isinstance(asked, Restored):
        return (WorkItem(asked.file),)
    return (asked,) if isinstance(asked, WorkItem) else ()


def reconcile_body(asked: Reconcile) -> str:
    """Return the body of the message that lets a reconciler continue.

    >>> read_message(reconcile_body(Reconcile("list orders/", "orders/a.csv", 5.5)))
    Reconcile(step='list orders/', after='orders/a.csv', until_s=5.5)
    """
    return json.dumps({KIND: "reconcile", **asdict(asked)})


def body_of(work: WorkItem) -> str:
    """Return the body of the message for some work.

    >>> read_message(body_of(WorkItem(FileVersion("b", "k", etag="e"))))
    WorkItem(file=FileVersion(bucket='b', key='k', version_id=None, etag='e', ...), segment=None)
    """
    file = {name: getattr(work.file, name) for name in FileVersion.__slots__}
    document: dict[str, Any] = {
        KIND: "file",
        "file": {name: value for name, value in file.items() if value is not None},
    }
    if work.segment is not None:
        ends = {
            name: list(astuple(place)) for name, place in (("start", work.segment.start), ("end", work.segment.end))
        }
        document |= {KIND: "segment", **ends}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def restored_body(file: FileVersion) -> str:
    """Return the body of a message that replaces S3's event for a restored object.

    >>> read_message(restored_body(FileVersion("b", "k", etag="e")))
    Restored(file=FileVersion(bucket='b', key='k', version_id=None, etag='e', ...))
    """
    return json.dumps({**json.loads(body_of(WorkItem(file))), KIND: "restored"}, ensure_ascii=False)


def _work_in(document: dict[str, Any]) -> WorkItem:
    try:
        file = FileVersion(**document["file"])
        if document[KIND] != "segment":
            return WorkItem(file)
        start, end = (Position(*map(int, document[name])) for name in ("start", "end"))
        return WorkItem(file, Segment(start, end))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        kind = document[KIND]
        raise UnknownMessage(f"A message of kind {kind!r} is not as the ingester writes it: {error}.") from None


def read_notification(document: dict[str, Any]) -> Notification:
    """Return what a message of S3 requests; `document` is its JSON.

    Raises:
        UnknownMessage: the message is not of a known kind; the error describes it.
    """
    if document.get("Type") == "Notification" and isinstance(document.get("Message"), str):
        document = json_object(document["Message"])  # SNS without raw delivery
    if document.get("Event") == "s3:TestEvent":
        return TestEvent()
    if document.get("source") == "aws.s3":
        return _from_event_bridge(document)
    records = document.get("Records")
    if isinstance(records, list) and len(records) > 1:
        return Several(tuple(json.dumps({"Records": [record]}, ensure_ascii=False) for record in records))
    if isinstance(records, list) and records:
        return _from_s3(records[0])
    raise UnknownMessage(f"The message has none of the known shapes; its fields are {_names(document)}.")


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a message.

    Raises:
        UnknownMessage: the text is not a JSON object.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnknownMessage("The message is not JSON.") from None
    if not isinstance(document, dict):
        raise UnknownMessage("The message is JSON, but not an object.")
    return document


def _from_s3(record: Any) -> NewFiles | Restored:
    try:
        source, event, version = record["eventSource"], record["eventName"], record["eventVersion"]
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key = thing["key"]
    except (TypeError, KeyError) as error:
        raise UnknownMessage(f"A record of the message is not an S3 event: {error} is missing.") from None
    is_restored, is_created = event == "ObjectRestore:Completed", str(event).startswith("ObjectCreated:")
    if source != "aws:s3" or not (is_restored or is_created) or not str(version).startswith("2."):
        raise UnknownMessage(
            f"The message is {event} {version} of {source}; only ObjectCreated and ObjectRestore:Completed 2.x of "
            "aws:s3 are taken."[:MAX_SENTENCE]
        )
    file = _file(
        "A record of the message is not an S3 event",
        bucket=bucket,
        key=unquote_plus(key) if isinstance(key, str) else key,
        version_id=thing.get("versionId"),
        etag=thing.get("eTag"),
        sequencer=thing.get("sequencer"),
        size_bytes=thing.get("size"),
        event_time=record.get("eventTime"),
    )
    return Restored(file) if is_restored else NewFiles((file,))


def _from_event_bridge(document: dict[str, Any]) -> NewFiles | Restored:
    """Return the file of an EventBridge event. Keys are not URL-encoded in this format."""
    kind = document.get("detail-type")
    if kind not in ("Object Created", "Object Restore Completed"):
        raise UnknownMessage(
            f"The message is {repr(kind)[:MAX_SENTENCE]} of aws.s3; only 'Object Created' and 'Object Restore "
            "Completed' are taken."
        )
    try:
        bucket, thing = document["detail"]["bucket"]["name"], document["detail"]["object"]
        key = thing["key"]
    except (TypeError, KeyError) as error:
        raise UnknownMessage(f"The EventBridge message has no {error}.") from None
    file = _file(
        "The EventBridge message is not an S3 event",
        bucket=bucket,
        key=key,
        version_id=thing.get("version-id"),
        etag=thing.get("etag"),
        sequencer=thing.get("sequencer"),
        size_bytes=thing.get("size"),
        event_time=document.get("time"),
    )
    return Restored(file) if kind == "Object Restore Completed" else NewFiles((file,))


def _file(otherwise: str, **fields: Any) -> FileVersion:
    """Return the file that a message names. The types are checked, because others than S3 may write to the queue."""
    for name, value in fields.items():
        needed = name in ("bucket", "key")
        is_right = isinstance(value, int if name == "size_bytes" else str)
        if (needed and not value) or not (is_right or value is None):
            raise UnknownMessage(f"{otherwise}: {repr(value)[:MAX_SENTENCE]} is not a valid {name}.")
    return FileVersion(**fields)


def _names(document: dict[str, Any]) -> str:
    return ", ".join(sorted(document)[:10])[:MAX_SENTENCE] or "none"
