"""Loads files of any size with a fleet of workers that may be killed, and judges what came of them."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.contract import Env, LedgerKeys, Status
from loadtest.chaos.run import Every
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.harness.s3_proxy import DiskProxy, S3Proxy
from loadtest.harness.stack_client import StackClient, prepared
from loadtest.harness.workers import Fleet, environments
from loadtest.huge.rows import Kinds, KnownRows, is_injected
from loadtest.s3_server.files import find
from loadtest.simulator import Simulator

FEEDS = Path(__file__).parent / "feeds.toml"
PREFIX = "huge/"
TICK_S = 0.25
REPORT_EVERY_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HugeCase:
    """What is loaded, and how its workers fare. `kill_every_s` 0: none is killed."""

    name: str
    sizes: list[int]
    is_gzip: bool = False
    workers: int = 4
    kill_every_s: float = 0.0
    function_s: float = 300.0
    lease_s: float = 10.0
    segment_bytes: int = 64 * 1024 * 1024
    least_kills: int = 0
    least_hand_overs: int = 0
    seed: int = 1
    patience_s: float = 3600.0


@dataclass(slots=True)
class Loaded:
    """A case under way."""

    case: HugeCase
    stack_client: StackClient
    known_rows: KnownRows
    ledger: LedgerProxy
    fleet: Fleet
    rows: dict[int, int]
    ended: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Look after the workers, and who has ended."""
        self.fleet.look()
        self.ended |= {str(event["key"]) for event in self.stack_client.take_events()}
        time.sleep(TICK_S)

    def document(self, seconds: float) -> dict[str, Any]:
        """Return figures and problems."""
        sort_key, file, segment = LedgerKeys.SORT_KEY, LedgerKeys.FILE_PREFIX, LedgerKeys.SEGMENT_PREFIX
        entries = [r for r in self.stack_client.ledger() if str(r[sort_key]).startswith(file)]
        segments = sum(str(r[sort_key]).startswith(segment) for r in self.stack_client.ledger())
        rows, said = sum(self.rows.values()), Counter(str(line.get("message")) for line in self.fleet.log())
        hand_overs, costs = said["message handed over"], self.ledger.costs
        problems = [*self._problems(entries), *self._missed_aims(hand_overs)]
        return {
            "case": self.case.name,
            "files": len(self.rows),
            "bytes": sum(self.case.sizes),
            "rows": rows,
            "seconds": round(seconds, 1),
            "rows_per_s": round(rows / seconds),
            "workers": self.case.workers,
            "function_s": self.case.function_s,
            "kills": self.fleet.ended["killed"],
            "ended": dict(self.fleet.ended),
            "hand_overs": hand_overs,
            "segments": segments,
            "puts_repeated": self.known_rows.repeated,
            "lost": self.known_rows.lost(),
            "wrong": self.known_rows.wrong,
            "table_write_units": self.known_rows.units,
            "ledger_write_units": dict(costs.units),
            "ledger_writes": dict(costs.writes),
            "ledger_write_units_per_file": round(costs.total / len(self.rows), 2),
            "ledger_write_units_per_million_rows": round(costs.total / rows * 1e6, 1),
            "ledger_share_of_write_units": round(costs.total / (costs.total + self.known_rows.units), 6),
            "problems": problems,
        }

    def _problems(self, entries: list[dict[str, Any]]) -> Iterator[str]:
        if len(entries) != len(self.rows):
            yield f"the ledger has {len(entries)} files, not {len(self.rows)}"
        if self.known_rows.lost() or self.known_rows.wrong:
            yield f"{self.known_rows.lost()} rows are lost, {self.known_rows.wrong} wrong"
        for entry in entries:
            yield from self._problems_of(entry)
        yield from (f"{count} workers {how}" for how, count in self.fleet.ended.items() if "crash" in how)
        if self.stack_client.depth() or self.stack_client.take_dead_letters():
            yield "the queue or the dead-letter queue is not empty"

    def _problems_of(self, entry: dict[str, Any]) -> Iterator[str]:
        file = int(str(entry["file"]["key"]).removeprefix(PREFIX).partition(".")[0])
        rows = self.rows[file]
        injected = sum(map(is_injected, range(rows)))
        expected = (Status.COMPLETE, rows, rows - injected, injected, 0)
        names = ("rows_read", "rows_written", "rows_rejected", "rows_superseded")
        found = (entry["status"], *(int(entry.get(name, 0)) for name in names))
        if found != expected:
            yield f"file {file} ended as {found}, expected {expected}"
        raw = [str(reject["raw"])[:14] for reject in self.stack_client.rejects(entry["rejects"])] if injected else []
        if sorted(raw) != [f"H{file:02d}-{number:010d}" for number in range(rows) if is_injected(number)]:
            yield f"file {file}: its rejects are not the spoiled rows, each once: {len(raw)} rejects"

    def _missed_aims(self, hand_overs: int) -> Iterator[str]:
        if self.fleet.ended["killed"] < self.case.least_kills:
            yield f"only {self.fleet.ended['killed']} kills: it shows less than it is to show"
        if hand_overs < self.case.least_hand_overs:
            yield f"only {hand_overs} hand-overs: it shows less than it is to show"


def perform(case: HugeCase, report: Callable[[str], None]) -> dict[str, Any]:
    """Load the files of a case; return figures and problems."""
    with tempfile.TemporaryDirectory(prefix="huge-") as folder, _begun(case, Path(folder), report) as loaded:
        begun_s = time.monotonic()
        kill = Every(case.kill_every_s, random.Random(case.seed), loaded.fleet.kill_one) if case.kill_every_s else None
        progress = Every(
            REPORT_EVERY_S, None, lambda: report(f"{case.name}: {loaded.known_rows.statistics.items:,} puts")
        )
        while len(loaded.ended) < len(loaded.rows) and time.monotonic() < begun_s + case.patience_s:
            loaded.look()
            progress.look()
            if kill:
                kill.look()
        seconds = time.monotonic() - begun_s
        while loaded.stack_client.depth() and time.monotonic() < begun_s + case.patience_s:  # duplicates that come back
            loaded.look()
        return loaded.document(seconds)


@contextmanager
def _begun(case: HugeCase, folder: Path, report: Callable[[str], None]) -> Iterator[Loaded]:
    with ExitStack() as stack:
        visibility_s = case.lease_s + 30
        stack_client = stack.enter_context(prepared(FEEDS, max_receive_count=5, visibility_s=visibility_s))
        kinds, objects = Kinds(case.seed), folder / "objects"
        paths = [objects / stack_client.bucket / f"{PREFIX}{file}.csv" for file in range(len(case.sizes))]
        report(f"{case.name}: writing {sum(case.sizes) / 1e6:,.0f} MB")
        rows = {
            file: kinds.write(path, file, size, is_gzip=case.is_gzip)
            for file, (path, size) in enumerate(zip(paths, case.sizes, strict=True))
        }
        known_rows, ledger = KnownRows(kinds, rows), stack.enter_context(LedgerProxy(stack_client.url, None))
        simulator = stack.enter_context(Simulator(service=known_rows, elsewhere=ledger.elsewhere()))
        s3 = stack.enter_context(S3Proxy(DiskProxy(stack_client.url, objects, cut_share=0.01, seed=case.seed)))
        workers = _environments(
            case, stack_client, {"AWS_ENDPOINT_URL_DYNAMODB": simulator.url, "AWS_ENDPOINT_URL_S3": s3.url}
        )
        fleet = stack.enter_context(Fleet("loadtest.harness.worker", workers, folder, random.Random(case.seed)))
        for number, path in enumerate(paths):
            found = find(objects, f"/{stack_client.bucket}/{PREFIX}{path.name}")
            stack_client.send(
                stack_client.notification(
                    f"{PREFIX}{path.name}", sequencer=f"{number:016X}", etag=found.etag.strip('"'), size=found.size
                )
            )
        yield Loaded(case, stack_client, known_rows, ledger, fleet, rows)


def _environments(case: HugeCase, stack_client: StackClient, endpoints: dict[str, str]) -> list[dict[str, str]]:
    own = {
        Env.SEGMENT_BYTES: str(case.segment_bytes),
        Env.LEASE_S: str(case.lease_s),
        Env.CHECKPOINT_S: "5",
        Env.STOP_BEFORE_END_S: "15",
    }
    base = {**stack_client.environment(), **endpoints, **own}
    skews_s = (0.0,) * case.workers
    return environments(base, skews_s=skews_s, root=FEEDS.parent, function_s=case.function_s, redeliver=0.0)
