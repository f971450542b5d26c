"""Holds what was found against what must be. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import FINAL_STATUSES, Status
from loadtest.checker.found import Entry, Expected, Found, TableFound
from loadtest.workload.duplicates import GROUP
from loadtest.workload.expected import MODULUS

SHOWN = 20
BLOCK_BYTES = 4 * 1024 * 1024  # the text that is written at a time: docs/decisions/0005
COUNTS = ("rows_read", "rows_written", "rows_rejected", "rows_superseded")


@dataclass(slots=True)
class CheckResult:
    """What was found. `problems` is empty after a good run."""

    files: dict[str, int] = field(default_factory=dict)
    rows_expected: int = 0
    rows_found: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    rejects_expected: Counter[str] = field(default_factory=Counter)
    rejects_found: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is as it must be."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        more = len(self.problems) - SHOWN
        rows = {"expected": self.rows_expected, "found": self.rows_found}
        return {
            "ok": self.ok,
            "files": self.files,
            "rows": {**rows, "lost": self.lost, "doubled": self.doubled, "wrong": self.wrong},
            "rejected": {"expected": _sorted(self.rejects_expected), "found": _sorted(self.rejects_found)},
            "problems": self.problems[:SHOWN] + ([f"and {more} more"] if more > 0 else []),
        }


def judge(expected: Sequence[Expected], found: Found) -> CheckResult:
    """Return the result of a run."""
    check_result, entries = CheckResult(), _by_key(found.entries)
    check_result.files = _files(expected, found.entries)
    for file in expected:
        check_result.problems += _file_problems(file, entries.pop(file.key, []))
        check_result.rejects_expected.update(file.rejected)
        check_result.problems += _reject_problems(file, found.rejects.get(file.key, Counter()), check_result)
    check_result.problems += [f"{key} is in the ledger and was never dropped" for key in sorted(entries)]
    for table in sorted({file.table for file in expected}):
        files = [file for file in expected if file.table == table]
        _judge_table(table, files, found, check_result)
    check_result.problems += _leftovers(found)
    check_result.problems += _event_problems(expected, found.events)
    return check_result


def _files(expected: Sequence[Expected], entries: Sequence[Entry]) -> dict[str, int]:
    statuses = Counter(str(entry["status"]) for entry in entries)
    ended = (Status.COMPLETE, Status.FAILED, Status.SUPERSEDED)
    return {"expected": len(expected), **{status.lower(): statuses[status] for status in ended}}


def _by_key(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    of_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of_key[str(entry["file"]["key"])].append(entry)
    return of_key


def _file_problems(file: Expected, entries: Sequence[Entry]) -> Iterator[str]:
    statuses = [str(entry["status"]) for entry in entries]
    if statuses != [file.status]:
        yield f"{file.key} ended as {', '.join(statuses) or 'nothing: no_one knows it'}, expected {file.status}"
    for entry in entries:
        if entry["status"] in FINAL_STATUSES and "reported" not in entry:
            yield f"{file.key} has ended and that was never reported"
        if entry["status"] == file.status == Status.COMPLETE:
            yield from _count_problems(file, [int(entry.get(name, 0)) for name in COUNTS])


def _count_problems(file: Expected, counts: list[int]) -> Iterator[str]:
    read, written, rejected, superseded = counts
    if read != written + rejected + superseded:
        yield (
            f"{file.key}: the row counts do not reconcile: "
            f"{read} read, {written} written, {rejected} rejected, {superseded} superseded"
        )
    if (read, rejected) != (file.rows, sum(file.rejected.values())):
        yield (
            f"{file.key}: the ledger has {read:,} rows read and {rejected:,} rejected, "
            f"expected {file.rows:,} and {sum(file.rejected.values()):,}"
        )
    least, most = file.superseded
    if not least <= superseded <= most:
        yield f"{file.key}: the ledger has {superseded:,} rows superseded, expected {least:,} to {most:,}"


def _reject_problems(file: Expected, found: Counter[str], check_result: CheckResult) -> Iterator[str]:
    check_result.rejects_found.update(found)
    missing, extra = Counter(file.rejected) - found, found - Counter(file.rejected)
    check_result.lost += missing.total()
    check_result.doubled += extra.total()
    if missing:
        yield f"{file.key}: the rejects lack {_sorted(missing)}"
    if extra:
        yield f"{file.key}: the rejects have {_sorted(extra)} too many"


def _judge_table(name: str, files: Sequence[Expected], found: Found, check_result: CheckResult) -> None:
    table = found.tables.get(name)
    expected = sum(file.items for file in files)
    check_result.rows_expected += expected
    if table is None:
        check_result.lost += expected
        check_result.problems.append(f"the table {name} does not exist: {expected:,} rows are lost")
        return
    check_result.rows_found += table.items
    _judge_content(name, table, expected, sum(file.checksum for file in files) % MODULUS, check_result)
    _judge_puts(name, table, files, found.entries, check_result)
    check_result.problems += [f"table {name}: {sentence}" for sentence in table.refused]


def _judge_content(name: str, table: TableFound, expected: int, checksum: int, check_result: CheckResult) -> None:
    missing, extra = max(0, expected - table.items), max(0, table.items - expected)
    check_result.lost += missing
    check_result.wrong += extra
    if missing:
        check_result.problems.append(f"table {name} lacks {missing:,} of {expected:,} rows")
    elif extra:
        check_result.problems.append(f"table {name} has {extra:,} rows that no file says")
    elif table.checksum != checksum:
        check_result.wrong += 1
        check_result.problems.append(
            f"table {name} has the {expected:,} rows it must have, and the content of one or more is wrong: "
            f"its checksum is {table.checksum:016x}, expected {checksum:016x}"
        )


def _judge_puts(
    name: str, table: TableFound, files: Sequence[Expected], entries: Sequence[Entry], v: CheckResult
) -> None:
    """Each row that was written and not superseded may replace an earlier one of its key; and so may those rows whose
    earlier one stands in the block before: that one is in the table by then, and counts as superseded afterwards."""
    if table.overwritten is None:
        return
    written = _by_key(entries)
    replacing = sum(int(r.get("rows_written", 0)) - file.items for file in files for r in written[file.key])
    across_blocks = sum(min(file.superseded[1], GROUP * (file.size // BLOCK_BYTES)) for file in files)
    doubled = table.overwritten - max(0, replacing) - across_blocks
    if doubled > 0:
        v.doubled += doubled
        v.problems.append(f"table {name}: {doubled:,} rows were written again with different content")


def _leftovers(found: Found) -> Iterator[str]:
    if found.queue_depth:
        yield f"the queue still holds {found.queue_depth:,} messages"
    if found.dead_letters:
        first = found.dead_letters[0][:200]
        yield f"{len(found.dead_letters):,} messages are in the dead-letter queue, the first: {first}"
    yield from found.troubles


def _event_problems(expected: Sequence[Expected], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ids_by_key: dict[str, set[str]] = defaultdict(set)
    for event in events:
        ids_by_key[str(event["key"])].add(str(event["id"]))
    silent = [file.key for file in expected if file.key not in ids_by_key]
    if silent:
        yield f"no event says how {len(silent):,} files ended, such as {silent[0]}"
    for key, ids in sorted(ids_by_key.items()):
        if len(ids) > 1:
            yield f"{key} has {len(ids)} outcomes by its events: {', '.join(sorted(ids))}"


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
