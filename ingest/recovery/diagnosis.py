"""Why a dead letter is one: by what it asks for, and by what the ledger says of that."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.contract import Status
from ingest.errors import UnknownMessage
from ingest.ledger.work_item import Entry, WorkItem, is_open
from ingest.queue.messages import NewFiles, Reconcile, Restored, Several, read_message

UNKNOWN = UnknownMessage.code
NOT_BEGUN = "not_begun"
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a message is dead: a code, and a sentence. `work` is what it asks for, `status` what the ledger says of it.

    `helps`: whether sending it again may do any good.
    """

    reason: str
    why: str
    work: WorkItem | None = None
    status: str | None = None
    helps: bool = True


def diagnose(body: str, find: Callable[[WorkItem], Entry | None], *, dead_lettered_for: str | None = None) -> Diagnosis:
    """Return why a message is dead; `dead_lettered_for` is the reason of the function, if it has put it there.

    >>> diagnose('{"no": "event"}', lambda work: None).reason
    'unknown_message'
    """
    try:
        asked = read_message(body)
    except UnknownMessage as fault:
        return Diagnosis(UNKNOWN, dead_lettered_for or str(fault), helps=False)
    if isinstance(asked, Several):
        return _most_helpful([diagnose(part, find) for part in asked.bodies])
    works: tuple[WorkItem, ...] = (asked,) if isinstance(asked, WorkItem) else ()
    if isinstance(asked, NewFiles):
        works = tuple(map(WorkItem, asked.files))
    elif isinstance(asked, Restored):
        works = (WorkItem(asked.file),)
    if not works:
        what = "look for stuck files" if isinstance(asked, Reconcile) else "test the queue"
        return Diagnosis("not_needed", f"It asks to {what}, once: another such message has come since.", helps=False)
    return _most_helpful([_diagnose_work(work, find) for work in works])


def _most_helpful(found: list[Diagnosis]) -> Diagnosis:
    return next((diagnosis for diagnosis in found if diagnosis.helps), found[0])


def _diagnose_work(work: WorkItem, find: Callable[[WorkItem], Entry | None]) -> Diagnosis:
    file = find(WorkItem(work.file))
    entry = file if work.segment is None else find(work)
    if file is not None and not is_open(file.status):
        return _of_ended(work, file)
    if entry is None or (entry.attempts == 0 and not entry.error):
        return Diagnosis(
            NOT_BEGUN,
            "No worker has begun it: the function could not start, or failed before it had claimed anything.",
            work,
            entry.status if entry else None,
        )
    if entry.error:
        return Diagnosis(entry.error_code or INTERRUPTED, entry.error, work, entry.status)
    return Diagnosis(
        INTERRUPTED,
        "Its worker was stopped without an error: killed, out of memory, or out of time.",
        work,
        entry.status,
    )


def _of_ended(work: WorkItem, file: Entry) -> Diagnosis:
    if file.status == Status.FAILED:
        why = f"{file.error or 'The file has FAILED.'} Only `ingest retry` loads it again."
        return Diagnosis(file.error_code or "failed", why, work, file.status, helps=False)
    why = f"The file is {file.status} by now: the message asks for nothing more."
    return Diagnosis(file.status.lower(), why, work, file.status, helps=False)
