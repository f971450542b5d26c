"""Whether all is as it must be after a run. Pure: what is in table, ledger, queues and rejects against the oracles."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import FINAL_STATUSES, LedgerKeys, Status
from loadtest.chaos.rows import Key, digest_of, is_apart
from loadtest.chaos.uploads import Version

SEGMENT_ENDS = (Status.DONE, Status.STOPPED)
SHOWN = 20
Entry = Mapping[str, Any]
Rejects = Callable[[str], list[dict[str, Any]]]


@dataclass(slots=True)
class ChaosResult:
    """What was found. `problems` is empty after a good run."""

    files: int = 0
    segments: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    stuck: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        figures = {name: getattr(self, name) for name in ("files", "segments", "rows", "lost", "doubled", "wrong")}
        more = len(self.problems) - SHOWN
        problems = self.problems[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        return {**figures, "stuck": self.stuck, "statuses": dict(self.statuses), "problems": problems}


@dataclass(frozen=True, slots=True)
class ChaosFound:
    """What is left after a run."""

    ledger: Sequence[Entry]
    table: dict[Key, int]  # digests by key
    rejects: Rejects
    dead_letters: list[str]
    queue_depth: int
    events: Sequence[Mapping[str, Any]]


class Judge:
    """Judges one run."""

    def __init__(self, bucket: str, versions: Iterable[Version], poison: set[str], found: ChaosFound) -> None:
        self.check_result = ChaosResult()
        self._bucket, self._versions, self._poison, self._found = bucket, list(versions), poison, found
        self._files: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._segments: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._allowed: dict[Key, set[int]] = {}  # what the table may hold
        self._needed: set[Key] = set()

    def judge(self) -> ChaosResult:
        """Return the result."""
        self._sort_ledger()
        for version in self._versions:
            self._judge_version(version)
        self._judge_table()
        self._judge_ledger()
        self._judge_queues()
        self._judge_events()
        return self.check_result

    def _say(self, problem: str) -> None:
        self.check_result.problems.append(problem)

    def _sort_ledger(self) -> None:
        for entry in self._found.ledger:
            pk, sk = entry[LedgerKeys.PARTITION_KEY], entry[LedgerKeys.SORT_KEY]
            if sk.startswith(LedgerKeys.FILE_PREFIX):
                self._files[pk, str(entry["file"].get("etag", ""))].append(entry)
            elif sk.startswith(LedgerKeys.SEGMENT_PREFIX):
                self._segments[pk, sk.removeprefix(LedgerKeys.SEGMENT_PREFIX).rpartition("#")[0]].append(entry)
        self.check_result.segments = sum(map(len, self._segments.values()))

    def _judge_version(self, version: Version) -> None:
        entries = self._files.pop((f"{self._bucket}/{version.key}", version.etag), [])
        statuses = [entry["status"] for entry in entries] or [""]
        self.check_result.files += 1
        self.check_result.statuses.update(statuses)
        if len(entries) > 1 or not set(statuses) <= version.may_end:
            self._say(f"{version.key} {version.etag} ended as {statuses}, expected {sorted(version.may_end)}")
        starts = [int(segment["start"][0]) for entry in entries for segment in self._of(entry)]
        self._allow(version, starts, is_needed=statuses == [Status.COMPLETE])
        for entry in entries:
            self._judge_row_counts(version, entry, starts)

    def _of(self, entry: Entry) -> list[Entry]:
        version = entry[LedgerKeys.SORT_KEY].removeprefix(LedgerKeys.FILE_PREFIX)
        return self._segments[entry[LedgerKeys.PARTITION_KEY], version]

    def _allow(self, version: Version, starts: list[int], *, is_needed: bool) -> None:
        for key, tail in version.oracle.items.items():
            self._allowed.setdefault(key, set()).add(digest_of(key, tail))
        for repeat in version.oracle.repeats:
            if not is_needed or is_apart(repeat, starts):
                self._allowed[repeat.key].add(digest_of(repeat.key, repeat.earlier))
        if is_needed or version.may_end == {Status.COMPLETE}:
            self._needed |= version.oracle.items.keys()

    def _judge_row_counts(self, version: Version, entry: Entry, starts: list[int]) -> None:
        read, written, rejected, superseded = (
            int(entry.get(f"rows_{what}", 0)) for what in ("read", "written", "rejected", "superseded")
        )
        if read != written + rejected + superseded:
            self._say(f"{version.key}: the row counts do not reconcile: {read} {written} {rejected} {superseded}")
        if entry["status"] != Status.COMPLETE:
            return
        oracle, replaced = version.oracle, version.oracle.superseded(starts)
        expected = (oracle.rows, oracle.rows - len(oracle.rejects) - replaced, len(oracle.rejects), replaced)
        self.check_result.rows += oracle.rows
        self.check_result.doubled += max(0, read - oracle.rows)
        if (read, written, rejected, superseded) != expected:
            self._say(f"{version.key}: the row counts are {(read, written, rejected, superseded)}, expected {expected}")
        self._judge_rejects(version, entry)

    def _judge_rejects(self, version: Version, entry: Entry) -> None:
        found = self._found.rejects(entry["rejects"]) if "rejects" in entry else []
        lines = [(int(reject["line"]), reject["reason"]) for reject in found]
        expected = sorted(version.oracle.rejects.items())
        if sorted(lines) != expected:
            missing, extra = Counter(expected) - Counter(lines), Counter(lines) - Counter(expected)
            self.check_result.doubled += extra.total()
            self.check_result.lost += missing.total()
            self._say(f"{version.key}: rejects missing {list(missing)[:3]}, too many {list(extra)[:3]}")

    def _judge_table(self) -> None:
        table = self._found.table
        lost = self._needed - table.keys()
        wrong = {key for key, digest in table.items() if digest not in self._allowed.get(key, ())}
        self.check_result.lost += len(lost)
        self.check_result.wrong += len(wrong)
        if lost:
            self._say(f"the table lacks {len(lost)} items, such as {min(lost)}")
        if wrong:
            self._say(f"the table has {len(wrong)} items that no file says, such as {min(wrong)}")

    def _judge_ledger(self) -> None:
        for (pk, etag), entries in self._files.items():
            self._say(f"the ledger has {pk} {etag}, which was never dropped: {[r['status'] for r in entries]}")
        for entry in self._found.ledger:
            status = entry.get("status")
            is_final = status in (*FINAL_STATUSES, *SEGMENT_ENDS, None)
            is_dead = status in (Status.PENDING, Status.WAITING) and self._has_ended(entry)
            if not (is_final or is_dead) or float(entry.get("lease_until", 0)) > 0:
                self.check_result.stuck += 1
                self._say(f"{entry['pk']} {entry['sk']} is {status}, its lease runs to {entry.get('lease_until')}")
            elif status in FINAL_STATUSES and "reported" not in entry:
                self._say(f"{entry['pk']} {entry['sk']} is {status} and was never reported")

    def _has_ended(self, segment: Entry) -> bool:
        """Return whether a segment was left behind by a file that failed or was superseded."""
        version = segment["sk"].removeprefix(LedgerKeys.SEGMENT_PREFIX).rpartition("#")[0]
        name = LedgerKeys.FILE_PREFIX + version
        files = [r for r in self._found.ledger if r["pk"] == segment["pk"] and r["sk"] == name]
        return any(file["status"] in (Status.FAILED, Status.SUPERSEDED) for file in files)

    def _judge_queues(self) -> None:
        if self._found.queue_depth:
            self._say(f"the queue still holds {self._found.queue_depth} messages")
        letters = set(self._found.dead_letters)
        for body in sorted(letters - self._poison):
            self._say(f"a dead letter that was not expected: {body[:200]}")
        for body in sorted(self._poison - letters):
            self._say(f"a poison message is in no dead letter: {body[:200]}")

    def _judge_events(self) -> None:
        ids_by_version: dict[tuple[str, str], set[str]] = defaultdict(set)
        for event in self._found.events:
            ids_by_version[event["key"], str(event.get("etag"))].add(str(event["id"]))
        for (key, etag), ids in ids_by_version.items():
            if len(ids) > 1:
                self._say(f"{key} {etag} has {len(ids)} outcomes: {sorted(ids)}")
        ended = {
            (r["file"]["key"], str(r["file"].get("etag")))
            for r in self._found.ledger
            if r.get("status") in FINAL_STATUSES
        }
        for key, etag in sorted(ended - ids_by_version.keys()):
            self._say(f"no event says how {key} {etag} ended")
