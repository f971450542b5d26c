"""How a column's values are spread, as an option says it: `zipf:1.2:10000`."""

import re
from dataclasses import dataclass

from loadtest.workload.faults import BadRecipe

FORMS = {
    "uniform": "uniform:LOW:HIGH[:DECIMALS]",
    "zipf": "zipf:EXPONENT:VALUES[:PREFIX]",
    "sequence": "sequence[:FIRST]",
    "choice": "choice:VALUE|VALUE=WEIGHT|...",
    "text": "text:WORDS[:MOST_WORDS]",
    "timestamp": "timestamp:FIRST_DAY:LAST_DAY",
    "default": "default",
}
_EMPTY = re.compile(r"(.*)\?(0?\.[0-9]+|[01](?:\.0*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A kind, its arguments, and the share of cells that are left empty."""

    kind: str = "default"
    arguments: tuple[str, ...] = ()
    empty: float = 0.0

    def __str__(self) -> str:
        text = ":".join((self.kind, *self.arguments))
        return f"{text}?{self.empty:g}" if self.empty else text


def parse_distribution(text: str) -> Distribution:
    """Return a distribution; `?0.1` at its end leaves a tenth of the cells empty.

    >>> parse_distribution("zipf:1.2:10000?0.1")
    Distribution(kind='zipf', arguments=('1.2', '10000'), empty=0.1)

    Raises:
        BadRecipe: it is of no known kind.
    """
    match = _EMPTY.fullmatch(text)
    bare, empty = (match[1], float(match[2])) if match else (text, 0.0)
    kind, _, rest = bare.partition(":")
    if kind not in FORMS:
        raise BadRecipe(f"{text!r} is not a distribution; accepted are {', '.join(FORMS.values())}.")
    arguments = (rest,) if kind == "choice" else tuple(rest.split(":")) if rest else ()
    return Distribution(kind, arguments, empty)
