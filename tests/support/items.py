"""Items as Python values, read from their columns: beside the encoder, so that it can be compared with this."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ingest.items.columns import Attribute
from ingest.items.convert import read_json
from ingest.items.items import Items


def python_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as boto3's resources take them: one dict of Python values each."""
    columns = [_python_values(attribute) for attribute in items.attributes]
    names = [attribute.name for attribute in items.attributes]
    kept_nulls = {attribute.name for attribute in items.attributes if attribute.write_null}
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None or name in kept_nulls}
        for row in zip(*columns, strict=True)
    ]


def _python_values(attribute: Attribute) -> list[Any]:
    read = _READERS.get(attribute.type)
    values: list[Any] = attribute.values.to_pylist()
    return [None if value is None else read(value) for value in values] if read else values


_READERS: dict[str, Callable[[Any], Any]] = {
    "N": Decimal,
    "SS": set,
    "NS": lambda members: set(map(Decimal, members)),
    "L": lambda text: read_json(text, list),
    "M": lambda text: read_json(text, dict),
}
