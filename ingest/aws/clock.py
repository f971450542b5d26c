"""The clock and random numbers for the ingester; times as ISO 8601 text; and back-off pauses.

The functions for back-off pauses are pure: the random number is an argument.
"""

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
        """Return a unique name of 12 hexadecimal digits."""
        return uuid.uuid4().hex[:12]


def iso(epoch_s: float) -> str:
    """Return a time as ISO 8601, UTC, in seconds.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digits(epoch_s: float) -> str:
    """Return a time as 14 digits for use in a name: whole seconds, UTC.

    >>> digits(1_795_342_272.345)
    '20261122101112'
    """
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y%m%d%H%M%S}"


def iso_day(epoch_s: float) -> str:
    """Return the day of a time, UTC.

    >>> iso_day(86_400)
    '1970-01-02'
    """
    return iso(epoch_s)[:10]


def epoch_s(text: str | None) -> float | None:
    """Return an ISO 8601 time as epoch seconds; None if the text is missing or not a time.

    >>> epoch_s("1970-01-01T00:01:00Z"), epoch_s("yesterday")
    (60.0, None)
    """
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


def redelivery_delay_s(delivery: int, *, base_s: float, cap_s: float, chance: float) -> int:
    """Return how long a message stays hidden after its n-th failed delivery, n from 1.

    Exponential with half jitter: between half of and the whole of min(cap, base * 2^(n-1)). `chance` is in [0, 1).

    >>> [redelivery_delay_s(n, base_s=30, cap_s=900, chance=0.999) for n in (1, 2, 3, 9)]
    [30, 60, 120, 900]
    """
    full = min(cap_s, base_s * 2.0 ** min(delivery - 1, 32))
    return round(full / 2 + chance * full / 2)


def send_again_pause_s(tries: int, *, chance: float) -> float:
    """Return the pause before a batch is sent again: full jitter, 50 ms doubled up to 2 s. `tries` counts from 0.

    DynamoDB's capacity is refilled every second, so longer pauses gain nothing.
    """
    return chance * float(min(2.0, 0.05 * 2.0**tries))


def refill_pause_s(tries: int, *, chance: float) -> float:
    """Return the pause before throttled items are sent again: full jitter, 200 ms doubled up to 2 s, at least 100 ms,
    because a retry before any capacity is refilled would only be throttled again.
    """
    return max(0.1, chance * float(min(2.0, 0.2 * 2.0**tries)))


def read_pause_s(attempt: int, *, chance: float) -> float:
    """Return the pause before reading a range of an object again: full jitter, 0.1 s doubled up to 5 s."""
    return chance * float(min(5.0, 0.1 * 2.0**attempt))
