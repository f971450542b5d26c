"""`ingest retry`: what it says, and that the ledger, the queue and the rejects bucket are as the next worker needs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingest.cli import aws
from ingest.contract import Output, Status
from ingest.errors import TooManyRejects
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, WorkItem
from ingest.reading.blocks import Position
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import Reject
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.scenario import LedgerScenario, deployed
from tests.support.stacks import FakeSession

KEY = "orders/a.csv"
STACK_OUTPUTS = (
    Output.LEDGER_TABLE,
    Output.QUEUE_URL,
    Output.DEAD_LETTER_URL,
    Output.LANDING_BUCKET,
    Output.REJECTS_BUCKET,
)
CHECKPOINT = Checkpoint(Position(500, 21), Position(0, 1), RowCounts(20, 18, 2, 0, 500))


@dataclass
class Dropped:
    """A file in the landing bucket of a stack."""

    stack: LedgerScenario
    file: FileVersion

    @property
    def work(self) -> WorkItem:
        return WorkItem(self.file)

    def begun(self, *, lease_s: float = -1.0) -> LeaseToken:
        """Let a worker begin the file, whose lease ends this many seconds from now."""
        self.stack.ledger.leases.note_newest(self.file)
        return self.stack.begin(self.work, -100, lease_s=100 + lease_s)

    def failed(self) -> None:
        """Let the file fail behind its checkpoint, with rejects before and behind that."""
        token = self.begun()
        parts = RejectParts(client=client("s3"), bucket="rejects", file=self.file)
        parts.begin(b"id,n\n", Csv())
        for byte in (100, 700):
            parts.add([Reject(byte // 25, byte, "bad_number", "no", "n", "x", b"a,x\n")])
            parts.flush()
        error = TooManyRejects("Too many.")
        outcome = Outcome(Status.FAILED, RowCounts(30, 27, 3, 0, 750), 1.0, parts.url, error, CHECKPOINT)
        self.stack.end(self.work, token, 0, outcome)


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Dropped]:
    with deployed(monkeypatch, tmp_path) as stack:
        etag = client("s3").put_object(Bucket="landing", Key=KEY, Body=b"id,n\n")["ETag"].strip('"')
        yield Dropped(stack, FileVersion("landing", KEY, etag=etag, sequencer="0A", size_bytes=1000))


def test_a_failed_file_is_loaded_from_its_start(capsys: pytest.CaptureFixture[str], dropped: Dropped) -> None:
    dropped.failed()
    again = f"0A{'0' * 30}+001"
    assert Ran(capsys, "retry", KEY).out.splitlines() == [
        f"s3://landing/{KEY} will be loaded again as version {again}: the whole file.",
        "Follow it with `ingest status orders/a.csv`.",
    ]
    assert [(message["ingest"], message["file"]["retry"]) for message in dropped.stack.messages()] == [("file", 1)]
    reported = Ran(capsys, "status", KEY, "--json").json
    assert [(file["version"], file["status"]) for file in reported["versions"]] == [
        (dropped.file.version, "FAILED"),
        (again, "WAITING"),
    ]
    sentence = f"s3://landing/{KEY} continues as version {again}: 1 message(s) were sent."
    assert Ran(capsys, "retry", KEY).out.startswith(sentence)


def test_a_failed_file_goes_on_at_its_checkpoint_with_the_rejects_before_it(
    capsys: pytest.CaptureFixture[str], dropped: Dropped
) -> None:
    dropped.failed()
    reported = Ran(capsys, "retry", f"s3://landing/{KEY}", "--from", "checkpoint", "--json").json
    assert (reported["new_attempt"], reported["messages_sent"], reported["from"]) == (True, 1, "checkpoint")
    assert reported["kept"] == CHECKPOINT.row_counts.document()
    file = FileVersion(**dropped.stack.messages()[0]["file"])
    claimed = dropped.stack.ledger.leases.claim(WorkItem(file), feed="orders", token=LeaseToken("m2", 1, 1e12))
    assert isinstance(claimed, Claimed)
    assert claimed.checkpoint == CHECKPOINT
    assert [reject["byte_offset"] for reject in Ran(capsys, "rejects", KEY, "--json").json["rejects"]] == [100]


def test_a_retry_keeps_the_place_of_the_file_or_makes_it_the_newest(
    capsys: pytest.CaptureFixture[str], dropped: Dropped
) -> None:
    dropped.failed()
    queries = dropped.stack.ledger.queries
    first = queries.file_status(dropped.file).order_ms
    Ran(capsys, "retry", KEY)
    assert queries.file_status(replace(dropped.file, retry=1)).order_ms == first
    before_ms = int(time.time() * 1000)
    Ran(capsys, "retry", KEY, "--as-newest")
    entries = list(queries.versions("landing", KEY))
    assert [entry.status for entry in entries] == ["FAILED", "SUPERSEDED", "WAITING"]
    assert (entries[-1].order_ms or 0) >= before_ms


def test_a_stuck_file_gives_way(capsys: pytest.CaptureFixture[str], dropped: Dropped) -> None:
    dropped.begun()
    out = Ran(capsys, "retry", KEY).out.splitlines()
    assert out[0] == f"The attempt {dropped.file.version}, which no worker held, is SUPERSEDED."
    assert [entry.status for entry in dropped.stack.ledger.queries.versions("landing", KEY)] == [
        "SUPERSEDED",
        "WAITING",
    ]
    assert dropped.stack.ledger.queries.unreported(dropped.file) is None  # the event was sent


def test_a_file_that_is_being_loaded_is_refused(capsys: pytest.CaptureFixture[str], dropped: Dropped) -> None:
    dropped.begun(lease_s=30)
    ran = Ran(capsys, "retry", KEY)
    assert ran.code == 3
    assert ran.sentence.startswith(f"s3://landing/{KEY} is being loaded: its worker holds the lease for")
    assert dropped.stack.messages() == []


def test_an_object_that_was_overwritten_is_refused(capsys: pytest.CaptureFixture[str], dropped: Dropped) -> None:
    dropped.failed()
    client("s3").put_object(Bucket="landing", Key=KEY, Body=b"another")
    ran = Ran(capsys, "retry", KEY)
    assert ran.code == 3
    assert "has been overwritten since it was loaded" in ran.sentence


@pytest.mark.parametrize(
    ("arguments", "code", "begin"),
    [
        (["orders/b.csv"], 3, "The ledger has no entry for s3://landing/orders/b.csv"),
        ([KEY, "--from", "middle"], 2, "--from 'middle' is not valid; accepted are start, checkpoint."),
        ([KEY, "--as-newest", "--from", "checkpoint"], 2, "--as-newest loads all rows again; it cannot be"),
        ([KEY, "--version", "nine"], 2, "--version 'nine' is not in the ledger; it has: 0A"),
    ],
)
def test_what_is_not_clear_is_refused(
    capsys: pytest.CaptureFixture[str], dropped: Dropped, arguments: list[str], code: int, begin: str
) -> None:
    dropped.failed()
    ran = Ran(capsys, "retry", *arguments)
    assert ran.code == code
    assert ran.sentence.startswith(begin)


DAY_S = 86_400


@pytest.mark.parametrize("named", [False, True], ids=["by variables", "by name"])
def test_what_an_operator_ends_is_kept_as_long_as_the_stack_says(
    capsys: pytest.CaptureFixture[str], dropped: Dropped, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """The entries of a stack with `ledger_days = 30` expired 400 days after `ingest cancel`."""
    dropped.begun()
    if named:
        outputs = dict(zip(STACK_OUTPUTS, dropped.stack.variables.values(), strict=True))
        fake = FakeSession()
        fake.stacks["mine"] = outputs | {"LedgerDays": "30"}
        monkeypatch.setattr(aws, "session", lambda: fake)
    else:
        monkeypatch.setenv("INGEST_LEDGER_DAYS", "30")
    assert Ran(capsys, "cancel", KEY, *(["--stack", "mine"] if named else [])).code == 0
    entries = dropped.stack.ledger.table.dynamodb.scan()["Items"]
    (expires,) = [float(entry["expires"]) for entry in entries if entry["sk"] == dropped.work.sort_key]
    assert 29 * DAY_S < expires - dropped.stack.now_s < 31 * DAY_S
