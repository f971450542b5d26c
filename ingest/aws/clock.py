"""Time and chance, the only place the ingester takes them from."""

import random
import time
import uuid


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
        """Return a name nobody else has."""
        return uuid.uuid4().hex[:12]
