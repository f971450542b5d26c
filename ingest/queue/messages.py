"""The messages the ingester sends to its own queue: load a segment, load a file, look after everything."""

import json
from dataclasses import astuple, dataclass
from typing import Any

from ingest.errors import UnknownMessage
from ingest.file import FileVersion
from ingest.ledger.work_item import WorkItem
from ingest.queue.notification import Notification, json_object, read_notification
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment

KIND = "ingest"  # the field by which our messages differ from those of S3


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Look after what is stuck, and after objects whose notification was lost."""


def read_message(body: str) -> Notification | WorkItem | Reconcile:
    """Return what a message asks for, whoever sent it.

    Raises:
        UnknownMessage: it is of no known kind; says what it looked like.
    """
    document = json_object(body)
    kind = document.get(KIND)
    if kind == "reconcile":
        return Reconcile()
    return _work_in(document) if kind in ("file", "segment") else read_notification(document)


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


def _work_in(document: dict[str, Any]) -> WorkItem:
    try:
        file = FileVersion(**document["file"])
        if document[KIND] == "file":
            return WorkItem(file)
        start, end = (Position(*map(int, document[name])) for name in ("start", "end"))
        return WorkItem(file, Segment(start, end))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        kind = document[KIND]
        raise UnknownMessage(f"A message of kind {kind!r} is not as the ingester writes it: {error}.") from None
