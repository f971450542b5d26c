"""What is expected of each file, and what was found after a run: tables, ledger, rejects, queues, events. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must become of one file.

    Attributes:
        rows: its rows; `rejected` of them by reason, and from `superseded[0]` to `superseded[1]` replaced by a later
            row with the same key: a later segment's rows replace those of an earlier one without being counted so.
        items: how many it leaves in the table; no other file has their keys.
        checksum: of these items.
    """

    key: str
    table: str
    size: int
    rows: int
    items: int
    checksum: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    superseded: tuple[int, int] = (0, 0)
    status: str = Status.COMPLETE


Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFound:
    """What a table holds, and how it came there as far as that was seen.

    Attributes:
        items: how many.
        checksum: of all of them, by `loadtest.workload.checksum`.
        overwritten: puts of other content under a key that the table held. None: no one saw the puts.
        refused: what DynamoDB would not have taken, if anything: a sentence each.
    """

    items: int
    checksum: int
    overwritten: int | None = None
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is left after a run.

    Attributes:
        tables: by the name the feed gives them.
        entries: of the files in the ledger.
        rejects: how many rows were rejected for which reason, by object key.
        queue_depth: messages that are still in the queue.
        dead_letters: bodies of messages in the dead-letter queue.
        events: details of the events that say how files ended.
        troubles: what else went wrong, such as workers that crashed: a sentence each.
    """

    tables: Mapping[str, TableFound]
    entries: Sequence[Entry]
    rejects: Mapping[str, Counter[str]]
    queue_depth: int = 0
    dead_letters: Sequence[str] = ()
    events: Sequence[Mapping[str, Any]] = ()
    troubles: Sequence[str] = field(default=())
