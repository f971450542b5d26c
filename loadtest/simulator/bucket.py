"""A token bucket. Pure: the time is an argument."""


class Bucket:
    """Tokens that come at a rate and are kept up to a size.

    What is larger than a whole bucket goes when the bucket is full, and is paid off before anything else goes.
    """

    def __init__(self, *, per_s: float, size: float, now: float, is_full: bool = True) -> None:
        self._per_s, self._size, self._at = per_s, size, now
        self._level = size if is_full else 0.0

    def has(self, units: float, now: float) -> bool:
        """Return whether so many tokens can be taken."""
        self._refill(now)
        return self._level >= min(units, self._size)

    def take(self, units: float) -> None:
        """Take tokens that are there."""
        self._level -= units

    def change(self, *, per_s: float, size: float, now: float) -> None:
        """Let tokens come at another rate from now on."""
        self._refill(now)
        self._per_s, self._size = per_s, size

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._size, self._level + (now - self._at) * self._per_s)
            self._at = now
