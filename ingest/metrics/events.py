"""How files ended, as events on the account's event bus."""

import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.contract import Event
from ingest.errors import Unavailable
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.table import MAX_MESSAGE

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


class EventBus:
    """Puts events on the default event bus."""

    def __init__(self, connect: Callable[[], "EventBridgeClient"], *, stack: str) -> None:
        """`connect` makes the client when the first event is put: making it earlier would slow the cold start."""
        self._client = cache(connect)
        self._stack = stack

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Put one event. Its `id` is the same if it is put again, so that receivers can drop duplicates.

        Raises:
            ServiceFault: the event bus did not accept it.
        """
        completed = "undone" if file.undo else "completed"
        entry: Any = {
            "Source": Event.SOURCE,
            "DetailType": Event.FILE_ENDED.format(outcome.status.lower().replace("complete", completed)),
            "Detail": json.dumps(_detail(file, feed, outcome, self._stack), ensure_ascii=False),
        }
        with aws_call(f"putting the event that {file.url} ended"):
            answer = self._client().put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise Unavailable(f"The event bus did not accept the event for {file.url}.")


def _detail(file: FileVersion, feed: str, outcome: Outcome, stack: str) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "id": f"{file.bucket}/{file.key}#{file.version}#{outcome.status}",
        "stack": stack,
        "feed": feed,
        "bucket": file.bucket,
        "key": file.key,
        "version_id": file.version_id,
        "etag": file.etag,
        "status": outcome.status,
        **outcome.row_counts.document(),
        "seconds": round(outcome.seconds, 3),
        "rejects": outcome.rejects,
    }
    if file.undo:
        detail["undo"] = True
    if outcome.error:
        detail["error"] = {"code": outcome.error.code, "message": str(outcome.error)[:MAX_MESSAGE]}
    if warning := outcome.row_counts.warning():
        detail["warning"] = warning
    return detail
