"""Cancels a file because an operator asks for it: it fails with the code `cancelled`, whoever loads it.

A worker that holds a part of it stops at its next checkpoint, and messages that are left are acknowledged without
effect. Rows written so far stay in the table.
"""

from ingest.contract import Status
from ingest.errors import Cancelled, SettingsFault
from ingest.ledger.claims import Outcome
from ingest.ledger.states import is_open
from ingest.ledger.work_item import Entry
from ingest.worker.ports import Services
from ingest.worker.report import Reporter


def cancel_file(services: Services, entry: Entry) -> Outcome:
    """End a file that is open as FAILED, report it, and return how it ended. Safe to repeat.

    Raises:
        SettingsFault: it has ended otherwise.
    """
    file = entry.work.file
    if is_open(entry.status):
        error = Cancelled(
            f"An operator cancelled {file.url}; rows written so far stay in the table. `ingest retry` loads it again."
        )
        now_s = services.clock.now_s()
        seconds = max(0.0, now_s - (entry.first_seen_s or now_s))
        rejects = services.rejects_url(file) if entry.row_counts.rows_rejected else None
        services.ledger.transitions.give_up(file, Outcome(Status.FAILED, entry.row_counts, seconds, rejects, error))
    outcome = services.ledger.queries.unreported(file)
    if outcome:  # also of a cancellation that broke off before its report
        Reporter(services).file_ended(file, entry.feed, outcome)
        return outcome
    raise SettingsFault(f"{file.url} has ended already, as `ingest status` shows: there is nothing to cancel.")
