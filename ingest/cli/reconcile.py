"""`ingest reconcile`: runs the scheduled reconciler now: stuck work, and objects whose notification was lost."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, StackFeedsPath, StackName, seconds_of
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, feeds_of, services_of
from ingest.feeds.feed import Feeds
from ingest.worker.reconcile import Findings, Reconciler

STUCK_AFTER = "1h"  # as infra.settings has it
MOST_OUTSIDE = 10_000  # objects under no prefix that are counted; an existing bucket may hold millions
OUTSIDE_SHOWN = 20
Log = list[tuple[str, dict[str, object]]]

_FOUND = {
    "outcomes_reported": "{:,} file(s) had ended without a report: the event was sent.",
    "files_closed": "{:,} file(s) had all segments loaded but were not finished: they are now.",
    "files_sent_again": "{:,} file(s) were stuck: requeued.",
    "segments_sent_again": "{:,} segment(s) were stuck: requeued.",
    "files_given_up": "{:,} file(s) were requeued too often and have FAILED; `ingest status FILE` shows why.",
    "objects_not_known": "{:,} object(s) had no ledger entry: queued.",
    "objects_restored": "{:,} archived object(s) can be read by now: queued.",
    "not_looked_after": "{:,} file(s) could not be looked after, because a service did not answer: run this again.",
}
_DID = {
    "work sent again": "requeued: {work}",
    "object found": "queued: {file}",
    "file closed": "finished: {file} is {status}",
}


def reconcile(
    stuck_after: Annotated[
        str,
        typer.Option("--stuck-after", metavar="TIME", help="Work without progress for this long is stuck: 10m, 1h."),
    ] = STUCK_AFTER,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Requeue stuck files, and objects never notified.

    Objects of the last 24 hours are compared with the ledger. The stack does this on a schedule, too. Safe to repeat.
    Objects under no feed's prefix are named, and not loaded.

    Examples:
        ingest reconcile
        ingest reconcile --stuck-after 10m --json
    """
    log: Log = []
    stuck_s = seconds_of(stuck_after, "--stuck-after")
    deployed = DeployedStack(stack)
    known = feeds_of(deployed, feeds).deployed
    findings = _reconciler(deployed, known, stuck_s, log).run()
    did = [(message, fields) for message, fields in log if message in _DID]
    outside = _outside(deployed, known)
    if as_json:
        found = asdict(findings) | {"objects_under_no_prefix": outside.count}
        done = [{"what": message, **fields} for message, fields in did]
        print(json.dumps({"found": found, "did": done, "under_no_prefix": outside.first}))
        return
    console = console_on(sys.stdout)
    for line in findings_sentences(findings):
        console.print(line, soft_wrap=True)
    for message, fields in did:
        console.print("  " + _DID[message].format(**fields), soft_wrap=True)
    for line in outside.lines():
        console.print(line, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Outside:
    """The objects under no feed's prefix: how many, at most `MOST_OUTSIDE`, and the URLs of the first."""

    count: int
    first: list[str]

    def lines(self) -> Iterator[str]:
        """Yield a sentence and the objects; nothing if there are none."""
        if not self.count:
            return
        more = " or more" if self.count == MOST_OUTSIDE else ""
        yield f"{self.count:,}{more} object(s) are under no feed's prefix and are not loaded:"
        yield from (f"  {url}" for url in self.first)
        if self.count > len(self.first):
            yield "  ..."


def _outside(stack: DeployedStack, feeds: Feeds) -> Outside:
    files = stack.objects.outside(stack.landing_bucket, [feed.prefix for feed in feeds.feeds.values()])
    found = list(islice((file.url for file in files if not feeds.ignores(file.key, file.size_bytes)), MOST_OUTSIDE))
    return Outside(len(found), found[:OUTSIDE_SHOWN])


def findings_sentences(findings: Findings) -> Iterator[str]:
    """Yield what was found and done."""
    if findings.is_busy:
        yield "Another run is under way, and nothing was done: try again in a minute."
    elif findings.is_nothing:
        yield "Nothing is stuck, and every object is in the ledger."
    if findings.is_late:
        yield "Many messages wait in the queue: files that have not started are late, not stuck. Nothing was requeued."
    counts = asdict(findings)
    yield from (sentence.format(counts[name]) for name, sentence in _FOUND.items() if counts[name])


def _reconciler(stack: DeployedStack, feeds: Feeds, stuck_s: float, log: Log) -> Reconciler:
    services = services_of(stack, Clock(), lambda message, fields: log.append((message, fields)))
    return Reconciler(feeds, services, bucket=stack.landing_bucket, stuck_s=stuck_s)
