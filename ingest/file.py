"""Versions of S3 objects, and globs that match objects' paths."""

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase

MOST_RETRIES = 999  # names have three digits, so that they sort
SEQUENCER_WIDTH = 32  # S3's have 16 to 18 hex digits; padded with zeros on the right, they compare as text


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of one S3 object. A field that the notification left out is None.

    `retry` is the number of a repeated attempt (a retry, an undo, or a start with new settings), None for the first;
    each attempt has its own name, and therefore its own ledger entries, segments and rejects. `undo`: the attempt
    deletes what the other attempts wrote. `changed` is the time of the last change (digits only, UTC) of an object
    found by listing the bucket: an object whose contents change from A to B and back to A has the same eTag again.
    """

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    size_bytes: int | None = None
    event_time: str | None = None
    retry: int | None = None
    changed: str | None = None
    undo: bool | None = None

    @property
    def version(self) -> str:
        """The version's name in the ledger. Versions of one key compare in order if S3 sent sequencers.

        >>> FileVersion("b", "k", sequencer="00AB").version
        '00AB0000000000000000000000000000'
        >>> FileVersion("b", "k", etag="e", retry=1).version
        '~e+001'
        >>> FileVersion("b", "k", etag="e", changed="20261129101112").version
        '~e@20261129101112'
        """
        return f"{self.first_version}+{self.retry:03d}" if self.retry else self.first_version

    @property
    def first_version(self) -> str:
        """The name of the first attempt at this version, without the number of a retry."""
        if self.sequencer:
            return self.sequencer.upper().ljust(SEQUENCER_WIDTH, "0")
        name = f"~{self.version_id or self.etag or 'unversioned'}"
        return f"{name}@{self.changed}" if self.changed else name

    @property
    def file_id(self) -> str:
        """The id of the version in items: 20 hex digits, the same for all attempts at it.

        >>> FileVersion("b", "k", etag="e").file_id == FileVersion("b", "k", etag="e", retry=1).file_id
        True
        """
        return hashlib.sha256("\0".join((self.bucket, self.key, self.first_version)).encode()).hexdigest()[:20]

    @property
    def url(self) -> str:
        """The object's S3 URL."""
        return f"s3://{self.bucket}/{self.key}"


def glob_matches(glob: str, path: str) -> bool:
    """Return whether a glob matches the path of an object. Upper and lower case differ.

    A glob without a slash is compared with the object's name. One whose only slash is at its end is compared with the
    name of each folder. Any other is compared with the whole path, part by part; `**` stands for any number of folders.

    >>> glob_matches("*.crc", "x/a.csv.crc"), glob_matches("tmp/", "x/tmp/a.csv"), glob_matches("x/*.csv", "a.csv")
    (True, True, False)
    """
    names, parts = path.split("/"), _glob_parts(glob)
    matched = {0}  # numbers of names that the parts so far can match
    for n, part in enumerate(parts):
        if part == "**":
            least = min(matched, default=len(names)) + (n == len(parts) - 1)  # a folder is not empty
            matched = set(range(least, len(names) + 1))
        else:
            matched = {at + 1 for at in matched if at < len(names) and fnmatchcase(names[at], part)}
    return len(names) in matched


def _glob_parts(glob: str) -> list[str]:
    """Return the parts of a glob, each to be compared with one part of a path.

    >>> _glob_parts("*.crc"), _glob_parts("tmp/"), _glob_parts("/2026/*.csv")
    (['**', '*.crc'], ['**', 'tmp', '**'], ['2026', '*.csv'])
    """
    parts = (f"{glob}**" if glob.endswith("/") else glob).split("/")
    if "/" not in glob[:-1]:
        parts.insert(0, "**")
    return parts[1:] if glob.startswith("/") else parts
