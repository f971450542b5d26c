"""Items -> what a reader of them wants: Python values for boto3, DynamoDB JSON, or plain text."""

import base64
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import Attribute
from ingest.items.documents import dynamodb_value, read_json
from ingest.items.items import Items


def python_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as boto3's resource layer wants them: one dict of Python values each."""
    columns = [_python_values(attribute) for attribute in items.attributes]
    names = [attribute.name for attribute in items.attributes]
    kept_nulls = {attribute.name for attribute in items.attributes if attribute.write_null}
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None or name in kept_nulls}
        for row in zip(*columns, strict=True)
    ]


def dynamodb_json(items: Items) -> Iterator[str]:
    """Yield each item as DynamoDB JSON, one line without its line end."""
    for item in _typed_items(items):
        yield json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def text_rows(items: Items) -> Iterator[list[str]]:
    """Yield each item's values as text, in the order of the attributes; empty where there is no value."""
    columns = [_texts(attribute) for attribute in items.attributes]
    for row in zip(*columns, strict=True):
        yield list(row)


def _texts(attribute: Attribute) -> list[str]:
    values = attribute.values
    if attribute.type == "B":
        return ["" if value is None else base64.b64encode(value).decode() for value in values.to_pylist()]
    if attribute.type in ("SS", "NS"):
        return ["" if value is None else json.dumps(value, ensure_ascii=False) for value in values.to_pylist()]
    texts: list[str] = pc.fill_null(values.cast(pa.string()), "").to_pylist()
    return texts


def _python_values(attribute: Attribute) -> list[Any]:
    """Return values as boto3's serializer wants them."""
    read = _FOR_BOTO3.get(attribute.type)
    values: list[Any] = attribute.values.to_pylist()
    return [None if value is None else read(value) for value in values] if read else values


_FOR_BOTO3: dict[str, Callable[[Any], Any]] = {
    "N": Decimal,
    "SS": set,
    "NS": lambda members: set(map(Decimal, members)),
    "L": lambda text: read_json(text, list),
    "M": lambda text: read_json(text, dict),
}


def _typed_items(items: Items) -> Iterator[dict[str, dict[str, Any]]]:
    names = [attribute.name for attribute in items.attributes]
    kept_nulls = {attribute.name for attribute in items.attributes if attribute.write_null}
    columns = [_typed_values(attribute) for attribute in items.attributes]
    for row in zip(*columns, strict=True):
        yield {
            name: value or {"NULL": True}
            for name, value in zip(names, row, strict=True)
            if value is not None or name in kept_nulls
        }


def _typed_values(attribute: Attribute) -> list[dict[str, Any] | None]:
    """Return values as DynamoDB JSON spells them."""
    kind = attribute.type
    read = _FOR_JSON.get(kind, lambda value: {kind: value})
    return [None if value is None else read(value) for value in attribute.values.to_pylist()]


_FOR_JSON: dict[str, Callable[[Any], dict[str, Any]]] = {
    "B": lambda value: {"B": base64.b64encode(value).decode()},
    "L": lambda text: dynamodb_value(read_json(text, list)),
    "M": lambda text: dynamodb_value(read_json(text, dict)),
}
