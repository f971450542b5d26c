"""Cutting goes on from any piece's end as if it had never stopped, and stops at any piece's end as if more followed."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ingest.feeds.dialect import Csv
from ingest.reading.blocks import START, Block, BlockSplitter, Chunk, Position
from ingest.reading.grammar import Grammar

DIALECTS = st.builds(
    structs.replace,
    st.sampled_from(
        [Csv(), Csv(escape="\\"), Csv(quote=""), Csv(comment="#"), Csv(delimiter=";", escape="\\", comment="#")]
    ),
    quoting=st.sampled_from(["strict", "lenient"]),
    blanks_around_quotes=st.booleans(),
)
MARKS = [b'"', b'"', b"\n", b" ", b"\r", b"\r\n", b",", b";", b"\\", b"#", b"a", "ü".encode(), b"\xff"]
CTRL_Z = [b"\x1a", b"\x1a" * 50]
WORDS = [b'1,"2"\n', b"1,2\n" * 9, b'"x\n', b'1,"2,x']  # the last two: a stray quote, and what shows that it is one
PARTS = st.sampled_from([*MARKS, *CTRL_Z, *WORDS, *WORDS])
SOUP = st.lists(PARTS, max_size=90).map(b"".join)
Step = tuple[Chunk, Position]


def splitter(csv: Csv, state: Position = START, *, block_bytes: int = 48, record_bytes: int = 24) -> BlockSplitter:
    return BlockSplitter(Grammar(csv), state=state, block_bytes=block_bytes, record_bytes=record_bytes)


def feed(own: BlockSplitter, data: bytes, portion: int) -> Iterator[Step]:
    """Yield the chunks, and the splitter's state while it is suspended behind each of them."""
    for at in range(0, len(data), portion):
        for chunk in own.feed(data[at : at + portion]):
            yield chunk, own.state


def finish(own: BlockSplitter, *, at_end: bool = True, behind: bytes = b"") -> Iterator[Step]:
    for chunk in own.finish(at_end=at_end, behind=lambda: behind):
        yield chunk, own.state


SIZES = st.tuples(st.integers(8, 60), st.integers(8, 60))


@given(data=SOUP, csv=DIALECTS, sizes=SIZES, portion=st.integers(1, 80))
def test_a_new_splitter_goes_on_from_any_pieces_end(
    data: bytes, csv: Csv, sizes: tuple[int, int], portion: int
) -> None:
    block_bytes, record_bytes = sizes
    own = splitter(csv, block_bytes=block_bytes, record_bytes=record_bytes)
    steps = [*feed(own, data, portion), *finish(own)]
    for done, (_, state) in enumerate(steps, start=1):
        other = splitter(csv, state, block_bytes=block_bytes, record_bytes=record_bytes)
        assert other.state == state
        assert [*feed(other, data[state.byte :], portion), *finish(other)] == steps[done:]


@given(data=SOUP, csv=DIALECTS, sizes=SIZES, portion=st.integers(1, 80))
def test_the_bytes_between_any_two_pieces_ends_give_the_pieces_between_them(
    data: bytes, csv: Csv, sizes: tuple[int, int], portion: int
) -> None:
    block_bytes, record_bytes = sizes
    own = splitter(csv, block_bytes=block_bytes, record_bytes=record_bytes)
    steps = list(feed(own, data, portion))
    states = [START, *(state for _, state in steps)]
    for (first, start), (last, end) in combinations(enumerate(states), 2):
        other = splitter(csv, start, block_bytes=block_bytes, record_bytes=record_bytes)
        part, behind = data[start.byte : end.byte], data[end.byte : end.byte + record_bytes]
        assert [*feed(other, part, portion), *finish(other, at_end=False, behind=behind)] == steps[first:last]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_bytes_that_end_behind_an_open_quote_end_in_its_state(line_end: bytes) -> None:
    data = b'1,"' + line_end + (b"2,b" + line_end) * 30
    own = splitter(Csv(), block_bytes=64, record_bytes=64)
    bad, state = next(feed(own, data, len(data)))
    other = splitter(Csv(), block_bytes=64, record_bytes=64)
    assert list(feed(other, data[: state.byte], 1)) == []
    assert list(finish(other, at_end=False)) == [(bad, state)]
    assert state.open_left > 0


def test_the_state_reports_how_long_a_quote_is_still_known_to_be_open() -> None:
    own = splitter(Csv(), block_bytes=64, record_bytes=64)
    steps = feed(own, b'1,"open\n' + b"2,b\n" * 100, 1000)
    assert next(steps)[1] == Position(8, 2, 64 // 4 - 8, 8)
    assert next(steps)[1] == Position(16, 4, text_byte=16)


def test_the_state_stays_at_the_last_pieces_end_while_a_line_without_end_is_skipped() -> None:
    own = splitter(Csv())
    steps = list(feed(own, b"1,2\n" + b"x" * 500, 7))
    assert steps == [(Block(b"1,2\n", 0, 1, 4), Position(4, 2, text_byte=4))]
    assert own.state == Position(4, 2, text_byte=4)
    assert [state for _, state in finish(own)] == [Position(504, 2, text_byte=504)]


def test_bytes_that_end_amid_a_record_lose_none_of_it() -> None:
    """They were cut with other settings than these; the record is handed on, not dropped."""
    own = splitter(Csv())
    assert list(own.feed(b'1,2\n3,"4')) == []
    chunks = list(own.finish(at_end=False))
    assert b"".join(chunk.data for chunk in chunks) == b'1,2\n3,"4'
    assert own.state == Position(8, 2, text_byte=8)
