"""How much of a file is read, and in which encoding."""

from collections.abc import Iterator

import pytest

from ingest.errors import NotCsv
from ingest.sniff.sample import find_encoding, take_sample

TEXT = "id,näme\n" + "1,Łódź\n" * 50


@pytest.mark.parametrize("end", range(1, 40))
def test_a_character_cut_at_the_end_of_the_sample_does_not_count_as_damage(end: int) -> None:
    assert find_encoding(TEXT.encode()[:end], is_whole=False) == "utf-8"


def test_a_character_cut_at_the_end_of_the_file_does() -> None:
    assert find_encoding("ä".encode()[:1], is_whole=True) == "cp1252"


def test_a_damaged_row_in_much_good_utf_8_does_not_make_it_another_encoding() -> None:
    assert find_encoding(TEXT.encode() + b"2,\xff\n", is_whole=True) == "utf-8"
    assert find_encoding(b"id,n\xe4me\n1,\xfc\n", is_whole=True) == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("limit", [100, 101, 102, 103])
def test_a_sample_ends_with_a_line_wherever_it_was_cut(encoding: str, limit: int) -> None:
    text = "id,name\r\n" + "1,Müller\r\n" * 100
    sample = take_sample(iter([text.encode(encoding)]), limit_bytes=limit)
    assert not sample.is_whole
    assert sample.text.endswith(b"\r\n")
    assert text.encode().startswith(sample.text)


def test_no_more_is_read_than_is_looked_at() -> None:
    def portions() -> Iterator[bytes]:
        yield b"a,b\n" * 100
        yield b"1,2\n" * 100
        raise AssertionError("read too much")

    assert len(take_sample(portions(), limit_bytes=500).text) == 500


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(NotCsv, match="does not end within 500 bytes"):
        take_sample(iter([b"x" * 600]), limit_bytes=500)


def test_a_short_file_with_a_stray_control_character_is_text() -> None:
    assert take_sample(iter([b"a,b\n1,\x07\n"])).text == b"a,b\n1,\x07\n"
