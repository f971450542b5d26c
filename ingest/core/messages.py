"""The messages the ingester sends to its own queue: load a segment, load a file, look after everything."""

import json
from typing import Any

from ingest.core.cutter import CutState
from ingest.core.notification import FileVersion
from ingest.core.planner import Segment
from ingest.core.work import Work
from ingest.errors import UnknownMessage

KIND = "ingest"  # the field that tells our messages from those of S3
RECONCILE = json.dumps({KIND: "reconcile"})


def body_of(work: Work) -> str:
    """Return the body of the message that asks for some work.

    >>> work_in(json.loads(body_of(Work(FileVersion("b", "k", etag="e"))))).file.etag
    'e'
    """
    file = {name: getattr(work.file, name) for name in FileVersion.__slots__}
    document: dict[str, Any] = {KIND: "file", "file": {name: value for name, value in file.items() if value is not None}}
    if work.segment is not None:
        start = work.segment.start
        first = [start.byte, start.line, start.open_left, start.text_byte]
        document |= {KIND: "segment", "first": first, "end_byte": work.segment.end_byte}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def work_in(document: dict[str, Any]) -> Work:
    """Return the work a message of ours asks for.

    Raises:
        UnknownMessage: it is not as we write them.
    """
    try:
        file = FileVersion(**document["file"])
        if document[KIND] == "file":
            return Work(file)
        first = [int(number) for number in document["first"]]
        return Work(file, Segment(CutState(*first), int(document["end_byte"])))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UnknownMessage(f"A message of kind {document[KIND]!r} is not as the ingester writes them: {error}.") from None
