"""A column of the feed and its distribution -> its generator. The same seed gives the same values."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loadtest.workload.checksum import words
from loadtest.workload.generators import ROW_MASK, CellEncoder, Digits, EncodedCell, Numbers, Pieces, Pool, sampler
from loadtest.workload.recipe import LINE_BREAKS, QUOTES, BadRecipe, Recipe

_EMPTY = re.compile(r"(.*)\?(0?\.[0-9]+|[01](?:\.0*)?)", re.DOTALL)
POOL = 2048  # number of different texts, or times
MOST_VALUES = 8_192  # of a column of numbers: a larger range is sampled evenly
MOST_RANKS = 100_000
PARTITIONS, PARTITION_ROWS, HOT_SHARE = 100_000, 1_000, 0.9  # of random keys; of sorted keys; of rows in the hot one
WORDS = (  # noqa: SIM905 - many of them are not ASCII
    "leave at the back door call before noon fragile gift second floor ring twice no bill urgent paid by card "
    "Köln Málaga Łódź Århus Győr Zürich naïve café 東京 blanket kettle lamp skillet pump monitor notebook"
).split()
Cells = list[EncodedCell]


def generator_of(encoder: CellEncoder, pieces: Pieces) -> Pool | Digits:
    """Return the generator of a column's cells."""
    name, schema = encoder.name, encoder.schema
    text = dict(encoder.recipe.columns).get(name)
    if name == schema.numbering_column:
        if text not in (None, "default"):
            raise BadRecipe(f"column {name} keeps the keys apart; it cannot be {text}.")
        return Digits(encoder, pieces, _numbering(encoder.recipe), 13)
    if name == schema.partition_column and text is None:
        return Digits(encoder, pieces, _partitions(encoder), 10)
    cells = _cells(encoder, text or "default")
    if name in schema.key_columns and not all(cell.text for cell in cells):
        raise BadRecipe(f"column {name} is part of a key and may not be empty; `empty_key` makes rows that are.")
    return Pool(encoder, pieces, cells)


def _cells(encoder: CellEncoder, text: str) -> Cells:
    """Return the cells of a distribution; a final `?0.1` leaves a tenth of them empty."""
    match = _EMPTY.fullmatch(text)
    bare, empty = (match[1], float(match[2])) if match else (text, 0.0)
    kind, _, rest = bare.partition(":")
    if kind not in DISTRIBUTIONS:
        raise BadRecipe(f"{text!r} is not a distribution; accepted are {', '.join(FORMS)}.")
    form, cells_of = DISTRIBUTIONS[kind]
    arguments = [rest] if kind == "choice" else rest.split(":") if rest else []
    try:
        cells = cells_of(encoder, arguments)
    except (ValueError, ArithmeticError, IndexError) as error:
        raise BadRecipe(f"column {encoder.name}: {text} is not understood ({error}); the form is {form}.") from error
    return _with_empty(encoder, cells, empty) if empty else cells


def _numbering(recipe: Recipe) -> Callable[[Numbers], Numbers]:
    """Return the function that numbers rows: in order if keys are sorted, else shuffled."""
    if recipe.key_order == "sorted":
        return lambda numbers: 10**12 + (numbers & ROW_MASK)
    return lambda numbers: 10**12 + shuffled(numbers & ROW_MASK, recipe.seed)


def shuffled(rows: Numbers, seed: int) -> Numbers:
    """Return shuffled row numbers, by a one-to-one mapping.

    Multiplication by an odd number, and an exclusive or with the higher half, are invertible.
    """
    for factor in (0x1E3779B97F4A7C15 ^ (2 * seed & 0xFFFFFFFF), 0x16E8FEB86659FD93):
        rows = rows * factor & ROW_MASK
        rows = rows ^ (rows >> 19)
    return rows


def _partitions(encoder: CellEncoder) -> Callable[[Numbers], Numbers]:
    """Return the function that gives the partition of rows: random, in order, or mostly the first."""
    if encoder.recipe.key_order == "sorted":
        return lambda numbers: 10**9 + (numbers & ROW_MASK) // PARTITION_ROWS
    is_hot = encoder.recipe.key_order == "hot"
    pick = sampler([HOT_SHARE / (1 - HOT_SHARE) * PARTITIONS if is_hot else 1.0, *[1.0] * (PARTITIONS - 1)])
    return lambda numbers: 10**9 + pick(words(encoder.seed, numbers))


def _with_empty(encoder: CellEncoder, cells: Cells, share: float) -> Cells:
    column = encoder.column
    if column.default is not None and not column.is_plain and column.type != "BOOL":
        raise BadRecipe(f"column {encoder.name}: cells without value take the feed's default there; leave none empty.")
    if share >= 1:
        return [encoder.encode("")]
    return [*cells, encoder.encode("", weight=sum(cell.weight for cell in cells) * share / (1 - share))]


def _default(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    column = encoder.column
    if column.timestamp:
        return _timestamp(encoder, ())
    if column.type in ("S", "N"):
        return _text(encoder, ()) if column.type == "S" else _uniform(encoder, ("0", "9999.99"))
    if column.type == "BOOL":
        return [encoder.encode(names[0]) for names in (column.true, column.false)]
    make = {"B": _binary, "SS": _members, "NS": _members}.get(column.type, _document)
    return [make(encoder) for _ in range(POOL // 2)]


def _uniform(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    low, high = arguments[:2]
    decimals = int(arguments[2]) if len(arguments) > 2 else max(len(t.partition(".")[2]) for t in (low, high))
    first, last = (round(float(text) * 10**decimals) for text in (low, high))
    if first > last or not 0 <= decimals <= 9:
        raise ValueError("the first is larger than the last, or there are over 9 decimals")
    step = -(-(last - first) // (MOST_VALUES - 1)) or 1
    numbers = range(first, last + 1, step)
    return [encoder.number(f"{number / 10**decimals:.{decimals}f}") for number in numbers]


def _zipf(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    exponent, count = float(arguments[0]), int(arguments[1])
    prefix = arguments[2] if len(arguments) > 2 else ""
    if not 1 <= count <= MOST_RANKS:
        raise ValueError(f"{count:,} values: 1 to {MOST_RANKS:,} are accepted")
    width = 0 if encoder.column.type == "N" else len(str(count))
    return [encoder.number(f"{prefix}{rank:0{width}d}", weight=rank**-exponent) for rank in range(1, count + 1)]


def _choice(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    choices = [part.rpartition("=") if "=" in part else (part, "", "1") for part in arguments[0].split("|")]
    cells = [encoder.encode(text, weight=float(weight)) for text, _, weight in choices]
    if min(cell.weight for cell in cells) < 0 or not any(cell.weight for cell in cells):
        raise ValueError("weights are not below 0, and not all 0")
    return cells


def _text(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    least = int(arguments[0]) if arguments else 2
    most = int(arguments[1]) if len(arguments) > 1 else max(least, 6)
    if not 1 <= least <= most <= 10_000:
        raise ValueError("a text has 1 to 10000 words")
    if encoder.column.type != "S" or encoder.column.timestamp:
        raise ValueError("text is for columns of type S")
    return [encoder.encode(text) for text in _texts(encoder, least, most)]


def _texts(encoder: CellEncoder, least: int, most: int) -> Iterator[str]:
    """Yield free text; by the recipe's shares, texts contain quotes and delimiters, or line breaks."""
    quote, delimiter, chance = encoder.dialect.quote, encoder.dialect.delimiter, encoder.chance
    coded = [word.encode(encoder.dialect.encoding, "ignore").decode(encoder.dialect.encoding) for word in WORDS]
    known = [word for word in WORDS if word in coded and word not in encoder.dialect.null_values]
    known = [word for word in known if encoder.recipe.quoting == "all" or not encoder.quotes(word)]
    quoted, broken = (round(encoder.recipe.share(kind) * POOL) for kind in (QUOTES, LINE_BREAKS))
    if (quoted or broken) and not quote:
        raise BadRecipe(f"the feed's files know no quotes: {QUOTES} and {LINE_BREAKS} cannot be made.")
    if quoted + broken > POOL:
        raise BadRecipe(f"the shares of {QUOTES} and {LINE_BREAKS} add up to more than all.")
    space = "_" if delimiter == " " and not quote else " "
    for number in range(POOL):
        text = space.join(chance.choices(known, k=chance.randint(least, most)))
        at = chance.randint(1, len(text))
        if number < quoted:
            text = text[:at] + chance.choice(quote + delimiter) + text[at:] + chance.choice(quote + delimiter)
        elif number < quoted + broken:
            text = text[:at] + chance.choice(("\n", "\r\n", "\n\n")) + text[at:] + chance.choice(WORDS[:8])
        yield text


def _timestamp(encoder: CellEncoder, arguments: Sequence[str]) -> Cells:
    """Return times in the column's zone from the first day to the last, whole days if that is the unit.

    They avoid the hours in which clocks change, where a local time may not exist or be ambiguous.
    """
    column, zone, chance = encoder.column, ZoneInfo(encoder.column.zone), encoder.chance
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in arguments or ("2026-01-01", "2026-12-31"))
    form, cells = column.timestamp[0] if column.timestamp else "iso", []
    for _ in range(POOL):
        when = first.replace(tzinfo=zone) + timedelta(days=chance.randint(0, (last - first).days))
        if column.unit != "day":
            when = when.replace(hour=6) + timedelta(seconds=chance.randrange(17 * 3600))
        if "%" in form:  # drop the parts of the time that the form cannot express
            when = datetime.strptime(when.strftime(form), form).replace(tzinfo=zone)
        cells.append(encoder.time(when))
    return cells


def _binary(encoder: CellEncoder) -> EncodedCell:
    data = encoder.chance.randbytes(encoder.chance.randint(8, 24))
    text = data.hex() if encoder.column.encoding == "hex" else base64.b64encode(data).decode()
    return encoder.encode(text, data)


def _members(encoder: CellEncoder) -> EncodedCell:
    is_numbers, separator = encoder.column.type == "NS", encoder.column.separator
    known = [str(n) for n in range(30, 60)] if is_numbers else [word for word in WORDS if separator not in word]
    found = encoder.chance.choices(known, k=encoder.chance.randint(1, 4))
    return encoder.encode(separator.join(found), set(found))


def _document(encoder: CellEncoder) -> EncodedCell:
    chance = encoder.chance
    number, word = chance.randrange(1000), chance.choice(WORDS)
    value: Any = [number, word, number % 2 == 0]
    item: Any = [{"N": str(number)}, {"S": word}, {"BOOL": number % 2 == 0}]
    if encoder.column.type == "M":
        value = {"n": number, "word": word, "list": value, "none": None}
        item = {"n": item[0], "word": item[1], "list": {"L": item}, "none": {"NULL": True}}
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    return encoder.encode(text, item)


DISTRIBUTIONS: dict[str, tuple[str, Callable[[CellEncoder, Sequence[str]], Cells]]] = {  # their syntax, and their cells
    "uniform": ("uniform:LOW:HIGH[:DECIMALS]", _uniform),
    "zipf": ("zipf:EXPONENT:VALUES[:PREFIX]", _zipf),
    "choice": ("choice:VALUE|VALUE=WEIGHT|...", _choice),
    "text": ("text:WORDS[:MOST_WORDS]", _text),
    "timestamp": ("timestamp:FIRST_DAY:LAST_DAY", _timestamp),
    "default": ("default", _default),
}
FORMS = [form for form, _ in DISTRIBUTIONS.values()]
