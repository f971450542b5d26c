"""What state an alarm is in, from its metric period by period: as CloudWatch judges, but for data that comes late."""

from typing import Any

import numpy as np

from infra.monitoring.arithmetic import Series
from infra.monitoring.run import Run
from infra.monitoring.template import lines_of_alarm

OK, ALARM, NO_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"


def states(alarm: dict[str, Any], series: Series) -> list[str]:
    """Return the state after each period. NaN: no data in it.

    All of the last N periods must reach the threshold; what comes before the first is without data.
    """
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    length: int = alarm["EvaluationPeriods"]
    state, found = NO_DATA, []
    for end in range(1, len(series) + 1):
        window = np.concatenate([np.full(max(0, length - end), np.nan), series[max(0, end - length) : end]])
        state = _state(window, alarm["Threshold"], alarm["TreatMissingData"], state)
        found.append(state)
    return found


def _state(window: Series, threshold: float, missing: str, before: str) -> str:
    if missing == "ignore" and bool(np.isnan(window).any()):
        known = window[~np.isnan(window)]
        return before if not len(known) else (ALARM if bool((known >= threshold).all()) else OK)
    breaches = np.where(np.isnan(window), missing == "breaching", window >= threshold)
    return ALARM if bool(breaches.all()) else OK


def state_after(alarm: dict[str, Any], run: Run) -> str | None:
    """Return an alarm's state at the end of a run; None if it watches what can only be known in AWS."""
    lines = lines_of_alarm(alarm)
    (shown,) = [line for line in lines if line.options.get("visible", True)]
    period_s = next(line.options["period"] for line in lines if line.metric)
    series = run.of_line(shown, lines, period_s)
    return None if series is None else states(alarm, series)[-1]
