"""The requirements of a shared library, read from its ELF file without tools of its platform."""

import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

AARCH64 = 183  # e_machine
MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian

_DYNAMIC, _VERSION_NEEDS = 6, 0x6FFFFFFE  # sh_type
_NEEDED = 1  # d_tag
_VERSION = re.compile(r"([A-Z]+)_([0-9.]+)")
Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """The processor (`e_machine`), the libraries by file name, and the versions of their symbols, as `GLIBC_2.17`."""

    machine: int
    libraries: frozenset[str]
    versions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    content: bytes
    names: int  # index of the section with its strings


def needs_of(library: bytes) -> Needs:
    """Return what a library needs.

    Raises:
        ValueError: these are not the bytes of a 64-bit ELF file.
    """
    if not library.startswith(MAGIC):
        raise ValueError("not a 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", library, 18)
    sections = list(_sections(library))
    libraries, versions = set(), set()
    for section in sections:
        if section.kind == _DYNAMIC:
            libraries |= {_text(sections[section.names], at) for at in _needed(section.content)}
        elif section.kind == _VERSION_NEEDS:
            versions |= {_text(sections[section.names], at) for at in _versions(section.content)}
    return Needs(machine, frozenset(libraries), frozenset(versions))


def libraries_in(archive: Path) -> dict[str, Needs]:
    """Return the needs of each shared library in a zip, by path."""
    with zipfile.ZipFile(archive) as opened:
        contents = ((name, opened.read(name)) for name in opened.namelist())
        return {name: needs_of(content) for name, content in contents if content.startswith(b"\x7fELF")}


def newest(versions: Iterable[str]) -> dict[str, Version]:
    """Return the newest version by family.

    >>> newest(["GLIBC_2.4", "GLIBC_2.17", "GCC_3.0"])
    {'GLIBC': (2, 17), 'GCC': (3, 0)}
    """
    found: dict[str, Version] = {}
    for match in filter(None, map(_VERSION.fullmatch, versions)):
        family, version = match[1], tuple(map(int, match[2].split(".")))
        found[family] = max(version, found.get(family, ()))
    return found


def _sections(library: bytes) -> Iterator[_Section]:
    (table,), (size, count) = struct.unpack_from("<Q", library, 40), struct.unpack_from("<HH", library, 58)
    for at in range(table, table + size * count, size):
        _, kind, _, _, first, length, names = struct.unpack_from("<IIQQQQI", library, at)
        yield _Section(kind, library[first : first + length], names)


def _needed(dynamic: bytes) -> Iterator[int]:
    for tag, value in struct.iter_unpack("<qQ", dynamic):
        if tag == _NEEDED:
            yield value


def _versions(needs: bytes) -> Iterator[int]:
    """Yield the offsets of the versions' names: a chain of libraries, each with a chain of versions."""
    library = more = 0
    while library == 0 or more:
        _, count, _, first, more = struct.unpack_from("<HHIII", needs, library)
        at = library + first
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", needs, at)
            yield name
            at += step
        library += more


def _text(names: _Section, at: int) -> str:
    return names.content[at : names.content.index(b"\0", at)].decode("ascii")
