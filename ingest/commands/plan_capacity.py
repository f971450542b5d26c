"""The capacities that a plan is made for, and how long it takes at each."""

from dataclasses import dataclass

from ingest.core.schedule import NEW_TABLE, QUOTA, Capacity, Duration


@dataclass(frozen=True, slots=True)
class Scenario:
    """How long it takes at a capacity."""

    what: str
    capacity: Capacity
    duration: Duration


def capacities(given: int | None, *, is_new: bool) -> tuple[tuple[str, Capacity], ...]:
    """Return the capacities a plan is made for, each with what it is called."""
    if given is not None:
        return (("as given, a new table", Capacity(given, is_new=True)) if is_new else ("as given", Capacity(given)),)
    new = ("a new table on demand", Capacity(QUOTA, is_new=True))
    at_first = ("what a new one takes at first", Capacity(NEW_TABLE))
    return (new,) if is_new else (new, at_first, ("the default quota", Capacity(QUOTA)))
