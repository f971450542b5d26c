"""Figures in few characters, for where there is little room."""

from collections.abc import Iterable

from ingest.commands.status_view import age_text

_BARS = " ▁▂▃▄▅▆▇█"
_DONE, _LEFT = "━", "─"
BAR = 8  # characters


def sparkline(values: Iterable[float]) -> str:
    """Return values as a row of bars, the highest as high as can be.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    values = list(values)
    most = max(values, default=0.0)
    return "".join(_BARS[-(-int(value * 8000 / most) // 1000) if most else 0] for value in values)


def bar(share: float | None) -> str:
    """Return how much is done as a bar.

    >>> bar(0.5), bar(None)
    ('━━━━────', '')
    """
    done = 0 if share is None else int(share * BAR)
    return "" if share is None else _DONE * done + _LEFT * (BAR - done)


def amount(number: float) -> str:
    """Return a number in six characters at most.

    >>> amount(0), amount(9_999), amount(123_456), amount(12_345_678), amount(0.25)
    ('0', '9,999', '123 k', '12.3 M', '0.2')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= (size if unit != "k" else 10_000):
            value = number / size
            return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def extent(done: int, size: int) -> str:
    """Return how many bytes of how many are done, in the unit of all.

    >>> extent(35, 675), extent(12_600_000, 17_600_000)
    ('35/675 B', '12.6/17.6 MB')
    """
    unit, of = next(((name, of) for name, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if size >= of), ("B", 1.0))
    return f"{done:,}/{size:,} B" if unit == "B" else f"{done / of:,.1f}/{size / of:,.1f} {unit}"


def short(seconds: float) -> str:
    """Return a duration in its largest unit.

    >>> short(3725)
    '1 h'
    """
    return " ".join(age_text(seconds).split()[:2])
