"""`ingest cancel`: ends a file that is being loaded, or waits to be."""

import json
import sys

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, LedgerFile, StackName, VersionName
from ingest.cli.output import console_on, row_counts_sentence
from ingest.cli.stack import DeployedStack, services_of
from ingest.cli.status.file import choose, find_versions
from ingest.recovery.retry import cancel_file


def cancel(
    file: LedgerFile,
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """End a file that is being loaded or waits; rows written stay.

    It becomes FAILED with the code `cancelled`. Workers that hold a part of it stop at their next checkpoint, within
    seconds, and may write rows until then. `ingest retry` loads it again, from its start or its checkpoint.

    Examples:
        ingest cancel orders/2026-11-22.csv
    """
    deployed = DeployedStack(stack)
    entry = choose(find_versions(deployed, file), version)
    outcome = cancel_file(services_of(deployed, Clock()), entry)
    name = entry.work.file
    if as_json:
        counts = outcome.row_counts.counts()
        error = outcome.error and {"code": outcome.error.code, "message": str(outcome.error)}
        begin = {"file": name.url, "version": name.version, "feed": entry.feed, "status": outcome.status}
        print(json.dumps({**begin, **counts, "rejects_at": outcome.rejects, "error": error}, ensure_ascii=False))
        return
    console = console_on(sys.stdout)
    console.print(f"{name.url}, version {name.version}, is {outcome.status}: {outcome.error}", soft_wrap=True)
    console.print(row_counts_sentence(outcome.row_counts), soft_wrap=True)
