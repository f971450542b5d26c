"""Items of any shape, straight from columns, and what their JSON means."""

import base64
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
from boto3.dynamodb.types import Binary, TypeSerializer
from hypothesis import strategies as st

from ingest.feeds.feed import KeyAttribute
from ingest.items.columns import Attribute
from ingest.items.items import Items
from tests.support.items import python_items

KINDS = {"BOOL": pa.bool_(), "B": pa.binary(), "SS": pa.list_(pa.string()), "NS": pa.list_(pa.string())}
NASTY = ['"', "\\", "\\n", "\0", "\x1f", "\n", "\x7f", "\u2028", "\ufeff", "😀", "ü", "</x>", '"}}},', ""]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=6))
ODD_NUMBERS = [
    "+1",
    ".5",
    "-.5",
    "5.",
    "-5.",
    "007",
    "-0",
    "-0.0",
    "1e5",
    "1E-5",
    "+1.50e+3",
    "1.10",
    "9" * 38,
    "1E-128",
]
NUMBER = st.one_of(st.sampled_from(ODD_NUMBERS), st.integers().map(str), st.decimals("-1e9", "1e9", places=3).map(str))
NUMBER = NUMBER.filter(lambda text: len(text) <= 38)
INNER = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), TEXT)
NAME = TEXT.filter(bool)
DOCUMENT = st.recursive(INNER, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAME, inner, max_size=2))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "S": TEXT,
    "N": NUMBER,
    "BOOL": st.booleans(),
    "B": st.binary(max_size=4),
    "SS": st.lists(TEXT, min_size=1, max_size=3, unique=True),
    "NS": st.lists(NUMBER, min_size=1, max_size=3, unique_by=Decimal),
    "L": st.lists(DOCUMENT, max_size=3).map(json.dumps),
    "M": st.dictionaries(NAME, DOCUMENT, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False)),
}


def attribute(name: str, kind: str, values: list[Any], *, write_null: bool = False) -> Attribute:
    return Attribute(name, kind, pa.array(values, KINDS.get(kind, pa.string())), write_null)


def items_of(*attributes: Attribute, keys: tuple[KeyAttribute, ...] = ()) -> Items:
    return Items(attributes, keys, range(len(attributes[0].values)))


@st.composite
def any_items(draw: st.DrawFn) -> Items:
    """Return items of all types with and without nulls, often as a slice or a selection of others."""
    count = draw(st.integers(0, 6))
    names = draw(st.lists(NAME, min_size=1, max_size=5, unique=True))
    made = items_of(*(draw(any_attribute(name, count)) for name in names))
    start = draw(st.integers(0, count))
    sliced = made.slice(start, draw(st.integers(start, count)))
    return sliced.take(list(range(len(sliced)))[::-1]) if draw(st.booleans()) else sliced


@st.composite
def any_attribute(draw: st.DrawFn, name: str, count: int) -> Attribute:
    kind = draw(st.sampled_from(sorted(VALUES)))
    cells = draw(st.sampled_from([VALUES[kind], VALUES[kind], st.none(), st.one_of(st.none(), VALUES[kind])]))
    values = draw(st.lists(cells, min_size=count, max_size=count))
    return attribute(name, kind, values, write_null=draw(st.booleans()))


def sent_by_boto3(items: Items) -> list[Any]:
    """Return what boto3 would send, as `meaning` has it."""
    serialize = TypeSerializer().serialize
    return [{name: meaning(serialize(value)) for name, value in item.items()} for item in python_items(items)]


def meaning(value: dict[str, Any]) -> Any:
    """Return a value of DynamoDB JSON or of boto3's serializer in a form that compares."""
    ((kind, inner),) = value.items()
    read: dict[str, Any] = {
        "N": Decimal,
        "NS": lambda members: (len(members), set(map(Decimal, members))),
        "SS": lambda members: (len(members), set(members)),
        "B": lambda data: base64.b64decode(data) if isinstance(data, str) else Binary(data).value,
        "L": lambda members: list(map(meaning, members)),
        "M": lambda members: {name: meaning(member) for name, member in members.items()},
    }
    return kind, read.get(kind, lambda same: same)(inner)


def read_strictly(text: str | bytes) -> Any:
    """Return what JSON says, where no object may name a field twice."""

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=each_once)
