"""What a simulation must have come to, worked out from the rows alone and from an undisturbed load."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

from ingest.contract import Metric, Status
from ingest.errors import WorkerKilled
from ingest.feeds.feed import ORDER_ATTRIBUTE
from ingest.file import FileVersion
from ingest.ledger.claims import ORDER_DIGITS, order_text
from ingest.ledger.row_counts import FEW_ROWS, NOTHING, RowCounts
from ingest.ledger.work_item import LOADED
from ingest.rejects.reject import DUPLICATES
from ingest.worker.attempt import DeployedSettings
from ingest.worker.dispatch import LEAST_DEATHS
from tests.model.deployments import AS_TEXT, DEPLOYMENTS, FEEDS, FIRST, HEAD, ORDERED, REFUSED, Deployment
from tests.model.simulation import ModelRun
from tests.model.watch import file_named
from tests.support.memory_ledger import MemoryEntry, MemoryLedger

COUNTED = (Metric.ROWS_READ, Metric.ROWS_WRITTEN, Metric.ROWS_REJECTED, Metric.ROWS_SUPERSEDED, Metric.BYTES_READ)
COUNTED += (Metric.ROWS_SKIPPED,)  # as if each were older
Row = tuple[int, str, str]  # byte offset, key, number


def check(simulation: ModelRun) -> None:
    """Fail unless nothing was lost, doubled or forgotten."""
    assert not simulation.queue.messages
    assert not simulation.watch.wrong
    _check_dead_letters(simulation)
    _check_reported_rows(simulation)
    for entry in simulation.ledger.files():
        _check_outcome(simulation, entry)
    _check_order(simulation)
    for key, found in simulation.bucket.objects.items():
        versions = [r for r in simulation.ledger.files() if r.work.file.key == key and found.is_of(r)]
        if FEEDS.ignores(key, len(found.data)):
            _check_ignored(simulation, versions)
        else:
            _check_newest(simulation, versions)


def _check_dead_letters(simulation: ModelRun) -> None:
    """No good message is dead, but after many faults; one that kills whoever takes it is, with its reason."""
    faults = _faults(simulation)
    good = [message for message in simulation.queue.dead if not _is_deadly(simulation, message.body)]
    assert not good or faults >= simulation.most_received - 1, "a good message was dead-lettered"
    killed = [body for body, code, _ in simulation.dead_letters.dead_lettered if code == WorkerKilled.code]
    assert faults >= LEAST_DEATHS or all(_is_deadly(simulation, body) for body in killed), "a good file was given up"
    if simulation.deadly and not faults and simulation.most_received > LEAST_DEATHS:
        assert {code for _, code, _ in simulation.dead_letters.dead_lettered} == {WorkerKilled.code}
        assert not simulation.queue.dead, "a message was dead-lettered without its reason"


def _faults(simulation: ModelRun) -> int:
    return simulation.scheduler.disturbances + 10 * any(simulation.skews_s)


def _is_deadly(simulation: ModelRun, body: str) -> bool:
    return simulation.deadly is not None and simulation.deadly in body


def _check_reported_rows(simulation: ModelRun) -> None:
    """No row was reported twice, and all were if no worker died or was late before it could report."""
    counted = NOTHING
    for entry in simulation.ledger.files():
        counted = counted.plus(entry.row_counts)
        for segment in simulation.ledger.segment_entries(entry.work.file):
            if not segment.is_counted:  # by the file: not yet, or it had ended before
                counted = counted.plus(segment.row_counts)
    by_feed = [simulation.metrics.sums(feed) for feed in ("orders", "renamed")]
    sums = {metric: sum(values.get(metric, 0) for values in by_feed) for metric in COUNTED}
    reported = RowCounts(*(int(sums.get(metric, 0)) for metric in COUNTED))
    counted = _summed(counted)
    assert all(getattr(reported, name) <= count for name, count in counted.counts().items()), f"{reported} of {counted}"
    if not simulation.scheduler.disturbances and not simulation.cut_retries:
        loaded = counted.since(simulation.kept)
        assert reported == loaded, f"{reported} of {loaded}"


def _summed(row_counts: RowCounts) -> RowCounts:
    """Return row counts as metrics have them: with one number of all rows that were skipped."""
    return replace(row_counts, rows_older=row_counts.rows_skipped, rows_replaced=0, rows_absent=0)


def _check_order(simulation: ModelRun) -> None:
    """All attempts at a version have one order value, and a later version of a key has a greater one."""
    orders: dict[str, dict[str, set[int | None]]] = {}
    for entry in simulation.ledger.files():
        if entry.attempts:
            found = orders.setdefault(entry.work.file.url, {})
            found.setdefault(entry.work.file.first_version, set()).add(entry.order_ms)
    for url, versions in orders.items():
        assert all(len(values) == 1 for values in versions.values()), f"attempts at {url}: {versions}"
        known = [order_ms for name, (order_ms,) in sorted(versions.items()) if not name.startswith("~")]
        assert known == sorted(set(known)), f"versions of {url}: {versions}"


def _check_outcome(simulation: ModelRun, entry: MemoryEntry) -> None:
    file = entry.work.file
    assert entry.status != Status.UNBALANCED, f"{file.url} {file.version}: {entry.row_counts}"
    reported = [t.outcome for t in simulation.reported if (t.file.url, t.file.version) == (file.url, file.version)]
    outcomes = {(outcome.status, outcome.error and outcome.error.code) for outcome in reported}
    if entry.status == Status.IGNORED:
        assert outcomes == set(), f"reported of {file.url}: {outcomes}"
        return
    if entry.status == Status.UNDONE:  # it had ended before, and was perhaps not reported
        assert {status for status, _ in outcomes} <= {*LOADED}, f"reported of {file.url}: {outcomes}"
    else:
        assert outcomes == {(entry.status, entry.error and entry.error.code)}, f"reported of {file.url}: {outcomes}"
    assert entry.until_s == 0.0, "an open lease"
    assert {outcome.row_counts for outcome in reported} <= {entry.row_counts}, f"{reported}, not {entry.row_counts}"
    if entry.status == Status.COMPLETE and file.undo:
        _check_undo(simulation, entry)
    elif entry.status == Status.COMPLETE:
        _check_complete(simulation, entry, {outcome.row_counts for outcome in reported})
    elif not simulation.queue.dead and not simulation.dead_letters.dead_lettered and not simulation.lost:
        for segment in simulation.ledger.segment_entries(file):
            assert segment.status != Status.LOADING, f"{segment.work.name} of a file that has ended"


def _check_complete(simulation: ModelRun, entry: MemoryEntry, reported: set[RowCounts]) -> None:
    data = simulation.data(entry.work.file)
    segments = simulation.ledger.segment_entries(entry.work.file)
    assert all(segment.status == Status.DONE for segment in segments)
    expected, bad, repeated = undisturbed(data, entry.settings, is_ordered=simulation.is_ordered)
    counted = _without_older(entry.row_counts, expected) if simulation.is_ordered else entry.row_counts
    assert counted == expected, f"{entry.row_counts}, not {expected}"
    assert not is_all_bad(data, entry), "nothing but rejects, and COMPLETE"
    assert reported == {entry.row_counts}
    rows = rows_of(data)
    assert entry.row_counts.rows_read == len(rows)
    assert entry.row_counts.is_balanced
    rejects = kept(simulation, entry, "")
    assert rejects == bad, f"rejects {rejects}, not {bad}"
    duplicates = kept(simulation, entry, DUPLICATES)
    if simulation.is_ordered:  # a row that is older than the table's supersedes none, and keys are compared anew then
        seen = _with_keys_seen_before([row for row in rows if row[0] not in bad])
        assert set(duplicates) <= seen, f"duplicates {duplicates}, not of {seen}"
    else:
        assert duplicates == repeated, f"duplicates {duplicates}, not {repeated}"
        assert len(duplicates) == expected.rows_superseded  # all of them: no file of the model has more than are kept
    assert {o for o, _, number in rows if is_bad(number, entry) and number != REFUSED} <= set(bad)
    assert set(bad) <= {offset for offset, _, number in rows if is_bad(number, entry)}


def _check_undo(simulation: ModelRun, entry: MemoryEntry) -> None:
    """All rows were looked at; no item names the file, unless it is loaded again, or a worker wrote too late."""
    file, found = entry.work.file, entry.row_counts
    rows = rows_of(simulation.data(file))
    assert found.rows_read == len(rows)
    assert found.is_balanced
    assert (found.rows_rejected, found.rows_older) == (0, 0)
    assert found.rows_superseded <= len(_with_keys_seen_before(rows))
    deletes = simulation.watch.deletes[file.url, file.version]
    assert found.rows_written <= deletes, f"{found} of {deletes} deletes"
    assert found.rows_written == deletes or simulation.scheduler.disturbances, f"{found} of {deletes} deletes"
    attempts = [other for other in simulation.ledger.files() if other.work.file.file_id == file.file_id]
    before = {other.status for other in attempts if _is_before(other.work.file, file) and not other.work.file.undo}
    assert before == {Status.UNDONE}, f"{file.url} was undone, and is {before}"
    if not any(_is_before(file, other.work.file) for other in attempts):
        left = [key for key, item in simulation.table.items.items() if file_named(item) == file.file_id]
        assert all(simulation.watch.outlived_keys[key] for key in left), f"{left} name {file.url}, which is undone"


def _is_before(file: FileVersion, other: FileVersion) -> bool:
    """Return whether one attempt at a version was begun before another."""
    return (file.retry or 0) < (other.retry or 0)


def _with_keys_seen_before(rows: list[Row]) -> set[int]:
    """Return where the rows stand that have the key of an earlier row."""
    return {offset for number, (offset, key, _) in enumerate(rows) if key in {k for _, k, _ in rows[:number]}}


def _without_older(row_counts: RowCounts, expected: RowCounts) -> RowCounts:
    """Return row counts as if no other file had been there: rows that are older than its are written or superseded."""
    written = row_counts.rows_written + row_counts.rows_older - (expected.rows_superseded - row_counts.rows_superseded)
    return replace(row_counts, rows_written=written, rows_superseded=expected.rows_superseded, rows_older=0)


def _check_ignored(simulation: ModelRun, versions: list[MemoryEntry]) -> None:
    """Nothing is said of it, and no worker has it, unless an operator has asked for it. No one looks for it."""
    for entry in versions:
        is_asked_for = bool(entry.work.file.retry)
        assert entry.work.file.sequencer, "the reconciler asks for what is not to be loaded"
        assert (entry.status == Status.IGNORED) == (not is_asked_for), f"{entry.work.file.version} is {entry.status}"
        assert is_asked_for or entry.attempts == 0


def _check_newest(simulation: ModelRun, versions: list[MemoryEntry]) -> None:
    """One load of the newest version is complete, and more only where an operator asked for them.

    None is, if it cannot be, or no one was left to do it.
    """
    data = simulation.data(versions[0].work.file)
    statuses = {entry.status for entry in versions if not entry.work.file.undo}
    is_undone = Status.UNDONE in statuses
    if versions[0].work.file.key == simulation.deadly:
        assert statuses & {Status.FAILED, Status.UNDONE} and Status.COMPLETE not in statuses, statuses
        return
    if not data.startswith(HEAD):
        gave_way = {Status.SUPERSEDED} if any(entry.work.file.retry for entry in versions) else set()
        assert statuses - gave_way <= {Status.FAILED, Status.UNDONE}, statuses
        return
    failed = [entry for entry in versions if entry.status == Status.FAILED]
    if any(entry.error_code == "all_rows_rejected" and is_all_bad(data, entry) for entry in failed):
        return
    is_dead = simulation.queue.dead or simulation.dead_letters.dead_lettered
    if is_dead and failed and _faults(simulation):  # given up
        return
    assert is_undone or Status.COMPLETE in statuses, f"{versions[0].work.file.url} is {statuses}"
    complete = [entry for entry in versions if entry.status == Status.COMPLETE and not entry.work.file.undo]
    loads = [entry.work.file.version for entry in complete if not entry.work.file.retry]
    assert len(loads) <= 1, f"loaded as {loads}"
    for entry in complete:
        _check_table(simulation, entry)


def _check_ordered_table(simulation: ModelRun, entry: MemoryEntry) -> None:
    """The last good row of each key is there, whatever segments, files and late workers did, or one of a later file; or
    one behind it, which only another attempt, with other settings, has taken for a good one."""
    file = entry.work.file
    others = [e for e in simulation.ledger.files() if e.work.file.url == file.url and e.settings in _by_fingerprint()]
    rows = dict(enumerate(rows_of(simulation.data(file)), 2))
    lines = {key: line for line, (_, key, number) in rows.items() if not is_bad(number, entry)}
    for key, last in lines.items():
        item = simulation.table.items.get((key,))
        if item is None:
            _check_deleted(simulation, file, key)
            continue
        order = str(item[ORDER_ATTRIBUTE])
        if (found := _of_another(simulation, file, order)) is not None:
            assert order[:ORDER_DIGITS] >= order_text(entry.order_ms or 0), f"{key} is of an older file: {found}"
            continue
        line = int(order.rpartition("#")[2])
        assert rows[line][1:] == (key, str(item["n"])), f"{key} has {item}, of an older version"
        behind = {n: number for n, (_, other, number) in rows.items() if other == key and n > last}
        good = {n for n, number in behind.items() if any(not is_bad(number, e) for e in others)}
        assert line in {last, *good}, f"{key} is of line {line}, not {last}"


def _check_deleted(simulation: ModelRun, file: FileVersion, key: str) -> None:
    """An item is gone only where another file had replaced it that was undone, or where an undo deleted too late."""
    undo = simulation.watch.deleted.get((key,))
    assert undo is not None, f"{key} is lost"
    is_of_another = undo.file_id != file.file_id
    assert is_of_another or simulation.watch.outlived_keys[key,], f"{key} of {file.url} is deleted by the undo before"


def _of_another(simulation: ModelRun, file: FileVersion, order: str) -> str | None:
    """Return the URL of the file that an item is of, if that is another."""
    files = {entry.work.file.file_id: entry.work.file.url for entry in simulation.ledger.files()}
    url = files[order.split("#")[1]]
    return None if url == file.url else url


def _check_table(simulation: ModelRun, entry: MemoryEntry) -> None:
    if simulation.is_ordered:
        _check_ordered_table(simulation, entry)
        return
    file = entry.work.file
    ends = [0, *(r.work.segment.end.byte for r in simulation.ledger.segment_entries(file) if r.work.segment), 10**9]
    allowed: dict[str, dict[int, str]] = {}
    every: dict[str, set[str]] = {}
    for offset, key, number in rows_of(simulation.data(file)):
        if number != REFUSED:
            every.setdefault(key, set()).add(number)
        if not is_bad(number, entry):
            segment = next(n for n, (start, end) in enumerate(pairwise(ends)) if start <= offset < end)
            allowed.setdefault(key, {})[segment] = number
    attempts = [other for other in simulation.ledger.files() if other.work.file.url == file.url]
    is_alone = sum(url == file.url for url, _ in simulation.versions) == 1 and len(attempts) == 1
    for key, numbers in allowed.items():
        item = simulation.table.items.get((key,))
        if item is None:
            _check_deleted(simulation, file, key)
        elif is_alone and not simulation.watch.late_keys[key,]:
            assert str(item["n"]) in numbers.values(), f"{key} has {item['n']}, not one of {numbers}"
        else:  # which of two versions, or of two workers on one, is last is not promised
            assert str(item["n"]) in every[key]


def rows_of(data: bytes) -> list[Row]:
    """Return the rows of a file."""
    rows, offset = [], len(data.split(b"\n")[0]) + 1
    for line in data.splitlines(keepends=True)[1:]:
        key, number = line.decode().strip().split(",")
        rows.append((offset, key, number))
        offset += len(line)
    return rows


def is_bad(number: str, entry: MemoryEntry) -> bool:
    """Return whether a row is rejected: by the feed as it was when the file was begun, or by the table."""
    feeds = settings_of(entry).feeds.feeds.values()
    return number == REFUSED or not (number.isdigit() or any(feed.columns == AS_TEXT.columns for feed in feeds))


def settings_of(entry: MemoryEntry) -> Deployment:
    """Return the deployment that a file was begun with."""
    return _by_fingerprint()[entry.settings]


def is_all_bad(data: bytes, entry: MemoryEntry) -> bool:
    """Return whether a file fails because nothing but rejects comes of it."""
    rows = rows_of(data)
    return len(rows) > FEW_ROWS and all(is_bad(number, entry) for _, _, number in rows)


@cache
def _by_fingerprint() -> dict[str, Deployment]:
    return {
        DeployedSettings(d.feeds, MemoryLedger(), sizes=d.sizes, segment_bytes=d.segment_bytes)
        .of_key("orders/")[1]
        .fingerprint: d
        for d in (*DEPLOYMENTS, *ORDERED)
        if "others" not in d.feeds.feeds
    }


@cache
def undisturbed(data: bytes, settings: str = "", *, is_ordered: bool = False) -> tuple[RowCounts, list[int], list[int]]:
    """Return the row counts of an undisturbed load with some settings, and where its rejects and duplicates stand."""
    deployed = _by_fingerprint()[settings] if settings else FIRST
    known = ORDERED if is_ordered else DEPLOYMENTS
    number = known.index(deployed) if deployed in known else DEPLOYMENTS.index(deployed)
    simulation: Any = ModelRun([], deployed=DEPLOYMENTS[number], is_ordered=is_ordered)
    simulation.drop(("orders/x.csv", data))
    simulation.run()
    (entry,) = simulation.ledger.files()
    return entry.row_counts, kept(simulation, entry, ""), kept(simulation, entry, DUPLICATES)


def kept(simulation: ModelRun, entry: MemoryEntry, kind: str) -> list[int]:
    """Return where the rejects of a version stand, or its duplicates."""
    parts = simulation.parts[entry.work.file.url, entry.work.file.version + kind]
    return sorted(offset for part in parts.values() for offset in part)
