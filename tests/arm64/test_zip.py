"""The zip that is deployed does on an emulated arm64 machine, behind Lambda's runtime client, what it does here."""

import bz2
import gzip
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from infra import bundle
from infra.arm64.machine import Machine
from infra.local.stack import FEEDS
from ingest.contract import RECONCILE_MESSAGE, Status, table_output
from ingest.feeds.parse import read_feeds
from tests.arm64.arm64_stack import FOUND, Arm64Stack
from tests.arm64.conftest import SEGMENT_BYTES, STUCK_S

pytestmark = [pytest.mark.arm64, pytest.mark.e2e]

FEED = read_feeds(FEEDS).feeds["orders"]
HEADER = "order_id,customer_id,city,quantity,unit_price,gift,note\n"
Items = dict[str, dict[str, Any]]


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def csv(name: str, rows: int, note: str = "floor") -> tuple[bytes, Items]:
    """Return a file and the items its rows become, by order; each note is quoted and has a line break."""
    items = {
        f"{name}-{n}": {
            "order_id": f"{name}-{n}",
            "customer_id": f"C{n % 97}",
            "city": "Łódź",
            "quantity": Decimal(n),
            "unit_price": Decimal(f"{n}.05"),
            "gift": n % 2 == 0,
            "note": f"second\n{note}, {n}",
        }
        for n in range(rows)
    }
    lines = (
        f"{i['order_id']},{i['customer_id']},{i['city']},{i['quantity']},{i['unit_price']},"
        f'{str(i["gift"]).lower()},"{i["note"]}"\n'
        for i in items.values()
    )
    return (HEADER + "".join(lines)).encode(), items


def loaded(stack: Arm64Stack, name: str) -> Items:
    """Return the items in the table that a file's rows became."""
    table = stack.stack.outputs[table_output(FEED.table)]
    return {item["order_id"]: item for item in stack.items(table) if item["order_id"].startswith(f"{name}-")}


def test_the_machine_is_an_arm64_with_the_functions_python(emulated: Machine) -> None:
    program = "import platform; print(platform.machine(), platform.python_version())"
    done = subprocess.run([*emulated.python, "-c", program], capture_output=True, text=True, check=True)
    processor, version = done.stdout.split()
    assert (processor, version.rpartition(".")[0]) == ("aarch64", bundle.PYTHON)


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd)],
    ids=["plain", "gzip", "bzip2", "zstd"],
)
def test_each_row_of_a_file_is_an_item_whatever_the_file_is_compressed_by(
    stack: Arm64Stack, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    name = f"file{ending.replace('.', '_')}"
    data, items = csv(name, 500)
    key = f"{FEED.prefix}{name} ü.csv{ending}"
    stack.drop(key, compress(data))
    begun_s = time.monotonic()
    stack.hand_over_all()
    FOUND.append(f"{key}: {len(items)} rows in {time.monotonic() - begun_s:.1f} s, emulated")
    entry = stack.final_entry(key)
    assert (entry["status"], entry["rows_read"], entry["rows_written"]) == (Status.COMPLETE, len(items), len(items))
    assert loaded(stack, name) == items


def test_a_row_that_cannot_be_written_is_in_the_reject_file(stack: Arm64Stack) -> None:
    data, items = csv("rejects", 5)
    stack.drop(f"{FEED.prefix}rejects.csv", data.replace(b",3,3.05,", b",three,3.05,"))
    stack.hand_over_all()
    entry = stack.final_entry(f"{FEED.prefix}rejects.csv")
    (reject,) = stack.rejects(str(entry["rejects"]))
    assert (entry["rows_written"], entry["rows_rejected"], reject["reason"]) == (4, 1, "bad_number")
    assert loaded(stack, "rejects") == {name: item for name, item in items.items() if name != "rejects-3"}


def test_a_large_file_is_split_and_its_segments_come_back_as_messages(stack: Arm64Stack) -> None:
    data, items = csv("split", 1_500, note="x" * 8_000)
    stack.drop(f"{FEED.prefix}split.csv", data)
    stack.hand_over_all()
    entry = stack.final_entry(f"{FEED.prefix}split.csv")
    assert (entry["status"], entry["rows_written"]) == (Status.COMPLETE, len(items))
    assert len(data) > 2 * SEGMENT_BYTES
    assert entry["segments_planned"] == entry["segments_done"] >= 2
    assert loaded(stack, "split") == items


def test_the_reconciler_finds_a_file_whose_notification_never_came(stack: Arm64Stack) -> None:
    data, items = csv("lost", 20)
    with stack.without_notifications():
        stack.drop(f"{FEED.prefix}lost.csv", data)
    time.sleep(STUCK_S + 1)  # until its notification is late; S3 dates objects to the second
    stack.send(RECONCILE_MESSAGE)
    stack.hand_over_all()
    assert stack.final_entry(f"{FEED.prefix}lost.csv")["status"] == Status.COMPLETE
    assert loaded(stack, "lost") == items


def test_nothing_was_dead_lettered_and_the_log_is_json(stack: Arm64Stack) -> None:
    stack.send(RECONCILE_MESSAGE)
    stack.hand_over_all()
    assert stack.take_dead_letters() == []
    lines = stack.function.log.read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []
