"""The order of files: which of two versions, of one key or of two, is newer, where `newest = "file"` asks for that.

A version has one order value, in milliseconds since 1970: fixed when it is claimed first, and read from its entry by
each attempt, segment and retry.
"""

from dataclasses import dataclass

from ingest.aws.clock import digits, epoch_s
from ingest.file import FileVersion

ORDER_DIGITS = 17  # so that order values compare as text


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What is known of the order of an object's versions, each value None if there is none.

    `order_ms` is that of `version`, the newest that was notified; `found_ms` that of the last one that was found in the
    bucket, which was changed at `found_changed` (digits, by S3's clock as the times of events are).
    """

    version: str = ""
    order_ms: int | None = None
    found_ms: int | None = None
    found_changed: str = ""


def next_order_ms(file: FileVersion, known: KnownOrder, now_s: float, *, least_ms: int = 0) -> int:
    """Return the order value of a version that is not older than those known: its own if it has one already.

    That is the time of the S3 event, or of the change of an object found in the bucket, or now; but later than the
    versions before it. `least_ms` gives a version that is known a new value, at least that.

    >>> a, b = (FileVersion("b", "k", sequencer=s, event_time="1970-01-01T00:00:05Z") for s in ("0A", "0B"))
    >>> next_order_ms(a, KnownOrder(), 9.0), next_order_ms(b, KnownOrder(a.version, 5000), 9.0)
    (5000, 5001)
    """
    is_known = bool(file.sequencer) and known.version.partition("+")[0] == file.first_version
    if is_known and known.order_ms is not None and not least_ms:
        return known.order_ms
    time_ms = max(time_of(file, now_s), least_ms)
    before = [known.order_ms, known.found_ms if _is_after_found(file, time_ms, known) else None]
    return max(time_ms, *(order_ms + 1 for order_ms in before if order_ms is not None), 0)


def time_of(file: FileVersion, otherwise_s: float) -> int:
    """Return when a version was written, in milliseconds, as far as is known; `otherwise_s` (epoch seconds) if not."""
    written_s = epoch_s(file.event_time)
    return round((otherwise_s if written_s is None else written_s) * 1000)


def oldest_ms(file: FileVersion, otherwise_s: float) -> int:
    """Return an order value older than any that a time gives, among which a version's own time decides.

    >>> oldest_ms(FileVersion("b", "k", event_time="2026-11-22T00:00:00Z"), 0.0)
    1795305600
    """
    return time_of(file, otherwise_s) // 1000


def order_text(order_ms: int) -> str:
    """Return an order value as items have it.

    >>> order_text(1_795_342_272_345)
    '00001795342272345'
    """
    return f"{order_ms:0{ORDER_DIGITS}d}"


def _is_after_found(file: FileVersion, time_ms: int, known: KnownOrder) -> bool:
    """Return whether a version is newer than the one that was found last: it lies in the bucket now, or came later."""
    return not file.sequencer or digits(time_ms / 1000) >= known.found_changed
