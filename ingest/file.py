"""Which version of which S3 object is meant; which objects a glob means."""

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase

MOST_RETRIES = 999  # the names of more would not sort
SEQUENCER_WIDTH = 32  # S3's are 16 to 18 hex digits; right-padded with zeros they compare as text


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of one S3 object. What the notification left out is None.

    `retry` is how many times over it is loaded because an operator asked for it: each such attempt has a name, and so
    entries, segments and rejects, of its own. `undo`: the attempt deletes what the others have written. `changed` is
    when the object was changed (digits only, UTC), of one that was found in the bucket: contents that come back, A, B,
    A, have the same eTag.
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
        """The version's name in the ledger: comparable among versions of one key where S3 sent a sequencer.

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
        """The name of the first attempt at this version."""
        if self.sequencer:
            return self.sequencer.upper().ljust(SEQUENCER_WIDTH, "0")
        name = f"~{self.version_id or self.etag or 'unversioned'}"
        return f"{name}@{self.changed}" if self.changed else name

    @property
    def file_id(self) -> str:
        """What items name the version by: 20 hex digits, the same for all attempts at it.

        >>> FileVersion("b", "k", etag="e").file_id == FileVersion("b", "k", etag="e", retry=1).file_id
        True
        """
        return hashlib.sha256("\0".join((self.bucket, self.key, self.first_version)).encode()).hexdigest()[:20]

    @property
    def url(self) -> str:
        """The object's S3 URL."""
        return f"s3://{self.bucket}/{self.key}"


def glob_matches(glob: str, path: str) -> bool:
    """Return whether a glob matches the path of an object, upper and lower case as they are.

    Without a slash it is compared with the object's name; with one at its end alone, with each folder's name; else with
    the whole path, name by name, where `**` stands for any number of folders.

    >>> glob_matches("*.crc", "x/a.csv.crc"), glob_matches("tmp/", "x/tmp/a.csv"), glob_matches("x/*.csv", "a.csv")
    (True, True, False)
    """
    names, parts = path.split("/"), _glob_parts(glob)
    matched = {0}  # how many names the parts so far may have taken
    for n, part in enumerate(parts):
        if part == "**":
            least = min(matched, default=len(names)) + (n == len(parts) - 1)  # a folder holds something
            matched = set(range(least, len(names) + 1))
        else:
            matched = {at + 1 for at in matched if at < len(names) and fnmatchcase(names[at], part)}
    return len(names) in matched


def _glob_parts(glob: str) -> list[str]:
    """Return what is compared with one name after another.

    >>> _glob_parts("*.crc"), _glob_parts("tmp/"), _glob_parts("/2026/*.csv")
    (['**', '*.crc'], ['**', 'tmp', '**'], ['2026', '*.csv'])
    """
    parts = (f"{glob}**" if glob.endswith("/") else glob).split("/")
    if "/" not in glob[:-1]:
        parts.insert(0, "**")
    return parts[1:] if glob.startswith("/") else parts
