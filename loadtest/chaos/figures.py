"""What a run came to, as figures that JSON takes: how workers and services fared, and what was found of the files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingest.contract import Status
from loadtest.checker.found import Expected, Found, is_segment
from loadtest.checker.judge import CheckResult
from loadtest.harness.testbed import Testbed


def fared(testbed: Testbed) -> dict[str, Any]:
    """Return how often workers ended and messages came back, and what went wrong with the services."""
    fleet, statistics, log = testbed.fleet, testbed.simulator.statistics, list(testbed.fleet.log())
    said = Counter(str(line.get("message")) for line in log)
    faults = {
        "table": dict(statistics.faults),
        "ledger": dict(testbed.ledger.faults),
        "s3_cut": testbed.s3.counts["cut"],
    }
    return {
        "kills": fleet.ended["killed"],
        "freezes": fleet.freezes,
        "deployments": fleet.deployments,
        "ended": dict(fleet.ended),
        "deliveries": sum(line.get("received", 0) for line in log),
        "redelivered_to_live_workers": sum(line.get("redelivered", 0) for line in log),
        "hand_overs": said["message handed over"],
        "came_back": said["message will be retried"],
        "put_back": said["work put back"],
        "reconciled": _sums(line for line in log if line.get("message") == "reconciled"),
        "faults": faults,
        "table_requests": statistics.requests,
        "puts": statistics.items,
    }


def figures(files: Sequence[Expected], found: Found, check_result: CheckResult) -> dict[str, Any]:
    """Return what was found of the files; `statuses` has those no one looked at under ""."""
    statuses = Counter(str(entry["status"]) for entry in found.entries)
    known = {(entry["file"]["key"], entry["file"].get("etag")) for entry in found.entries}
    complete = [entry for entry in found.entries if entry["status"] == Status.COMPLETE]
    return {
        "files": len(files),
        "begun_anew": sum(bool(entry["file"].get("retry")) for entry in found.entries),
        "segments": sum(map(is_segment, found.ledger)),
        "rows": sum(int(entry["rows_read"]) for entry in complete),
        "lost": check_result.lost,
        "doubled": check_result.doubled,
        "wrong": check_result.wrong,
        "stuck": check_result.stuck,
        "statuses": {**statuses, "": len({(file.key, file.etag) for file in files} - known)},
        "problems": check_result.shown,
    }


def _sums(lines: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the sums of what the reconciler says it found."""
    total: Counter[str] = Counter()
    for line in lines:
        total.update({name: value for name, value in line.items() if type(value) is int})
    return dict(total)
