"""Time and chance, the only place the ingester takes them from; and times as text, ISO 8601."""

import random
import time
import uuid
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Return the time as epoch seconds."""
        return time.time()

    def monotonic_s(self) -> float:
        """Return seconds that never jump; only differences mean something."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def chance(self) -> float:
        """Return a random number in [0, 1)."""
        return random.random()  # spreads retries, keeps no secret  # nosec B311

    def unique(self) -> str:
        """Return a name no one else has."""
        return uuid.uuid4().hex[:12]


def iso(epoch_s: float) -> str:
    """Return a time as ISO 8601, UTC, in seconds.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_day(epoch_s: float) -> str:
    """Return the day of a time, UTC.

    >>> iso_day(86_400)
    '1970-01-02'
    """
    return iso(epoch_s)[:10]


def epoch_s(text: str | None) -> float | None:
    """Return an ISO 8601 time as epoch seconds; None where there is none, or it is not a time.

    >>> epoch_s("1970-01-01T00:01:00Z"), epoch_s("yesterday")
    (60.0, None)
    """
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None
