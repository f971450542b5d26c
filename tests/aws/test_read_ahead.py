"""Reading ahead: the same bytes and errors in the same order, several ranges at a time, and no thread left over."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from ingest.aws.s3 import ATTEMPTS, THREAD_NAME, S3Objects
from ingest.errors import ObjectSuperseded, Throttled
from ingest.file import FileVersion
from tests.aws.test_s3 import DATA, FILE, ScriptedS3, Step, breaks, client_error, short
from tests.support.fakes import ScriptedClock


class RangeS3(ScriptedS3):
    """Answers each request for bytes from `first` on with the next step for these, then always well."""

    def __init__(self, script: dict[int, list[Step]] | None = None, *, data: bytes = DATA) -> None:
        super().__init__(data=data)
        self._steps = {first: iter(steps) for first, steps in (script or {}).items()}

    def get_object(self, **call: str) -> dict[str, Any]:
        first = int(call["Range"].removeprefix("bytes=").split("-")[0])
        own = ScriptedS3(next(self._steps.get(first, iter(())), None), data=self._data)
        self.calls.append(call)
        return own.get_object(**call)


def portions(s3: Any, file: FileVersion = FILE, *, ahead: int = 4, **span: int) -> Iterator[bytes]:
    return S3Objects(client=s3, clock=ScriptedClock(), range_bytes=100).portions(file, ahead=ahead, **span)


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert reading_threads() == []


@pytest.mark.parametrize("ahead", [0, 1, 3, 99])
@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 100), (0, 101), (7, 2207), (2559, None), (50, 50), (5, 0)])
def test_a_span_of_a_file_comes_whole_and_in_order(start: int, end: int | None, ahead: int) -> None:
    s3 = RangeS3()
    span = {"start": start} | ({} if end is None else {"end": end})
    assert b"".join(portions(s3, ahead=ahead, **span)) == DATA[start:end]
    assert all(call["IfMatch"] == '"e1"' for call in s3.calls)
    assert len(s3.ranges) == -(-len(DATA[start:end]) // 100)


def test_who_wants_the_first_portion_reads_no_more() -> None:
    data = bytes(20_000_000)
    s3 = RangeS3(data=data)
    file = FileVersion("b", "k", etag="e", size_bytes=len(data))
    reading = S3Objects(client=s3, clock=ScriptedClock()).portions(file, ahead=4)  # type: ignore[arg-type]
    assert len(next(reading)) == 1024 * 1024
    assert (s3.ranges, reading_threads()) == (["0-1048575"], [])
    assert sum(map(len, reading)) == len(data) - 1024 * 1024
    assert sorted(s3.ranges)[1:] == ["1048576-9437183", "17825792-19999999", "9437184-17825791"]


def test_ranges_are_read_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=10)

    class MeetingS3(RangeS3):
        def get_object(self, **call: str) -> dict[str, Any]:
            if 100 <= int(call["Range"].removeprefix("bytes=").split("-")[0]) < 500:
                together.wait()
            return super().get_object(**call)

    assert b"".join(portions(MeetingS3(), ahead=4)) == DATA


@pytest.mark.parametrize("ahead", [1, 4])
def test_no_more_ranges_are_read_than_may_be_held(ahead: int) -> None:
    s3 = RangeS3()
    reading = portions(s3, ahead=ahead)
    for handed_out, _ in enumerate(reading, start=1):
        assert len(s3.calls) <= handed_out + ahead


@pytest.mark.parametrize("step", [breaks(40, ProtocolError("cut")), short(60), client_error("SlowDown", 503)])
def test_ranges_that_break_go_on_each_at_its_next_byte(step: Step) -> None:
    s3 = RangeS3({first: [step] for first in range(0, len(DATA), 200)})
    assert b"".join(portions(s3)) == DATA
    assert len(s3.calls) == 26 + 13


def test_a_file_overwritten_meanwhile_is_superseded_behind_what_was_read_before() -> None:
    s3 = RangeS3({first: [client_error("PreconditionFailed", 412)] for first in range(500, len(DATA), 100)})
    reading = portions(s3)
    assert [next(reading) for _ in range(5)] == [DATA[at : at + 100] for at in range(0, 500, 100)]
    with pytest.raises(ObjectSuperseded, match="reading bytes 500-599 of"):
        next(reading)
    assert reading_threads() == []
    assert len(s3.calls) <= 1 + 4 + 5


def test_a_range_of_which_no_byte_comes_is_given_up() -> None:
    s3 = RangeS3({300: [client_error("SlowDown", 503)] * ATTEMPTS})
    reading = portions(s3)
    assert b"".join(next(reading) for _ in range(3)) == DATA[:300]
    with pytest.raises(Throttled, match="reading bytes 300-399 of"):
        next(reading)
    assert s3.ranges.count("300-399") == ATTEMPTS


@pytest.mark.parametrize("taken", [1, 2, 5])
def test_who_stops_early_leaves_no_thread_and_no_read_behind(taken: int) -> None:
    s3 = RangeS3()
    reading = portions(s3)
    for _ in range(taken):
        next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert reading_threads() == []
    assert len(s3.calls) <= taken + 4


class SlowBody:
    """Hands out a byte every millisecond, for long."""

    LENGTH = 20_000

    def __init__(self) -> None:
        self.taken = 0
        self.begun = threading.Event()

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        for _ in range(self.LENGTH):
            self.begun.set()
            self.taken += 1
            time.sleep(0.001)
            yield b"x"


def test_a_read_in_progress_ends_at_its_next_portion_when_no_one_wants_it() -> None:
    body = SlowBody()

    class SlowS3(RangeS3):
        def get_object(self, **call: str) -> dict[str, Any]:
            answer = super().get_object(**call)
            return answer | {"Body": body} if call["Range"].startswith("bytes=200-") else answer

    reading = portions(SlowS3(), ahead=2)
    assert b"".join([next(reading), next(reading)]) == DATA[:200]
    assert body.begun.wait(10)
    reading.close()  # type: ignore[attr-defined]
    assert body.taken < SlowBody.LENGTH
