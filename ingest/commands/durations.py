"""Lengths of time as they are typed: 90s, 30m, 2h, 1d."""

import re

from ingest.errors import SettingsFault

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, option: str) -> float:
    """Return a length of time in seconds, which a number without a unit is.

    >>> seconds_of("2h", "--older-than"), seconds_of("90", "--older-than")
    (7200.0, 90.0)

    Raises:
        SettingsFault: it is none; names the option.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise SettingsFault(f"{option} {text!r} is wrong: accepted is a number with s, m, h or d, as 30m or 2h.")
    return float(found[1]) * _SECONDS[found[2]]
