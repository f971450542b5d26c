"""Tables read back item by item."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from loadtest.checker.found import TableFound
from loadtest.workload.checksum import Checksum

Item = Mapping[str, Mapping[str, Any]]


def read_table(dynamodb: Any, name: str, *, segments: int = 1) -> TableFound:
    """Return what a table holds: every item is read, by so many readers at once."""
    whole = Checksum()
    with ThreadPoolExecutor(segments) as pool:
        for part in pool.map(partial(_sum, dynamodb, name, segments), range(segments)):
            whole.merge(part)
    return TableFound(items=whole.items, checksum=whole.value)


def pages(dynamodb: Any, name: str, *, segment: int = 0, segments: int = 1, **more: Any) -> Iterator[list[Item]]:
    """Yield all items of a segment of a table, in some portions."""
    part = {"Segment": segment, "TotalSegments": segments}
    for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True, **part, **more):
        yield page["Items"]


def _sum(dynamodb: Any, name: str, segments: int, segment: int) -> Checksum:
    checksum = Checksum()
    for items in pages(dynamodb, name, segment=segment, segments=segments):
        checksum.add(items)
    return checksum
