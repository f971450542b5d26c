"""Which files a plan is for: one, or several by a pattern or a prefix."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from ingest.commands.aws import client
from ingest.commands.source import Source, open_source
from ingest.edges.clock import Clock
from ingest.edges.s3 import Objects
from ingest.edges.s3_listing import ObjectListing
from ingest.errors import FileMissing, SettingsFault


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that are looked into, and those that are only counted."""

    read: tuple[Source, ...]
    unread: tuple[Source, ...]


def find_sources(name: str) -> list[Source]:
    """Return the file of that name, or all that a pattern (`*`, `?`) or a name with / at its end means. None is empty.

    Raises:
        FileMissing: there is none.
    """
    is_many = any(mark in name for mark in "*?") or name.endswith("/")
    if not is_many:
        return [open_source(name)]
    found = _objects(name) if name.startswith("s3://") else _paths(name)
    if not found:
        raise FileMissing(f"{name} means no file that is not empty; check the pattern.")
    return found


def some_of(sources: Sequence[Source], most: int) -> Chosen:
    """Return no more than so many of the files, spread evenly over all of them."""
    step = max(1.0, len(sources) / most)
    places = {int(n * step) for n in range(min(most, len(sources)))}
    read = tuple(source for n, source in enumerate(sources) if n in places)
    return Chosen(read, tuple(source for n, source in enumerate(sources) if n not in places))


def _paths(name: str) -> list[Source]:
    pattern = Path(f"{name}*" if name.endswith("/") else name)
    root = Path(pattern.anchor or ".")
    names = sorted(str(path) for path in root.glob(str(pattern.relative_to(pattern.anchor))) if path.is_file())
    found = [open_source(each) for each in names]
    return [source for source in found if source.size_bytes]


def _objects(name: str) -> list[Source]:
    bucket, _, pattern = name.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsFault(f"{name} is no place in S3; write s3://bucket/prefix/.")
    s3 = client("s3", f"preparing to look at {name}")
    objects = Objects(client=s3, clock=Clock())
    prefix = pattern[: min((pattern.index(mark) for mark in "*?" if mark in pattern), default=len(pattern))]
    wanted = f"{pattern}*" if pattern.endswith("/") or not pattern else pattern
    files = [file for file, _ in ObjectListing(client=s3).under(bucket, prefix) if fnmatchcase(file.key, wanted)]
    return [Source(f.url, read=partial(objects.portions, f), size_bytes=f.size_bytes) for f in files if f.size_bytes]
