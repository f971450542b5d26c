"""Lengths of time as they are typed: 90s, 30m, 2h, 1d."""

import re

from ingest.errors import SettingsFault

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, option: str) -> float:
    """Return a length of time in seconds.

    >>> seconds_of("2h", "--older-than")
    7200.0

    Raises:
        SettingsFault: it is none; names the option.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", text.strip())
    if not found:
        raise SettingsFault(f"{option} {text!r} is wrong: accepted is a number with s, m, h or d, as 30m or 2h.")
    return float(found[1]) * _SECONDS[found[2]]
