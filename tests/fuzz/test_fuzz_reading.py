"""The fuzz target keeps working, and knows a loss when it sees one."""

import pytest

from ingest.reading.blocks import Block
from tests.fuzz import fuzz_reading, reading


@pytest.mark.parametrize("data", reading.CORPUS)
def test_nothing_is_lost_of_the_corpus(data: bytes) -> None:
    reading.check(data)


def test_nothing_is_lost_of_some_mutations(capsys: pytest.CaptureFixture[str]) -> None:
    fuzz_reading.mutated(200, seed=1)
    assert "200 inputs, seed 1: nothing broke" in capsys.readouterr().out


def test_an_input_that_breaks_something_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(data: bytes) -> None:
        assert len(data) < 20

    with pytest.raises(AssertionError):
        fuzz_reading.mutated(500, seed=1, target=broken)
    assert "input 1 of seed 1: b'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "chunks", [[], [Block(b"1,2\n", 0, 1, 4)], [Block(b"1,2\n", 0, 1, 4), Block(b"5,6\n", 4, 2, 4)]]
)
def test_a_byte_that_is_missing_is_noticed(chunks: list[Block]) -> None:
    with pytest.raises(AssertionError):
        reading._check_chunks(b"1,2\n3,4\n", b"", chunks)
