"""What a message asks for, whoever sent it: S3, SNS or EventBridge for new files, the ingester itself for the rest.

Knows the shapes that these send, and nothing of queues.
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

MAX_SENTENCE = 200  # characters of an unknown message that are repeated


@dataclass(frozen=True, slots=True)
class NewFiles:
    """Objects that were created."""

    files: tuple[FileVersion, ...]


@dataclass(frozen=True, slots=True)
class TestEvent:
    """What S3 sends when a notification is configured. Nothing to do."""

    __test__ = False  # for pytest


@dataclass(frozen=True, slots=True)
class Restored:
    """An archived object can be read now, for some days."""

    file: FileVersion


@dataclass(frozen=True, slots=True)
class Several:
    """A message with several records: the bodies of messages with one record each, so that none depends on another."""

    bodies: tuple[str, ...]


Notification = NewFiles | Restored | Several | TestEvent
KIND = "ingest"  # the field by which our messages differ from those of S3


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Look after what is stuck, and after objects whose notification was lost.

    `step` and `after` are where an earlier run was handed over, in the words of `worker.reconcile`: "" from the start;
    it looked for objects that were changed up to `until_s` (epoch seconds), 0 if it did not begin to.
    """

    step: str = ""
    after: str = ""
    until_s: float = 0.0


def read_message(body: str) -> Notification | WorkItem | Reconcile:
    """Return what a message asks for, whoever sent it.

    Raises:
        UnknownMessage: it is of no known kind; says what it looked like.
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
    """Return the files, or the segment, that a message asks for; none where it asks for something else."""
    if isinstance(asked, NewFiles):
        return tuple(map(WorkItem, asked.files))
    if isinstance(asked, Restored):
        return (WorkItem(asked.file),)
    return (asked,) if isinstance(asked, WorkItem) else ()


def reconcile_body(asked: Reconcile) -> str:
    """Return the body of the message that asks a reconciler to go on.

    >>> read_message(reconcile_body(Reconcile("list orders/", "orders/a.csv", 5.5)))
    Reconcile(step='list orders/', after='orders/a.csv', until_s=5.5)
    """
    return json.dumps({KIND: "reconcile", **asdict(asked)})


def body_of(work: WorkItem) -> str:
    """Return the body of the message that asks for some work.

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
    """Return the body of the message that says that an archived object can be read, in the place of S3's.

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
    """Return what a message of S3 asks for, as JSON gives it.

    Raises:
        UnknownMessage: it is of no known kind; says what it looked like.
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
    """Return the object that a message is.

    Raises:
        UnknownMessage: it is not one.
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
    """Keys are not URL-encoded in this envelope."""
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
    """Return the file a message names. S3 sends the right types; whoever else can write to the queue may not."""
    for name, value in fields.items():
        needed = name in ("bucket", "key")
        is_right = isinstance(value, int if name == "size_bytes" else str)
        if (needed and not value) or not (is_right or value is None):
            raise UnknownMessage(f"{otherwise}: {repr(value)[:MAX_SENTENCE]} is not a valid {name}.")
    return FileVersion(**fields)


def _names(document: dict[str, Any]) -> str:
    return ", ".join(sorted(document)[:10])[:MAX_SENTENCE] or "none"
