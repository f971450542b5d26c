"""Compressed and foreign text comes out as UTF-8, in whatever portions it arrives."""

import bz2
import contextlib
import gzip
from collections.abc import Callable, Iterator
from encodings.aliases import aliases

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import BadCompression, Bomb, NotCsv, ObjectSuperseded, SettingsFault, Throttled
from ingest.feeds.dialect import Csv
from ingest.feeds.parse import parse_feeds
from ingest.reading.compression import decode, find_codec
from ingest.reading.encoding import Charset
from tests.support.fakes import cut

TEXT = b"a,b\n" + b"".join(b"%d,row %d\n" % (n, n * n) for n in range(500))
FEED = '[feeds.f]\nprefix = "f/"\ntable = "Table"\npartition_key = "a"\n[feeds.f.csv]\nencoding = "%s"'


def zstd(data: bytes) -> bytes:
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bz2": bz2.compress, "zstd": zstd}


def decoded(data: bytes, csv: Csv | None = None, *, portion: int = 1000) -> bytes:
    return b"".join(decode(cut(data, portion), csv or Csv()))


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("portion", [1, 2, 3, 7, 1000, 10**6])
def test_a_compressed_file_is_known_by_its_first_bytes_in_any_portions(codec: str, portion: int) -> None:
    assert decoded(COMPRESS[codec](TEXT), portion=portion) == TEXT
    assert decoded(COMPRESS[codec](TEXT), Csv(compression=codec), portion=portion) == TEXT  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", COMPRESS)
def test_members_laid_end_to_end_are_one_file(codec: str) -> None:
    compress = COMPRESS[codec]
    data = compress(TEXT) + compress(b"last,line\n")
    for portion in range(1, len(data) + 1, 3):
        assert decoded(data, portion=portion) == TEXT + b"last,line\n"


@pytest.mark.parametrize("codec", ["gzip", "zstd"])  # Arrow stumbles over an empty bz2 member; see the next test
def test_an_empty_member_in_between_adds_nothing(codec: str) -> None:
    compress = COMPRESS[codec]
    data = compress(TEXT) + compress(b"") + compress(b"last,line\n")
    for portion in range(1, len(data) + 1, 3):
        assert decoded(data, portion=portion) == TEXT + b"last,line\n"


def test_what_the_library_cannot_expand_is_bad_compression_too() -> None:
    """An empty bz2 member that ends with a read: "wrong sequence of calls to bz2 library (internal error)"."""
    data = bz2.compress(b"a,b\n" * 500) + bz2.compress(b"") + bz2.compress(b"l")
    with pytest.raises(BadCompression, match="bz2"):
        decoded(data, portion=17)


def test_no_byte_of_an_uncompressed_file_is_touched() -> None:
    soup = bytes(range(256)) * 3
    assert decoded(soup) == soup
    assert decoded(b"") == b""
    assert decoded(b"a") == b"a"


def test_compression_none_leaves_compressed_bytes_alone() -> None:
    data = gzip.compress(TEXT)
    assert decoded(data, Csv(compression="none")) == data


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_stream_cut_short_is_bad_compression_wherever_it_is_cut(codec: str) -> None:
    data = COMPRESS[codec](TEXT)
    for length in [*range(1, 40), len(data) // 2, len(data) - 5, len(data) - 1]:
        with pytest.raises(BadCompression, match="send the file again"):
            decoded(data[:length], Csv(compression=codec))  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_file_that_is_not_compressed_as_the_feed_says_is_bad_compression(codec: str) -> None:
    with pytest.raises(BadCompression, match=codec):
        decoded(TEXT, Csv(compression=codec))  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", COMPRESS)
def test_bytes_behind_the_stream_are_bad_compression(codec: str) -> None:
    with pytest.raises(BadCompression):
        decoded(COMPRESS[codec](TEXT) + b"and then some")


@given(codec=st.sampled_from(sorted(COMPRESS)), at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_stream_gives_bytes_or_bad_compression_and_no_other_error(codec: str, at: float, flip: int) -> None:
    data = bytearray(COMPRESS[codec](TEXT))
    data[int(at * len(data))] ^= flip
    try:
        decoded(bytes(data), Csv(compression=codec))  # type: ignore[arg-type]
    except BadCompression:
        return


def test_what_comes_before_the_damage_is_handed_on() -> None:
    """Rows are written while a file streams, so a late fault must not hide behind buffering."""
    big = b"".join(b"%d,%d\n" % (n, n * 7919 % 10007) for n in range(900_000))
    portions = decode(cut(gzip.compress(big, 1)[:-100], 100_000), Csv())
    assert big.startswith(next(portions))
    with pytest.raises(BadCompression):
        b"".join(portions)


@pytest.mark.parametrize("codec", ["none", *COMPRESS])
@pytest.mark.parametrize("error", [Throttled("slow"), ObjectSuperseded("gone"), KeyError("bug")])
def test_an_error_of_the_source_passes_through_unchanged(codec: str, error: Exception) -> None:
    data = COMPRESS[codec](TEXT) if codec != "none" else TEXT

    def breaking() -> Iterator[bytes]:
        yield data[:50]
        raise error

    with pytest.raises(type(error)) as caught:
        list(decode(breaking(), Csv()))
    assert caught.value is error


@pytest.mark.parametrize(
    ("first_bytes", "codec"),
    [
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"BZh91AY&SY", "bz2"),
        (b"BZhotel,a\n", None),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZ", None),
        (b"", None),
    ],
)
def test_magic_bytes_report_the_codec(first_bytes: bytes, codec: str | None) -> None:
    assert find_codec(first_bytes) == codec


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "cp500"])
@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_text_in_another_encoding_comes_out_as_utf8(encoding: str, portion: int) -> None:
    text = "Größe;Straße\r\n1;2\n"
    assert decoded(text.encode(encoding), Csv(encoding=encoding), portion=portion) == text.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_of_utf8_is_left_to_the_head(encoding: str) -> None:
    assert decoded("\ufeffa".encode(), Csv(encoding=encoding)) == "\ufeffa".encode()


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "euc_kr", "iso2022_jp"])
@pytest.mark.parametrize("portion", [1, 2, 1000])
def test_multi_byte_text_may_be_cut_inside_a_character(encoding: str, portion: int) -> None:
    text = "中国,三\n" if encoding != "euc_kr" else "한국,셋\n"
    assert decoded(text.encode(encoding), Csv(encoding=encoding), portion=portion) == text.encode()


def test_compressed_text_in_another_encoding_is_expanded_first() -> None:
    assert decoded(gzip.compress("ü\n".encode("utf-16")), Csv(encoding="utf-16"), portion=1) == "ü\n".encode()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("cp1252", b"a\x81b"),  # not defined
        ("ascii", "a\u00fcb".encode()),  # UTF-8 by chance is still no ASCII
        ("utf-16", "ab\n".encode("utf-16")[:-1]),  # half a character, below 0x80
        ("utf-16-le", b"a\0\0\xd8b\0"),  # half a surrogate pair
        ("shift_jis", b"a\x81"),
    ],
)
@pytest.mark.parametrize("portion", [1, 1000])
def test_bytes_that_are_invalid_in_the_encoding_never_become_valid_utf8(
    encoding: str, data: bytes, portion: int
) -> None:
    """They are rejected later, row by row, as bad_encoding."""
    out = decoded(data, Csv(encoding=encoding), portion=portion)
    assert out.startswith(b"a")
    with pytest.raises(UnicodeDecodeError):
        out.decode()


def test_utf16_without_its_byte_order_mark_is_refused() -> None:
    with pytest.raises(NotCsv, match=r"not valid utf-16 text: .*BOM"):
        decoded("a,b\n".encode("utf-16-be"), Csv(encoding="utf-16"))


@given(data=st.binary(max_size=40), portion=st.integers(1, 40))
def test_transcoded_in_portions_is_transcoded_in_one_go(data: bytes, portion: int) -> None:
    for encoding in ("cp1252", "utf-16-le", "utf-8-sig", "shift_jis", "ascii"):
        charset = Charset(Csv(encoding=encoding))
        assert b"".join(charset.to_text(cut(data, portion))) == b"".join(charset.to_text(iter([data])))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # unicode_escape has opinions
@pytest.mark.parametrize("encoding", sorted({*aliases.values(), "idna", "punycode", "undefined", "unicode_escape"}))
def test_every_encoding_a_feed_may_name_takes_any_bytes(encoding: str) -> None:
    try:
        parse_feeds(FEED % encoding)
    except SettingsFault as fault:
        assert "accepted is a text encoding Python knows" in str(fault)
        return
    with contextlib.suppress(NotCsv):  # no byte order mark, perhaps
        decoded(bytes(range(256)) * 2, Csv(encoding=encoding), portion=5)


@pytest.mark.parametrize("codec", ["gzip", "bz2", "zstd"])
def test_a_file_that_expands_beyond_the_feeds_limits_is_a_bomb_and_takes_little_memory(codec: str) -> None:
    bomb = pa.Codec(codec).compress(b"0" * 300_000_000, asbytes=True) if codec == "zstd" else small_bomb(codec)
    seen = 0
    with pytest.raises(Bomb, match="max_ratio"):
        for portion in decode(iter([bomb]), Csv()):
            seen += len(portion)
    assert seen < 70_000_000


def test_a_file_that_expands_to_more_bytes_than_allowed_is_a_bomb() -> None:
    with pytest.raises(Bomb, match="max_expanded_bytes"):
        list(decode(iter([gzip.compress(b"a,b\n" * 1_000_000)]), Csv(max_expanded_bytes=3_000_000)))


def test_limits_can_be_raised() -> None:
    expanded = decode(iter([small_bomb("gzip")]), Csv(max_ratio=2_000))
    assert sum(map(len, expanded)) == 100_000_000


def small_bomb(codec: str) -> bytes:
    return {"gzip": gzip, "bz2": bz2}[codec].compress(b"0" * 100_000_000)  # type: ignore[attr-defined, no-any-return]
