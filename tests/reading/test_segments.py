"""Segments of a file, each loaded on its own, are the file loaded in one go."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.dialect import Csv
from ingest.reading.blocks import START, BadRecord, Block, BlockSplitter, Chunk, Position
from ingest.reading.encoding import Charset
from ingest.reading.grammar import Grammar, count_lines
from ingest.reading.reader import Reader
from ingest.reading.segments import Segment, plan
from ingest.reading.text_reader import is_splittable
from tests.reading.test_position import SOUP
from tests.support.fakes import cut, opened

DIALECTS = st.builds(
    Csv,
    quote=st.sampled_from(['"', '"', '"', ""]),
    quoting=st.sampled_from(["strict", "strict", "lenient"]),
    blanks_around_quotes=st.booleans(),
    escape=st.sampled_from(["", "", "\\"]),
    comment=st.sampled_from(["", "", "#"]),
    encoding=st.sampled_from(["utf-8", "cp1252", "latin-1", "ascii", "iso8859-15", "koi8-r"]),
)


def splitter(csv: Csv, state: Position = START, *, block_bytes: int = 48, record_bytes: int = 24) -> BlockSplitter:
    measure = Charset(csv).size
    return BlockSplitter(Grammar(csv), state=state, block_bytes=block_bytes, record_bytes=record_bytes, measure=measure)


def segments(data: bytes, csv: Csv, start: Position = START, *, segment_bytes: int, portion: int = 37) -> list[Segment]:
    text = Charset(csv).to_text(cut(data[start.byte :], portion))
    return list(plan(text, splitter(csv, start), segment_bytes=segment_bytes))


def chunks(data: bytes, csv: Csv, segment: Segment | None = None, *, portion: int = 37) -> list[Chunk]:
    """Return the chunks of a file, or of a segment of it, behind which no more is seen than a record may have."""
    own = splitter(csv, segment.start if segment else START)
    first, end = (segment.start.byte, segment.end_byte) if segment else (0, len(data))
    found = [chunk for text in Charset(csv).to_text(cut(data[first:end], portion)) for chunk in own.feed(text)]
    behind = b"".join(Charset(csv).to_text(iter([data[end : end + 24]])))
    return found + list(own.finish(at_end=end == len(data), behind=lambda: behind))


@given(data=SOUP, csv=DIALECTS, segment_bytes=st.integers(48, 200), portion=st.integers(1, 90))
def test_segments_each_cut_on_its_own_give_the_pieces_of_the_whole_file(
    data: bytes, csv: Csv, segment_bytes: int, portion: int
) -> None:
    found: list[Chunk] = []
    at = 0
    for segment in segments(data, csv, segment_bytes=segment_bytes, portion=portion):
        assert (segment.start.byte, segment.start.line) == (at, 1 + count_lines(data[:at]))
        found += chunks(data, csv, segment, portion=portion)
        at = segment.end_byte
    assert at == len(data)
    assert found == chunks(data, csv)


@given(data=SOUP, csv=DIALECTS, segment_bytes=st.integers(48, 200), portion=st.integers(1, 90))
def test_planning_that_begins_again_at_a_segments_end_finds_the_same_segments(
    data: bytes, csv: Csv, segment_bytes: int, portion: int
) -> None:
    all_of_them = segments(data, csv, segment_bytes=segment_bytes)
    for done, segment in enumerate(all_of_them, start=1):
        assert segments(data, csv, segment.end, segment_bytes=segment_bytes, portion=portion) == all_of_them[done:]


@given(data=SOUP, csv=DIALECTS, segment_bytes=st.integers(48, 200))
def test_only_a_bad_record_makes_a_segment_longer_than_it_should_be(data: bytes, csv: Csv, segment_bytes: int) -> None:
    """But for Ctrl-Z behind the text, and what the end of the file decides: no segment ends in either."""
    found = segments(data, csv, segment_bytes=segment_bytes)
    for segment in found:
        if len(data[segment.start.byte : segment.end_byte].rstrip(b"\x1a")) > segment_bytes:
            first, *others = chunks(data, csv, segment)
            assert isinstance(first, BadRecord) and (not others or segment == found[-1])


def test_a_segment_sees_behind_its_end_whether_a_quote_is_never_closed_or_closes_before_text() -> None:
    """Its line ends the segment all the same; without what follows, its reason would not be the whole file's."""
    data = b"1,2\n" * 10 + b'"x\n' + b'1,"2,long\n' + b"1,2\n" * 30
    (first, *_) = segments(data, Csv(), segment_bytes=48)
    assert data[: first.end_byte].endswith(b'"x\n')
    assert chunks(data, Csv(), first) == chunks(data, Csv())[:1]
    cut_short = chunks(data[: first.end_byte + 2], Csv(), first)
    assert [type(chunk) for chunk in cut_short] == [Block, BadRecord]


def test_a_segment_is_known_before_the_text_has_ended() -> None:
    rows = b"1,2\n" * 12
    text = iter([rows, rows, rows, rows])
    found = plan(text, splitter(Csv()), segment_bytes=48)
    assert next(found) == Segment(Position(0, 1), Position(48, 13, text_byte=48))
    assert next(text) == rows


def test_segments_are_filled_as_far_as_pieces_fit() -> None:
    data = b"1,2\n" * 120
    assert [s.end_byte for s in segments(data, Csv(), segment_bytes=100)] == [96, 192, 288, 384, 480]
    assert [s.end_byte for s in segments(data, Csv(), segment_bytes=480)] == [480]
    assert [s.end_byte for s in segments(data, Csv(), segment_bytes=479)] == [432, 480]
    assert segments(b"", Csv(), segment_bytes=100) == []


@given(data=SOUP, csv=DIALECTS, segment_bytes=st.integers(48, 200), portion=st.integers(1, 90))
def test_so_do_segments_of_an_opened_file_that_are_read_as_a_worker_reads_them(
    data: bytes, csv: Csv, segment_bytes: int, portion: int
) -> None:
    """The reader asks for what follows a segment, where a quote may be closed there."""
    csv = msgspec.structs.replace(csv, header=("id", "n"))
    file = b"0,0\n" + data

    def reader() -> Reader:
        return opened(file, csv, portion=portion, block_bytes=48)

    start, found = reader().start, []
    for segment in reader().segments(start, segment_bytes):
        at_end = segment.end_byte == len(file)
        found += reader().blocks(segment.start, segment.end_byte, at_end=at_end)
    assert found == list(reader().blocks(start))


def test_planning_begins_behind_the_head_of_the_file() -> None:
    data = b"a,b\n" + b"1,2\n" * 3
    assert segments(data, Csv(), Position(4, 2), segment_bytes=48) == [
        Segment(Position(4, 2), Position(16, 5, text_byte=12))
    ]


def test_the_splitter_of_a_feeds_files_holds_its_longest_record_and_counts_the_files_own_bytes() -> None:
    csv = Csv(encoding="cp1252", quote="", max_record_bytes=5_000_000)
    text = "ü" * 2_400_000 + "\n"
    reader = opened(("head,ers\n\n" + text).encode("cp1252"), csv)
    (chunk,) = reader.blocks(reader.start)
    assert (chunk.first_byte, chunk.byte_count, chunk.data) == (9, 2_400_002, ("\n" + text).encode())
    assert reader.position == Position(2_400_011, 4, text_byte=4_800_011)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "U8", "ascii", "latin-1", "cp1252", "iso8859-15", "mac-roman", "cp037", "cp864"],
)
def test_a_plain_file_of_one_byte_characters_or_utf_8_is_splittable(encoding: str) -> None:
    """EBCDIC too (cp037), and whatever its marks are."""
    assert is_splittable(Csv(encoding=encoding, line_end="~", quote="'"), b"a,b\n")
    assert is_splittable(Csv(encoding=encoding, delimiter="÷"), b"a,b\n")
    assert is_splittable(Csv(encoding=encoding), b"a,b\n")
    assert is_splittable(Csv(encoding=encoding, compression="none"), b"\x1f\x8b")


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-16",
        "utf-16-le",
        "utf-32",
        "utf-7",
        "shift_jis",
        "gb18030",
        "big5",
        "euc-jp",
        "iso2022_jp",
        "hz",
    ],
)
def test_a_file_whose_bytes_mean_what_others_make_of_them_is_not(encoding: str) -> None:
    assert not is_splittable(Csv(encoding=encoding), b"a,b\n")


@pytest.mark.parametrize(
    ("csv", "first_bytes"),
    [
        (Csv(), b"\x1f\x8b\x08\x00"),
        (Csv(), b"\x28\xb5\x2f\xfd"),
        (Csv(), b"BZh91AY&SY"),
        (Csv(compression="gzip"), b"a,b\n"),
        (Csv(footer_lines=1), b"a,b\n"),
    ],
)
def test_nor_is_one_that_must_be_read_from_its_start_or_to_its_end(csv: Csv, first_bytes: bytes) -> None:
    assert not is_splittable(csv, first_bytes)
    plain = msgspec.structs.replace(csv, compression="none", footer_lines=0, quote='"', delimiter=",")
    assert is_splittable(plain, first_bytes)
