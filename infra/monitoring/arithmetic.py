"""The parts of metric math and alarm states that the stack uses: pure functions of series. NaN: no data in a period."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
OK, ALARM, NO_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
_OPERATORS: dict[type[ast.AST], Callable[[Series, Series], Series]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}


def evaluate(expression: str, series: Mapping[str, Series], period_s: float) -> Series:
    """Return the value of an expression in each period.

    A period without data has no result unless FILL gives a value; the same applies to a division by 0.

    >>> evaluate("IF(a > 1, 10 * FILL(b, 1), 0)", {"a": np.array([1.0, 2, 3]), "b": np.array([5, 5, np.nan])}, 60)
    array([ 0., 50., 10.])
    """
    # Except for these operators, metric math has the syntax of Python.
    text = expression.replace(" AND ", " and ").replace(" OR ", " or ")
    length = len(next(iter(series.values())))
    return _Evaluation(series, period_s, length).value(ast.parse(text, mode="eval").body)


class _Evaluation:
    def __init__(self, series: Mapping[str, Series], period_s: float, length: int) -> None:
        self._series, self._period_s, self._length = series, period_s, length

    def value(self, node: ast.AST) -> Series:
        """Return the value of a part of the expression.

        Raises:
            ValueError: this part of metric math is not supported here.
        """
        match node:
            case ast.Constant(value=int() | float() as number):
                return np.full(self._length, float(number))
            case ast.Name(id=name) if name in self._series:
                return self._series[name]
            case ast.BinOp(left=left, op=operator, right=right):
                return self._combined(operator, left, right)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._combined(operator, left, right)
            case ast.BoolOp(op=operator, values=[left, right]):
                return self._combined(operator, left, right)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._called(function, arguments)
        raise ValueError(f"Not supported here of metric math: `{ast.unparse(node)}`.")

    def _combined(self, operator: ast.AST, left: ast.AST, right: ast.AST) -> Series:
        one, other = self.value(left), self.value(right)
        with np.errstate(divide="ignore", invalid="ignore"):
            result = _OPERATORS[type(operator)](one, other).astype(float)
        result[np.isnan(one) | np.isnan(other) | ~np.isfinite(result)] = np.nan
        return result

    def _called(self, function: str, arguments: list[ast.expr]) -> Series:
        if function == "PERIOD":
            return np.full(self._length, float(self._period_s))
        values = [self.value(argument) for argument in arguments]
        if function == "FILL":
            return np.where(np.isnan(values[0]), values[1], values[0])
        if function == "IF":
            chosen = np.where(values[0] != 0, values[1], values[2])
            return np.where(np.isnan(values[0]), np.nan, chosen)
        raise ValueError(f"Not supported here of metric math: the function {function}.")


def states(alarm: dict[str, Any], series: Series) -> list[str]:
    """Return an alarm's state after each period, as evaluated by CloudWatch, without late data.

    All of the last N periods must reach the threshold; periods before the first have no data.
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
    if missing in ("ignore", "missing") and bool(np.isnan(window).any()):
        known = window[~np.isnan(window)]
        unknown = before if missing == "ignore" else NO_DATA
        return unknown if not len(known) else (ALARM if bool((known >= threshold).all()) else OK)
    breaches = np.where(np.isnan(window), missing == "breaching", window >= threshold)
    return ALARM if bool(breaches.all()) else OK
