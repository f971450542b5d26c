"""What one load needs at most, whatever the rows are: each shape in a process of its own, by its peak."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from infra.settings import Settings
from ingest.feeds.dialect import Csv

pytestmark = pytest.mark.e2e

MOST_MB = {1: 324, 16: 350}  # by the longest record in MiB; the larger as `ingest.worker.load.Load` says
MORE_BYTES = 2 * 1024 * 1024  # than a block
BAD_ROWS = 500_000  # those behind are good, which takes a tenth of the time; all of them kept would need too much
MANY_BYTES = 16 * 1024 * 1024  # more than a million rows
SHAPES: dict[str, tuple[bytes, Callable[[int], bytes], dict[str, str]]] = {
    "rows of six bytes": (b"id,n\n", lambda i: b"%d,%d\n" % (i, i % 7), {}),
    "rejects of six bytes": (b"id,n\n", lambda i: (b"%d,x\n" if i < BAD_ROWS else b"%d,1\n") % i, {"n": "N"}),
    "ragged rows": (b"id,n\n", lambda i: (b"%d\n" if i < BAD_ROWS else b"%d,1\n") % i, {}),
    "duplicates": (b"id,n\n", lambda i: b"%d,1\n" % (i % 50_000), {}),
    "keys in no order": (b"id,n\n", lambda i: b"%d,%d\n" % (i * 2654435761 % 10**7, i % 7), {}),
    "sixty columns": (b"id,%s\n" % b",".join(b"c%d" % i for i in range(60)), lambda i: b"%d%s\n" % (i, b",1" * 60), {}),
}
# What `make test` loads: a block of rejects of one kind is enough of those, and of the longest records what needs most.
EACH_TIME = {(shape, 1) for shape in SHAPES if shape != "ragged rows"} | {("sixty columns", 16)}
CASES = [
    pytest.param(shape, mb, marks=() if (shape, mb) in EACH_TIME else pytest.mark.nightly, id=f"{shape}, {mb} MiB")
    for shape in SHAPES
    for mb in MOST_MB
]


def peak_mb(shape: str, record_bytes: int) -> float:
    """Load a file of some shape, encode its items and make its rejects' parts; return what this process needed."""
    import ingest.worker.handler  # noqa: F401  # and all that the function has besides
    from ingest.dynamodb.batches import batches
    from ingest.dynamodb.item_writer import NullWriter, WriteResult
    from ingest.feeds.dialect import Csv
    from ingest.feeds.feed import Feed
    from ingest.file import FileVersion
    from ingest.reading.blocks import BLOCK_BYTES
    from ingest.rejects.bucket import RejectParts
    from ingest.worker.load import Load

    class Encoding(NullWriter):
        def write(self, items: object, heartbeat: object, taken: object = None) -> WriteResult:  # type: ignore[override]
            for _ in batches(items, "Orders", interleave=True):  # type: ignore[arg-type]
                pass
            return WriteResult()

    class NoBucket:
        def put_object(self, **request: object) -> None:
            pass

    def portions() -> Iterator[bytes]:
        yield head
        number = at = 0
        more = MANY_BYTES if shape == "keys in no order" else MORE_BYTES
        while at < max(record_bytes, BLOCK_BYTES) + more:
            portion = b"".join(map(row, range(number, number + 4000)))
            number, at = number + 4000, at + len(portion)
            yield portion

    head, row, columns = SHAPES[shape]
    feed = Feed("f/", "Orders", "id", csv=Csv(max_record_bytes=record_bytes), columns=columns)  # type: ignore[arg-type]
    rejects = RejectParts(client=NoBucket(), bucket="rejects", file=FileVersion("b", "f/a.csv"))  # type: ignore[arg-type]
    load = Load(feed=feed, writer=Encoding(), rejects=rejects, ends_early=False)  # type: ignore[arg-type]
    load.run(lambda start, end: portions())
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # ru_maxrss begins with that of the parent process
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize(("shape", "record_mb"), CASES)
def test_a_load_needs_no_more_memory_than_is_said_whatever_the_rows_are(shape: str, record_mb: int) -> None:
    asked = f"from tests.e2e.test_memory import peak_mb; print(peak_mb({shape!r}, {record_mb << 20}))"
    root = Path(__file__).parent.parent.parent
    answer = subprocess.run([sys.executable, "-c", asked], cwd=root, capture_output=True, text=True, check=True)
    assert float(answer.stdout) < MOST_MB[record_mb]


def test_the_smallest_function_has_room_for_the_longest_records_there_are() -> None:
    def bounds(of: type, name: str) -> dict[str, int]:
        return msgspec.json.schema(of)["$defs"][of.__name__]["properties"][name]

    assert bounds(Csv, "max_record_bytes")["maximum"] == max(MOST_MB) << 20
    assert (
        bounds(Settings, "memory_mb")["minimum"] > max(MOST_MB.values()) + 100
    )  # Lambda's own, and what is beside a load
