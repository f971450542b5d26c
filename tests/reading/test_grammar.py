"""Where records and lines end, dialect by dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ingest.feeds.dialect import Csv
from ingest.reading.grammar import Grammar, Span, count_lines, end_of_line

DEFAULT = Grammar(Csv())
LENIENT = Grammar(Csv(quoting="lenient"))
ESCAPING = Grammar(Csv(escape="\\"))
NO_QUOTE = Grammar(Csv(quote=""))
NO_QUOTE_ESCAPING = Grammar(Csv(quote="", escape="\\"))
SEMICOLON_APOSTROPHE = Grammar(Csv(delimiter=";", quote="'"))
AROUND = b'\n"x\\\n'  # what stands before and behind must not matter


@pytest.mark.parametrize(
    ("grammar", "data", "end"),
    [
        (DEFAULT, b"", 0),
        (DEFAULT, b"a,b", 0),
        (DEFAULT, b"a\nb\nc", 4),
        (DEFAULT, b"a\r\nb\r\nc", 6),
        (DEFAULT, b"a\rb\rc", 4),
        (DEFAULT, b"a\nb\r", 2),  # half of a CRLF, perhaps
        (DEFAULT, b"a\r\nb\rc\r", 5),
        (DEFAULT, b'1,"x\ny"', 0),
        (DEFAULT, b'1,"x\ny"\n2', 8),
        (DEFAULT, b'a\n1,"x\n', 2),
        (DEFAULT, b'"a"\r', 0),
        (DEFAULT, b'"a"\rb', 4),
        (DEFAULT, b'x"y\nz"\n', 7),  # a quote inside a cell is a letter
        (DEFAULT, b'"x"y"\nz\n', 8),  # and so it is after a closed quote
        (DEFAULT, b'"a""\n"\n', 7),
        (NO_QUOTE, b'"a\nb"\nc', 6),
        (NO_QUOTE, b"a\rb\rc\r", 4),
        (ESCAPING, b"a\\\nb\nc", 5),
        (ESCAPING, b'"a\\"\n"\nb', 7),
        (ESCAPING, b'a,\\"b\nc', 6),  # an escaped quote opens nothing
        (ESCAPING, b"a\\", 0),
        (NO_QUOTE_ESCAPING, b'"a\\\r\nb', 5),  # the escape takes the CR alone
        (SEMICOLON_APOSTROPHE, b"1;'x\ny'\n\"2\n3", 11),
    ],
)
def test_the_last_whole_record_ends_where_the_parser_would_end_it(grammar: Grammar, data: bytes, end: int) -> None:
    assert grammar.end_of_last_record(data, 0, len(data)) == end
    amid = AROUND + data + AROUND
    assert grammar.end_of_last_record(amid, len(AROUND), len(AROUND + data)) == len(AROUND) + end


@pytest.mark.parametrize(
    ("grammar", "data", "whole"),
    [
        (DEFAULT, b"", True),
        (DEFAULT, b"a,b", True),
        (DEFAULT, b"a\r", True),
        (DEFAULT, b'"a"', True),
        (DEFAULT, b'"a', False),
        (DEFAULT, b'a\n"b\nc\n', False),
        (DEFAULT, b'a"b', True),
        (DEFAULT, b'a\n"b""', False),
        (DEFAULT, b'a\n"b"""', True),
        (NO_QUOTE, b'"a', True),
        (ESCAPING, b'"a\\"', False),
        (ESCAPING, b'"a\\""', True),
    ],
)
def test_the_rest_of_a_file_is_whole_unless_a_quote_stays_open(grammar: Grammar, data: bytes, whole: bool) -> None:
    assert grammar.is_whole(data, 0) is whole
    assert grammar.is_whole(AROUND + data, len(AROUND)) is whole


@pytest.mark.parametrize(
    ("grammar", "data", "more_follows", "at_end"),
    [
        (DEFAULT, b"", None, 0),
        (DEFAULT, b"a,b", None, 3),
        (DEFAULT, b"a,b\n", 4, 4),
        (DEFAULT, b"a,b\nc", 4, 4),
        (DEFAULT, b"a,b\r", None, 4),  # a LF may follow
        (DEFAULT, b"a,b\r\n", 5, 5),
        (DEFAULT, b"a,b\rc", 4, 4),
        (DEFAULT, b"\n", 1, 1),
        (DEFAULT, b'"a\nb"', None, 5),
        (DEFAULT, b'"a\nb"\nc', 6, 6),
        (DEFAULT, b'"a\nb', None, None),
        (DEFAULT, b'a,"b\n', None, None),
        (NO_QUOTE, b'"a\nb"\n', 3, 3),
        (ESCAPING, b"a\\\n", None, 3),  # the LF belongs to the cell
        (ESCAPING, b"a\\\nb\n", 5, 5),
    ],
)
def test_the_first_record_ends_when_its_end_is_certain(
    grammar: Grammar, data: bytes, more_follows: int | None, at_end: int | None
) -> None:
    assert grammar.end_of_first_record(data, at_end=False) == more_follows
    assert grammar.end_of_first_record(data, at_end=True) == at_end


@pytest.mark.parametrize(
    ("csv", "tail", "end"),
    [
        (Csv(), b'b",c\n1,2\n3', 9),  # closed or a letter: the cell ends at the comma
        (Csv(), b'b"\n1,"2\n"\n3', 10),
        (Csv(), b'b"c\r\n1', 5),
        (Csv(escape="\\"), b'b"\\\nc\n1', 6),
        (Csv(), b'b"",c\n1', None),  # a quote in a cell, or two letters
        (Csv(), b',"b\n1', None),  # opens a cell, or closes one
        (Csv(), b'\n"\n1', None),
        (Csv(escape="\\"), b'\\"b\n1', None),
        (Csv(comment="#"), b'b","c\n1\n"\n', None),  # the line may be a comment
        (Csv(comment="#", quoting="lenient"), b'b","c\n1\n"x\n', None),
        (Csv(trim=True), b' "b\n1', None),  # opens a cell, or closes one, or is a letter
        (Csv(trim=True), b'x"b\n1', 4),
    ],
)
def test_a_place_is_known_from_what_stands_around_it_or_not_at_all(csv: Csv, tail: bytes, end: int | None) -> None:
    """Read from the tail alone, what stands before it makes no difference; else it is not read from the tail alone."""
    openings = [b"a\n", b'"a\n', b"x,", b'x,"', b"#"]
    found = set()
    for opening in openings:
        data = opening + tail
        known = Grammar(csv, tails=(len(tail),)).end_of_last_record(data, 0, len(data))
        assert known == Grammar(csv, tails=()).end_of_last_record(data, 0, len(data))
        found.add(known - len(opening))
    assert found == {end} if end else len(found) > 1


PARTS = ['"', '"', '""', " ", "\n", "\r", ",", ";", "\\", "#", "a", "b", '","', '"\n"', 'a"']


@given(
    data=st.lists(st.sampled_from(PARTS), max_size=60).map(lambda parts: "".join(parts).encode()),
    csv=st.builds(
        structs.replace,
        st.sampled_from([Csv(), Csv(escape="\\"), Csv(comment="#"), Csv(delimiter=";"), Csv(quote="a", escape="b")]),
        quoting=st.sampled_from(["strict", "lenient"]),
        blanks_around_quotes=st.booleans(),
    ),
    tails=st.lists(st.integers(0, 60), max_size=3).map(tuple),
    start=st.integers(0, 9),
)
def test_the_end_of_the_last_record_is_the_same_wherever_it_is_read_from(
    data: bytes, csv: Csv, tails: tuple[int, ...], start: int
) -> None:
    own, reference = Grammar(csv, tails=tails), Grammar(csv, tails=())
    for end in range(start, len(data) + 1):
        assert own.end_of_last_record(data, start, end) == reference.end_of_last_record(data, start, end)


def test_spans_leave_blank_lines_out_but_count_them() -> None:
    data = b'\na\r\n\r\n"b\nc"\n\n\rd'
    assert list(DEFAULT.spans(data)) == [Span(1, 4, 1), Span(6, 12, 3), Span(14, 15, 7)]
    assert [data[span.start : span.end] for span in DEFAULT.spans(data)] == [b"a\r\n", b'"b\nc"\n', b"d"]


def test_a_line_of_spaces_is_not_a_blank_line() -> None:
    assert list(DEFAULT.spans(b" \n")) == [Span(0, 2, 0)]


def test_a_quote_never_closed_ends_its_record_with_its_line() -> None:
    """Or with the block, with lenient quoting: there such a record is a block of its own."""
    assert list(DEFAULT.spans(b'a\n"b\nc\n')) == [Span(0, 2, 0), Span(2, 5, 1), Span(5, 7, 2)]
    assert list(LENIENT.spans(b'a\n"b\nc\n')) == [Span(0, 2, 0), Span(2, 7, 1)]


@pytest.mark.parametrize("character", "|^$.*+?()[]{}\\-")
def test_marks_that_mean_something_to_regular_expressions_are_plain(character: str) -> None:
    grammar = Grammar(Csv(delimiter=character))
    assert grammar.end_of_first_record(f'a{character}"b\nc"\n'.encode(), at_end=False) == 8
    grammar = Grammar(Csv(quote=character))
    assert grammar.end_of_first_record(f"{character}a\nb{character}\nc\n".encode(), at_end=False) == 6


@given(data=st.text(alphabet='a"\n\r,\\', max_size=80).map(str.encode), escape=st.sampled_from(["", "\\"]))
def test_all_questions_about_the_same_bytes_have_one_answer(data: bytes, escape: str) -> None:
    grammar = Grammar(Csv(escape=escape, quoting="lenient"))
    spans = list(grammar.spans(data))
    end = grammar.end_of_last_record(data, 0, len(data))
    assert b"".join(data[s.start : s.end] for s in spans if s.end <= end) == without_blank_lines(grammar, data[:end])
    assert all(span.line == count_lines(data[: span.start]) for span in spans)
    assert grammar.is_whole(data[:end], 0)
    assert grammar.end_of_last_record(data, end, len(data)) == end
    first = grammar.end_of_first_record(data, at_end=False)
    if first:
        assert 0 < first <= (end or len(data))


@given(data=st.text(alphabet='a"\n\r,\\', max_size=80).map(str.encode), escape=st.sampled_from(["", "\\"]))
def test_with_strict_quoting_a_block_is_read_alone_as_it_is_read_before_what_follows(data: bytes, escape: str) -> None:
    """A record may end with its first line because of text that stands in the next block."""
    grammar = Grammar(Csv(escape=escape))
    end = grammar.end_of_last_record(data, 0, len(data))
    spans = [span for span in grammar.spans(data) if span.end <= end]
    assert list(grammar.spans(data[:end])) == spans
    for span in spans:
        assert list(grammar.spans(data[span.start : end])) == [
            Span(s.start - span.start, s.end - span.start, s.line - span.line) for s in spans if s.start >= span.start
        ]
    assert grammar.end_of_last_record(data, end, len(data)) == end


def without_blank_lines(grammar: Grammar, data: bytes) -> bytes:
    records = []
    while data:
        end = grammar.end_of_first_record(data, at_end=True)
        assert end
        records.append(data[:end])
        data = data[end:]
    return b"".join(record for record in records if record.strip(b"\r\n"))


@pytest.mark.parametrize(
    ("data", "more_follows", "at_end"),
    [(b"", 0, 0), (b"a", 0, 0), (b"a\n", 2, 2), (b"a\r", 0, 2), (b"a\r\n", 3, 3), (b"a\rb", 2, 2), (b"\n\n", 1, 1)],
)
def test_a_line_ends_when_its_end_is_certain(data: bytes, more_follows: int, at_end: int) -> None:
    assert end_of_line(data, 0, len(data), at_end=False) == more_follows
    assert end_of_line(data, 0, len(data), at_end=True) == at_end
    amid, start, end = b"\n" + data + b"x\n", 1, 1 + len(data)
    assert end_of_line(amid, start, end, at_end=False) == (start + more_follows if more_follows else 0)


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r"]), max_size=20))
def test_lines_are_counted_as_python_splits_them(parts: list[bytes]) -> None:
    text = b"".join(parts)
    assert count_lines(text) == len((text + b"x").splitlines()) - 1


def test_a_megabyte_of_quotes_is_read_in_linear_time() -> None:
    """Possessive repeats: a backtracking pattern would not come back."""
    data = b'"a""b",' * 150_000
    assert DEFAULT.end_of_last_record(data, 0, len(data)) == 0
    assert DEFAULT.end_of_last_record(data + b"\n", 0, len(data) + 1) == len(data) + 1
    assert not DEFAULT.is_whole(data + b'"', 0)
