"""A column of the feed and its distribution -> what makes its cells."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from loadtest.workload import samples
from loadtest.workload.cell_encoder import CellEncoder, EncodedCell
from loadtest.workload.defects import LINE_BREAKS, QUOTES
from loadtest.workload.distribution import FORMS, Distribution
from loadtest.workload.faults import BadRecipe
from loadtest.workload.generators import Draw, Maker, Numbers, Padded, Plain, Pool
from loadtest.workload.samplers import Evenly, Weighted
from loadtest.workload.schema import Column, Dialect

SMALL = 16_384  # up to this number values are made ready, more are written digit by digit
MOST_RANKS = 1_000_000
_NUMERIC = re.compile(r"[-0-9.,]+")


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """Where a column stands, and what its maker must know of it. `attribute` is the name its values have in the table;
    `in_template`: a key or attribute is filled
    with its text; `expiry`: the attribute, and the seconds after, of the expiry that follows from it.
    """

    name: str
    column: Column
    dialect: Dialect
    quote_all: bool
    is_first: bool
    seed: int
    quotes: float = 0.0
    line_breaks: float = 0.0
    in_template: bool = False
    expiry: tuple[str, int] | None = None

    @property
    def attribute(self) -> tuple[str, str]:
        """The attribute's name and type."""
        return self.column.name or self.name, self.column.type

    @property
    def encoder(self) -> CellEncoder:
        """What encodes the cells."""
        return CellEncoder(self.name, self.column, self.dialect, self.quote_all, self.is_first)

    @property
    def chance(self) -> samples.Chance:
        """Chance of this column's own."""
        return samples.Chance(self.seed, self.name)

    def pool(self, encoded: list[EncodedCell], weights: Sequence[float] | None = None) -> Pool:
        """Return a maker of ready cells."""
        return Pool(encoded, self.attribute[0], weights, in_template=self.in_template, expiry=self.expiry)

    def quote_for(self, sample: str) -> bytes:
        """Return what encloses cells of which this is one, if they need it.

        Raises:
            BadRecipe: they do, and the feed's files know no quotes.
        """
        if not self.encoder.quotes(sample):
            return b""
        if not self.dialect.quote:
            raise BadRecipe(f"column {self.name}: cells like {sample!r} cannot be written without quotes.")
        return self.dialect.quote.encode()


@lru_cache(maxsize=256)
def maker_of(place: ColumnPlace, distribution: Distribution) -> Maker:
    """Return what makes a column's cells.

    Raises:
        BadRecipe: the distribution is not for such a column, or not understood.
    """
    d = distribution if distribution.kind != "default" else _default(place.column, distribution.empty)
    try:
        maker = _MAKERS[d.kind](place, d)
    except BadRecipe:
        raise
    except (ValueError, ArithmeticError, IndexError) as error:
        form = FORMS.get(d.kind, d.kind)
        raise BadRecipe(f"column {place.name}: {d} is not understood ({error}); the form is {form}.") from error
    return _with_empty(place, maker, d) if d.empty else maker


def _default(column: Column, empty: float) -> Distribution:
    """Return what a column has without a distribution."""
    if column.timestamp:
        return Distribution("timestamp", (), empty)
    return replace(_DEFAULTS.get(column.type, Distribution("text", ("2", "6"))), empty=empty)


_DEFAULTS = {"N": Distribution("uniform", ("0", "9999.99", "2")), "BOOL": Distribution("boolean")}
_DEFAULTS |= {kind: Distribution("sample") for kind in ("B", "SS", "NS", "L", "M")}


def _with_empty(place: ColumnPlace, maker: Maker, d: Distribution) -> Maker:
    """Return a maker that leaves a share of the cells empty."""
    if place.column.default is not None and (place.column.timestamp or place.column.type not in ("S", "N", "BOOL")):
        raise BadRecipe(f"column {place.name}: cells without value take the feed's default there; leave none empty.")
    if not isinstance(maker, Pool):
        raise BadRecipe(f"column {place.name}: {d.kind} of that many values has no empty cells; give fewer values.")
    encoded = list(maker.encoded)
    weights = list(maker.weights or [1.0] * len(encoded))
    if d.empty >= 1:
        return place.pool([place.encoder.empty()])
    return place.pool([*encoded, place.encoder.empty()], [*weights, sum(weights) * d.empty / (1 - d.empty)])


def _uniform(place: ColumnPlace, d: Distribution) -> Maker:
    low, high = d.arguments[:2]
    decimals = int(d.arguments[2]) if len(d.arguments) > 2 else max(len(t.partition(".")[2]) for t in (low, high))
    if not 0 <= decimals <= 4:
        raise ValueError(f"{decimals} decimals: 0 to 4 are accepted")
    first, last = (round(float(text) * 10**decimals) for text in (low, high))
    count = last - first + 1
    if not 0 < count <= 1 << 32:
        raise ValueError(f"{count:,} values: 1 to {1 << 32:,} are accepted")
    if count <= SMALL or d.empty or not _has_plain_numbers(place):
        step = max(1, count // SMALL)
        encoded = [place.encoder.number(_decimal(n, decimals)) for n in range(first, last + 1, step)]
        return place.pool(encoded)
    sampler = Evenly(count)
    return _plain(place, lambda draw: sampler.pick(draw.words) + first, max(abs(first), abs(last)), decimals)


def _decimal(number: int, decimals: int) -> str:
    sign, digits = "-" * (number < 0), f"{abs(number):0{decimals + 1}d}"
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def _has_plain_numbers(place: ColumnPlace) -> bool:
    """Return whether no number could mean "no value", and each is written as the column wants it."""
    is_number = place.column.type in ("S", "N") and not place.column.timestamp
    return is_number and not any(_NUMERIC.fullmatch(text) for text in place.dialect.null_values)


def _plain(place: ColumnPlace, numbers: Callable[[Draw], Numbers], largest: int, decimals: int = 0) -> Maker:
    mark = place.dialect.decimal if place.column.type == "N" else "."
    quote = place.quote_for("-0123456789" + mark * bool(decimals))
    return Plain(
        place.attribute,
        numbers,
        largest=largest,
        decimals=decimals,
        mark=mark,
        quote=quote,
        in_template=place.in_template,
    )


def _zipf(place: ColumnPlace, d: Distribution) -> Maker:
    exponent, count = float(d.arguments[0]), int(d.arguments[1])
    prefix = d.arguments[2] if len(d.arguments) > 2 else ""
    if not 1 <= count <= MOST_RANKS:
        raise ValueError(f"{count:,} values: 1 to {MOST_RANKS:,} are accepted")
    weights = [rank**-exponent for rank in range(1, count + 1)]
    width = 0 if place.column.type == "N" else len(str(count))
    if count <= SMALL or prefix or d.empty or not _has_plain_numbers(place):
        return place.pool([place.encoder.number(f"{prefix}{n:0{width}d}") for n in range(1, count + 1)], weights)
    sampler = Weighted(weights)
    return _plain(place, lambda draw: sampler.pick(draw.words) + 1, count)


def _sequence(place: ColumnPlace, d: Distribution) -> Maker:
    first = int(d.arguments[0]) if d.arguments else 0
    if not _has_plain_numbers(place) or not 0 <= first < 10**12:
        raise ValueError("a sequence is for text and numbers, from 0 on")
    if place.column.type == "N":
        return _plain(place, lambda draw: draw.numbers + first, 10**12 - 1)
    return Padded("", 3, place.attribute, lambda draw: draw.numbers + first, place.quote_for("0123456789"))


def _choice(place: ColumnPlace, d: Distribution) -> Maker:
    choices = [part.rpartition("=") if "=" in part else (part, "", "1") for part in d.arguments[0].split("|")]
    encoded = [place.encoder.encode(text) if text else place.encoder.empty() for text, _, _ in choices]
    weights = [float(weight) for _, _, weight in choices]
    if min(weights) < 0 or not sum(weights):
        raise ValueError("weights are not below 0, and not all 0")
    return place.pool(encoded, weights if len(set(weights)) > 1 else None)


def _boolean(place: ColumnPlace, d: Distribution) -> Maker:
    return place.pool([place.encoder.encode(words[0]) for words in (place.column.true, place.column.false)])


def _text(place: ColumnPlace, d: Distribution) -> Maker:
    least = int(d.arguments[0]) if d.arguments else 2
    most = int(d.arguments[1]) if len(d.arguments) > 1 else max(least, 6)
    if not 1 <= least <= most <= 10_000:
        raise ValueError("a text has 1 to 10000 words")
    if place.column.type != "S" or place.column.timestamp:
        raise ValueError("text is for columns of type S")
    return place.pool([place.encoder.encode(text) for text in _texts(place, least, most)])


def _texts(place: ColumnPlace, least: int, most: int) -> Iterator[str]:
    """Yield free text, of which shares have quotes or line breaks in them."""
    chance, dialect = place.chance, place.dialect
    words = tuple(word for word in samples.WORDS if _is_plain(word, place))
    joint = " " if dialect.delimiter != " " or dialect.quote else "_"
    quoted, broken = (round(share * samples.POOL) for share in (place.quotes, place.line_breaks))
    if (quoted or broken) and not dialect.quote:
        raise BadRecipe(f"the feed's files know no quotes: {QUOTES} and {LINE_BREAKS} cannot be made.")
    if quoted + broken > samples.POOL:
        raise BadRecipe(f"the shares of {QUOTES} and {LINE_BREAKS} add up to more than all.")
    for number, text in enumerate(islice(samples.texts(chance, least, most, words, joint), samples.POOL)):
        if number < quoted:
            yield samples.with_quotes(text, chance, dialect.quote + dialect.delimiter)
        elif number < quoted + broken:
            yield samples.with_break(text, chance)
        else:
            yield text


def _is_plain(word: str, place: ColumnPlace) -> bool:
    try:
        word.encode(place.dialect.encoding)
    except UnicodeEncodeError:
        return False
    return word not in place.dialect.null_values and (place.quote_all or not place.encoder.quotes(word))


def _timestamp(place: ColumnPlace, d: Distribution) -> Maker:
    first, last = samples.first_and_last(d.arguments)
    return place.pool(list(samples.times(place.encoder, place.chance, first, last, samples.POOL)))


def _sample(place: ColumnPlace, d: Distribution) -> Maker:
    sample = {"B": samples.binary, "SS": samples.members, "NS": samples.members}
    make, chance = sample.get(place.column.type, samples.document), place.chance
    return place.pool([make(place.encoder, chance) for _ in range(samples.POOL // 4)])


_MAKERS: dict[str, Callable[[ColumnPlace, Distribution], Maker]] = {
    "uniform": _uniform,
    "zipf": _zipf,
    "sequence": _sequence,
    "choice": _choice,
    "boolean": _boolean,
    "text": _text,
    "timestamp": _timestamp,
    "sample": _sample,
}
