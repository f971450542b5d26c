"""What stands under a bucket and key, which of its bytes a request means, and what S3 answers. No sockets here."""

import re
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class ReadRefused(Exception):
    """What S3 answers instead of bytes."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One object as it is now."""

    path: Path
    size: int
    etag: str
    modified_s: float


class ByteRange(NamedTuple):
    """The bytes from `first` to before `end`."""

    first: int
    end: int


def find(folder: Path | None, target: str) -> ServedFile:
    """Return the object that a request's target, `/bucket/key`, names.

    Raises:
        ReadRefused: there is none.
    """
    if folder is None:
        raise ReadRefused(404, "NoSuchKey")
    path = (folder / unquote(urlsplit(target).path).lstrip("/")).resolve()
    if not (path.is_file() and path.is_relative_to(folder.resolve())):
        raise ReadRefused(404, "NoSuchKey")
    about = path.stat()
    version = f"{path}\n{about.st_size}\n{about.st_mtime_ns}\n{about.st_ino}"
    etag = f'"{md5(version.encode(), usedforsecurity=False).hexdigest()}"'
    return ServedFile(path, about.st_size, etag, about.st_mtime)


def check_version(found: ServedFile, if_match: str | None) -> None:
    """Check that an object is the one the client means.

    Raises:
        ReadRefused: it is another by now.
    """
    if if_match and if_match.strip('"') not in {"*", found.etag.strip('"')}:
        raise ReadRefused(412, "PreconditionFailed")


def extent(found: ServedFile, asked: str | None) -> ByteRange | None:
    """Return the bytes that a Range header asks for; None if all, as for a header that is not a range.

    Raises:
        ReadRefused: there are no such bytes.
    """
    match = _RANGE.fullmatch(asked or "")
    if not match or match[1] == match[2] == "":
        return None
    if match[1]:
        asked_for = ByteRange(int(match[1]), min(int(match[2]) + 1 if match[2] else found.size, found.size))
    else:
        asked_for = ByteRange(max(0, found.size - int(match[2])), found.size)
    if asked_for.first >= asked_for.end:
        raise ReadRefused(416, "InvalidRange")
    return asked_for
