"""`ingest reconcile`: runs the scheduled reconciler now: stuck work, and objects whose notification was lost."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, StackFeedsPath, StackName, seconds_of
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, feeds_of, services_of
from ingest.feeds.feed import Feeds
from ingest.worker.reconcile import Findings, Reconciler

STUCK_AFTER = "1h"  # as infra.settings has it
Log = list[tuple[str, dict[str, object]]]

_FOUND = {
    "outcomes_reported": "{:,} file(s) had ended without a report: the event was sent.",
    "files_closed": "{:,} file(s) had all segments loaded but were not finished: they are now.",
    "files_sent_again": "{:,} file(s) were stuck: requeued.",
    "segments_sent_again": "{:,} segment(s) were stuck: requeued.",
    "files_given_up": "{:,} file(s) were requeued too often and have FAILED; `ingest status FILE` shows why.",
    "objects_not_known": "{:,} object(s) had no ledger entry: queued.",
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

    Examples:
        ingest reconcile
        ingest reconcile --stuck-after 10m --json
    """
    log: Log = []
    stuck_s = seconds_of(stuck_after, "--stuck-after")
    deployed = DeployedStack(stack)
    findings = _reconciler(deployed, feeds_of(deployed, feeds).deployed, stuck_s, log).run()
    did = [(message, fields) for message, fields in log if message in _DID]
    if as_json:
        print(json.dumps({"found": asdict(findings), "did": [{"what": m, **fields} for m, fields in did]}))
        return
    console = console_on(sys.stdout)
    for line in sentences(findings):
        console.print(line, soft_wrap=True)
    for message, fields in did:
        console.print("  " + _DID[message].format(**fields), soft_wrap=True)


def sentences(findings: Findings) -> Iterator[str]:
    """Yield what was found and done."""
    if findings.is_nothing:
        yield "Nothing is stuck, and every object is in the ledger."
    if findings.is_late:
        yield "Many messages wait in the queue: files that have not started are late, not stuck. Nothing was requeued."
    counts = asdict(findings)
    yield from (sentence.format(counts[name]) for name, sentence in _FOUND.items() if counts[name])


def _reconciler(stack: DeployedStack, feeds: Feeds, stuck_s: float, log: Log) -> Reconciler:
    services = services_of(stack, Clock(), lambda message, fields: log.append((message, fields)))
    return Reconciler(feeds, services, bucket=stack.landing_bucket, stuck_s=stuck_s)
