"""Compares what was found with the known outcome. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ingest.contract import FINAL_STATUSES, SKIPPED, LedgerKeys, Status
from loadtest.checker.found import ONLY_COMPLETE, Entry, Expected, Found, TableFound, unfinished
from loadtest.workload.checksum import MODULUS
from loadtest.workload.recipe import Recipe
from loadtest.workload.stream import GROUP, hashes_of

Entries = Mapping[str, Sequence[Entry]]  # by the file's name
SHOWN = 20
BLOCK_BYTES = 4 * 1024 * 1024  # the text that is parsed and written at a time: docs/decisions/0005
COUNTS = ("rows_read", "rows_written", "rows_rejected", "rows_superseded")
SKIPPED_COUNTS = tuple(f"rows_{why}" for why in SKIPPED)


@dataclass(slots=True)
class CheckResult:
    """The result of the comparison. `problems` is empty after a good run."""

    files: dict[str, int] = field(default_factory=dict)
    rows_expected: int = 0
    rows_found: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    stuck: int = 0
    rejects_expected: Counter[str] = field(default_factory=Counter)
    rejects_found: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    @property
    def shown(self) -> list[str]:
        """The first problems, and the number of further ones."""
        more = len(self.problems) - SHOWN
        return self.problems[:SHOWN] + ([f"and {more} more"] if more > 0 else [])

    def document(self) -> dict[str, Any]:
        """Return the result as a JSON document."""
        rows = {"expected": self.rows_expected, "found": self.rows_found}
        return {
            "ok": self.ok,
            "files": self.files,
            "rows": {**rows, "lost": self.lost, "doubled": self.doubled, "wrong": self.wrong},
            "rejected": {"expected": _sorted(self.rejects_expected), "found": _sorted(self.rejects_found)},
            "problems": self.shown,
        }


def judge(expected: Sequence[Expected], found: Found) -> CheckResult:
    """Return the result of comparing a run with what was expected of its files."""
    result = CheckResult(files=_files(expected, found.entries))
    known = {file.name for file in expected}
    entries = _by_name(known, found.entries)
    for file in expected:
        _judge_file(file, entries.get(file.name, []), found.rejects.get(file.name, Counter()), result)
    result.problems += [f"{name} is in the ledger and was never dropped" for name in sorted(entries.keys() - known)]
    for table in sorted({file.table for file in expected}):
        files = [file for file in expected if file.table == table]
        _judge_table(table, files, entries, found, result)
    result.stuck = len(stuck := list(unfinished(found.ledger)))
    result.problems += [*stuck, *_leftovers(found), *_event_problems(known, entries, found.events)]
    return result


def _files(expected: Sequence[Expected], entries: Sequence[Entry]) -> dict[str, int]:
    statuses = Counter(str(entry["status"]) for entry in entries)
    ended = (Status.COMPLETE, Status.FAILED, Status.SUPERSEDED)
    return {"expected": len(expected), **{status.lower(): statuses[status] for status in ended}}


def _by_name(known: set[str], entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    by_name: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_name[_name(known, entry["file"])].append(entry)
    return by_name


def _name(known: set[str], file: Mapping[str, Any]) -> str:
    """Return the name under which a file is expected, given its key and eTag."""
    version = f"{file['key']} {file.get('etag', '')}"
    return version if version in known else str(file["key"])


def _judge_file(file: Expected, entries: Sequence[Entry], rejects: Counter[str], result: CheckResult) -> None:
    statuses = [str(entry["status"]) for entry in _last_attempts(entries)] or [""]
    if len(statuses) > 1 or not file.statuses.issuperset(statuses):
        ended = ", ".join(statuses) or "nothing: no one knows it"
        allowed = " or ".join(sorted(status or "nothing" for status in file.statuses))
        result.problems.append(f"{file.name} ended as {ended}, expected {allowed}")
    for entry in entries:
        counts = [int(entry.get(name, 0)) for name in COUNTS]
        result.problems += _entry_problems(file, entry, counts)
        if entry["status"] == Status.COMPLETE:
            result.doubled += max(0, counts[0] - file.rows)
            result.problems += _count_problems(file, counts)
    if _is_needed(file, entries):
        _judge_rejects(file, rejects, result)


def _last_attempts(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that show how a file ended, without attempts that a later retry replaced."""
    last = max((int(entry["file"].get("retry") or 0) for entry in entries), default=0)
    return [e for e in entries if int(e["file"].get("retry") or 0) == last or e["status"] != Status.SUPERSEDED]


def _replaced(entries: Sequence[Entry]) -> list[str]:
    """Return the versions of attempts that a later retry replaced, as they appear in event ids."""
    last = _last_attempts(entries)
    others = [str(entry.get(LedgerKeys.SORT_KEY, "")) for entry in entries if entry not in last]
    return [f"#{name.removeprefix(LedgerKeys.FILE_PREFIX)}#" for name in others if name]


def _is_needed(file: Expected, entries: Sequence[Entry]) -> bool:
    """Return whether each row of a file must be found: the file is complete, or had to be."""
    return file.statuses == ONLY_COMPLETE or any(entry["status"] == Status.COMPLETE for entry in entries)


def _entry_problems(file: Expected, entry: Entry, counts: Sequence[int]) -> Iterator[str]:
    if entry["status"] not in FINAL_STATUSES:
        return
    if "reported" not in entry:
        yield f"{file.name} has ended and that was never reported"
    read, written, rejected, superseded = counts
    skipped = sum(int(entry.get(name, 0)) for name in SKIPPED_COUNTS)
    if read != written + rejected + superseded + skipped:
        yield (
            f"{file.name}: the row counts do not reconcile: "
            f"{read} read, {written} written, {rejected} rejected, {superseded} superseded, {skipped} skipped"
        )


def _count_problems(file: Expected, counts: Sequence[int]) -> Iterator[str]:
    read, _, rejected, superseded = counts
    if (read, rejected) != (file.rows, file.rows_rejected):
        yield (
            f"{file.name}: the ledger has {read:,} rows read and {rejected:,} rejected, "
            f"expected {file.rows:,} and {file.rows_rejected:,}"
        )
    least, most = file.superseded
    if not least <= superseded <= most:
        yield f"{file.name}: the ledger has {superseded:,} rows superseded, expected {least:,} to {most:,}"


def _judge_rejects(file: Expected, found: Counter[str], result: CheckResult) -> None:
    result.rejects_expected.update(file.rejected)
    result.rejects_found.update(found)
    missing, extra = Counter(file.rejected) - found, found - Counter(file.rejected)
    result.lost += missing.total()
    result.doubled += extra.total()
    if missing:
        result.problems.append(f"{file.name}: the rejects lack {_sorted(missing)}")
    if extra:
        result.problems.append(f"{file.name}: the rejects have {_sorted(extra)} too many")


def _judge_table(name: str, files: Sequence[Expected], entries: Entries, found: Found, result: CheckResult) -> None:
    needed = [file for file in files if _is_needed(file, entries.get(file.name, ()))]
    expected = sum(file.items for file in needed)
    result.rows_expected += expected
    if name not in found.tables:
        result.lost += expected
        result.problems.append(f"the table {name} does not exist: {expected:,} rows are lost")
        return
    table = _without(found.tables[name], [file.recipe for file in files if file.recipe and file not in needed])
    result.rows_found += table.items
    _judge_content(name, table, expected, sum(file.checksum for file in needed) % MODULUS, result)
    _judge_puts(name, table, needed, entries, result)
    result.problems += [f"table {name}: {sentence}" for sentence in table.refused]


def _without(table: TableFound, recipes: Sequence[Recipe]) -> TableFound:
    """Return a table's content without rows of these files, which may be there in whole, in part, or not at all."""
    if table.hashes is None or not recipes:
        return table
    left = np.concatenate([hashes_of(recipe) for recipe in recipes])
    kept = table.hashes[~np.isin(table.hashes, left)]
    return replace(table, items=len(kept), checksum=int(kept.sum(dtype=np.uint64)) % MODULUS)


def _judge_content(name: str, table: TableFound, expected: int, checksum: int, result: CheckResult) -> None:
    missing, extra = max(0, expected - table.items), max(0, table.items - expected)
    result.lost += missing
    result.wrong += extra
    if missing:
        result.problems.append(f"table {name} lacks {missing:,} of {expected:,} rows")
    elif extra:
        result.problems.append(f"table {name} has {extra:,} rows that no file says")
    elif table.checksum != checksum:
        result.wrong += 1
        result.problems.append(
            f"table {name} has the {expected:,} rows it must have, and the content of one or more is wrong: "
            f"its checksum is {table.checksum:016x}, expected {checksum:016x}"
        )


def _judge_puts(name: str, table: TableFound, files: Sequence[Expected], entries: Entries, result: CheckResult) -> None:
    """Report overwritten items beyond those allowed: rows written in excess of the file's items replace earlier rows of
    their key, and so do rows whose earlier row is in the block before: it is written before it counts as superseded."""
    if table.overwritten is None:
        return
    written = [(file, int(e.get("rows_written", 0))) for file in files for e in entries.get(file.name, ())]
    replacing = sum(max(0, count - file.items) for file, count in written)
    across_blocks = sum(min(file.superseded[1], GROUP * (file.bytes // BLOCK_BYTES)) for file in files)
    doubled = table.overwritten - replacing - across_blocks
    if doubled > 0:
        result.doubled += doubled
        result.problems.append(f"table {name}: {doubled:,} rows were written again with different content")


def _leftovers(found: Found) -> Iterator[str]:
    if found.queue_depth:
        yield f"the queue still holds {found.queue_depth:,} messages"
    strange = [body for body in found.dead_letters if body not in found.poison]
    if strange:
        yield f"{len(strange):,} messages are in the dead-letter queue, the first: {strange[0][:200]}"
    for body in sorted(found.poison.difference(found.dead_letters)):
        yield f"a message that must be in the dead-letter queue is not: {body[:200]}"
    yield from found.troubles


def _event_problems(known: set[str], entries: Entries, events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ids_by_name: dict[str, set[str]] = defaultdict(set)
    for event in events:
        ids_by_name[_name(known, event)].add(str(event["id"]))
    ended = {name for name, of_it in entries.items() if any(entry["status"] in FINAL_STATUSES for entry in of_it)}
    silent = sorted(ended - ids_by_name.keys())
    if silent:
        yield f"no event says how {len(silent):,} files ended, such as {silent[0]}"
    for name, ids in sorted(ids_by_name.items()):
        ids -= {id for id in ids if any(version in id for version in _replaced(entries.get(name, ())))}
        if len(ids) > 1:
            yield f"{name} has {len(ids)} outcomes by its events: {', '.join(sorted(ids))}"


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
