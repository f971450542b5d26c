"""DynamoDB's answer to a batch -> the rows to send again."""

import base64
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ingest.dynamodb.batches import Batch
from ingest.items.items import Items
from ingest.items.numbers import canonical_number


def unprocessed(answer: bytes | Mapping[str, Any], batch: Batch, items: Items) -> list[int]:
    """Return the rows of the batch that DynamoDB asks to send again, in order; `items` is what the batch is made of.

    Keys tell the rows, as DynamoDB spells numbers in its own way. If they tell fewer rows than DynamoDB left requests,
    it is the whole batch: a put may be repeated, and none may be lost.
    """
    reported = json.loads(answer) if isinstance(answer, bytes) else answer
    left = [request["PutRequest"]["Item"] for some in reported.get("UnprocessedItems", {}).values() for request in some]
    if not left:
        return []
    wanted = {tuple(_comparable(key.type, item[key.name][key.type]) for key in items.keys) for item in left}
    rows = [row for row, key in zip(batch.rows, _keys(items, batch.rows), strict=True) if key in wanted]
    return rows if len(rows) == len(left) else list(batch.rows)


def _keys(items: Items, rows: Sequence[int]) -> Iterable[tuple[Hashable, ...]]:
    columns: list[list[Hashable]] = []
    for key in items.keys:
        values = items.attribute(key.name).values.take(pa.array(rows, pa.int64()))
        columns.append([_comparable(key.type, value) for value in values.to_pylist()])
    return zip(*columns, strict=True)


def _comparable(kind: str, value: Any) -> Hashable:
    """Return what equal keys share; botocore hands bytes on where JSON has base64."""
    if kind == "N":
        return canonical_number(value)
    if kind == "B" and isinstance(value, str):
        return base64.b64decode(value)
    return bytes(value) if kind == "B" else str(value)
