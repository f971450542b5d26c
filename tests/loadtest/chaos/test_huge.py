"""Huge files: as large as asked, compressed or not, and what must become of them is known."""

import gzip
from pathlib import Path

from loadtest.chaos.huge import HugeCase, write

SIZE = 400_000


def test_a_plain_file_is_as_large_as_asked(tmp_path: Path) -> None:
    file = write(tmp_path, HugeCase(name="plain", sizes=[1, SIZE]), 1)
    data = (tmp_path / file.key).read_bytes()
    assert 0.95 * SIZE < len(data) == file.bytes <= SIZE
    assert data.startswith(b"id,")
    assert file.rows == file.items + sum(file.rejected.values()) > 100


def test_a_gzip_file_has_as_much_text_as_asked(tmp_path: Path) -> None:
    file = write(tmp_path, HugeCase(name="gzip", sizes=[SIZE], is_gzip=True), 0)
    data = (tmp_path / file.key).read_bytes()
    assert len(data) == file.bytes < 0.7 * SIZE
    assert 0.95 * SIZE < len(gzip.decompress(data)) <= SIZE
