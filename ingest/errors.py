"""The tree of errors: what can go wrong, and what caused it.

    IngestError
      SettingsFault      feeds.toml, an option or a variable is wrong: nothing was started
      FileFault          the file can never be loaded as it is: reported and not retried
        NoFeed NotCsv EmptyFile BadHeader BadCompression Bomb TooManyRejects TooManyDuplicates AllRowsRejected
        TableKeysDiffer NoWriteCapacity FileMissing GivenUp Cancelled WorkerKilled ObjectArchived CheckpointOutOfReach
      ObjectSuperseded   the object was deleted or overwritten before it was read: nothing to load
      ServiceFault       the message returns to the queue and is retried later
        Throttled WaitingForBudget Unavailable AccessDenied TableMissing OutOfTime LeaseLost StillLoading InternalFault
      UnknownMessage     a message of an unknown kind: dead-lettered

A bad row is not an error but a value (`ingest.reading.rows.Fault`), and a single bad row never stops a file.
Each message says what happened, where, and what to do. `code` is stable.
"""


class IngestError(Exception):
    """Base class of the errors that the ingester raises itself."""

    code = "ingest_error"


class SettingsFault(IngestError):
    """A setting is wrong; the message says where, what was found and what is accepted."""

    code = "bad_settings"


class FileFault(IngestError):
    """The file can never be loaded as it is."""

    code = "file_fault"


class NoFeed(FileFault):
    """No feed's prefix fits the object key."""

    code = "no_feed"


class NotCsv(FileFault):
    """The bytes are not delimited text."""

    code = "not_csv"


class EmptyFile(FileFault):
    """There is not even a header."""

    code = "empty_file"


class BadHeader(FileFault):
    """The header does not fit the feed."""

    code = "bad_header"


class BadCompression(FileFault):
    """The compressed stream is damaged or cut short."""

    code = "bad_compression"


class Bomb(FileFault):
    """The compressed file expands beyond what the feed allows."""

    code = "bomb"


class TooManyRejects(FileFault):
    """More rows were rejected than the feed allows."""

    code = "too_many_rejects"


class TooManyDuplicates(FileFault):
    """More rows were replaced by a later row with their key than the feed allows."""

    code = "too_many_duplicates"


class AllRowsRejected(FileFault):
    """Nothing but rejects has come of enough rows to know that the file, or its feed, is wrong."""

    code = "all_rows_rejected"


class TableKeysDiffer(FileFault):
    """The table has other keys than the feed says: it would refuse every row."""

    code = "table_keys_differ"


class NoWriteCapacity(FileFault):
    """The table's write budget is a share of what the table can take, and the table has no maximum."""

    code = "no_write_capacity"


class FileMissing(FileFault):
    """The source does not exist."""

    code = "file_missing"


class CheckpointOutOfReach(FileFault):
    """The file must be expanded up to its checkpoint before it goes on, and that takes longer than a function has."""

    code = "checkpoint_out_of_reach"


class GivenUp(FileFault):
    """No worker could finish the file, however often it was tried."""

    code = "given_up"


class Cancelled(FileFault):
    """An operator cancelled the file."""

    code = "cancelled"


class WorkerKilled(FileFault):
    """One function after another was killed while it loaded the file."""

    code = "worker_killed"


class ObjectArchived(FileFault):
    """The object is archived: S3 reads it only after it was restored."""

    code = "archived"


class ObjectSuperseded(IngestError):
    """The object was deleted or overwritten meanwhile."""

    code = "object_superseded"


class ServiceFault(IngestError):
    """A service failed or refused a request; the same work may succeed later."""

    code = "service_fault"


class Throttled(ServiceFault):
    """The service throttled the requests until the retries were used up."""

    code = "throttled"


class WaitingForBudget(ServiceFault):
    """More workers write to a table than its write budget allows."""

    code = "write_budget"


class Unavailable(ServiceFault):
    """The service could not be reached, or returned a server error."""

    code = "unavailable"


class AccessDenied(ServiceFault):
    """The credentials do not allow the call."""

    code = "access_denied"


class TableMissing(ServiceFault):
    """The table a feed names does not exist."""

    code = "table_missing"


class OutOfTime(ServiceFault):
    """The function's time ends before the work is done; the work goes on at its checkpoint."""

    code = "out_of_time"


class LeaseLost(ServiceFault):
    """Another worker has taken over the work; only that worker's result counts."""

    code = "lease_lost"


class StillLoading(ServiceFault):
    """Another worker holds the lease, which may run out in `wait_s` seconds."""

    code = "still_loading"

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class InternalFault(ServiceFault):
    """The ingester itself failed: a bug."""

    code = "internal_fault"


class UnknownMessage(IngestError):
    """The message is not of a known kind."""

    code = "unknown_message"


def error_of(code: str, message: str) -> IngestError:
    """Return the error that has a code, with a message. An unknown code gives an `IngestError`.

    >>> error_of("no_feed", "No feed's prefix fits.")
    NoFeed("No feed's prefix fits.")
    """
    kinds = [IngestError]
    for kind in kinds:
        if kind.code == code:
            return kind(message)
        kinds += kind.__subclasses__()
    return IngestError(message)
