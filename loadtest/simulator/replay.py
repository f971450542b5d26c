"""What tables hold after all writes of a spool: each request is read as DynamoDB reads it, after the run."""

import os
import signal
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.simulator import requests
from loadtest.simulator.capacity import write_units
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.settings import Table
from loadtest.workload.checksum import Item, item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64

_LENGTH = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20


class Spool:
    """Writes bodies of BatchWriteItem to a file, one after the other. `close` it before it is read."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb", buffering=_BUFFER_BYTES)

    def took(self, body: bytes) -> None:
        """Keep a request, of which all was taken."""
        self._file.write(_LENGTH.pack(len(body)))
        self._file.write(body)

    def close(self) -> None:
        """Write what is buffered; nothing more can be kept."""
        self._file.close()


def bodies(path: Path, part: int = 0, parts: int = 1) -> Iterator[bytes]:
    """Yield the bodies that begin in one of some equal parts of a spool, in the order they were taken."""
    at, size = 0, path.stat().st_size
    with path.open("rb", buffering=_BUFFER_BYTES) as file:
        while at * parts < size * (part + 1) and (head := file.read(_LENGTH.size)):
            [length] = _LENGTH.unpack(head)
            if at * parts >= size * part:
                yield file.read(length)
            at = file.seek(at + _LENGTH.size + length)


LARGE_BYTES = 64_000_000  # what a process reads in a second or two
DELETED = np.uint64(0)
_AT_ONCE = 4096  # items are hashed together: that costs a tenth of hashing each


@dataclass(slots=True)
class Puts:
    """Writes to a table in their order; `names` are its key attributes. `refused` counts requests by why.

    `items`: the hash of what each has put, `DELETED` if it was a delete.
    """

    names: tuple[str, ...]
    not_summed: frozenset[str]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[Item, bool]] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def take(self, request: Mapping[str, Any]) -> None:
        """Take a put or a delete, as a batch has it."""
        is_put = "PutRequest" in request
        self.waiting.append((request["PutRequest"]["Item"] if is_put else request["DeleteRequest"]["Key"], is_put))
        if len(self.waiting) >= _AT_ONCE:
            self.hash()

    def hash(self) -> None:
        """Make hashes of what waits: it needs less room then."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item, _ in self.waiting]))
        hashes = item_hashes([item for item, _ in self.waiting], self.not_summed)
        self.items.append(np.where([is_put for _, is_put in self.waiting], hashes, DELETED))
        self.waiting = []


@dataclass(slots=True)
class Part:
    """What a part of a spool holds."""

    puts: dict[str, Puts]
    requests: int = 0
    write_units: int = 0


@dataclass(slots=True)
class Replayed:
    """What came of the writes."""

    tables: dict[str, TableFound]
    requests: int
    write_units: int


def replay(
    spool: Path,
    tables: Mapping[str, Table],
    *,
    large_bytes: int = LARGE_BYTES,
    not_summed: frozenset[str] = frozenset(),
) -> Replayed:
    """Return what the tables hold after the writes of a spool, in their order. A large one is read by all cores.

    `not_summed`: attributes that are in no hash.
    """
    count = (os.cpu_count() or 1) if spool.stat().st_size > large_bytes else 1
    # Not forked: the threads of the run that has just ended may hold locks. Ctrl-C reaches us too, and we end the pool.
    context, leave_it = get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
    with context.Pool(count, signal.signal, leave_it) if count > 1 else nullcontext() as pool:
        parts = list((pool.imap if pool else map)(partial(read, spool, tables, not_summed, count), range(count)))
    return Replayed(
        {name: found([part.puts[name] for part in parts]) for name in tables},
        sum(part.requests for part in parts),
        sum(part.write_units for part in parts),
    )


def read(spool: Path, tables: Mapping[str, Table], not_summed: frozenset[str], parts: int, number: int) -> Part:
    """Return what one of some parts of a spool holds."""
    part = Part({name: Puts(tuple(key.name for key in table.keys), not_summed) for name, table in tables.items()})
    for body in bodies(spool, number, parts):
        part.requests += 1
        try:
            writes = requests.batch(body, tables)
        except RequestRefused as refused:
            _named(body, part.puts).refused[str(refused)] += 1
            continue
        for write in writes:
            part.puts[write.table].take(write.request)
            part.write_units += write_units(write.bytes)
    for puts in part.puts.values():
        puts.hash()
    return part


def found(parts: Sequence[Puts]) -> TableFound:
    """Return what a table holds after the puts of all parts, one part after the other."""
    keys, items = (np.concatenate([of for part in parts for of in getattr(part, name)]) for name in ("keys", "items"))
    order = np.argsort(keys, kind="stable")
    keys, items = keys[order], items[order]
    is_again = keys[1:] == keys[:-1]
    is_last = np.ones(len(keys), np.bool_)
    is_last[:-1] = ~is_again
    held = items[is_last & (items != DELETED)]
    is_again &= (items[1:] != DELETED) & (items[:-1] != DELETED)
    refused: Counter[str] = sum((part.refused for part in parts), Counter())
    return TableFound(
        items=len(held),
        checksum=int(held.sum(dtype=np.uint64)) % MODULUS,
        hashes=held,
        overwritten=int((is_again & (items[1:] != items[:-1])).sum()),
        refused=tuple(f"DynamoDB would have refused {count:,} requests: {why}" for why, count in refused.items()),
    )


def _named(body: bytes, puts: Mapping[str, Puts]) -> Puts:
    """Return the table that a refused request names, as far as that can be seen."""
    return next((table for name, table in puts.items() if f'"{name}"'.encode() in body), next(iter(puts.values())))
