"""`make demo`: upload a file to the local stack and show the result for every row."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from boto3.dynamodb.types import TypeDeserializer
from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra import bundle
from infra.local.stack import FEEDS, LocalStack, local_stack
from ingest import contract
from ingest.contract import SKIPPED, LedgerKeys, Output, Status
from ingest.feeds.parse import read_feeds

SAMPLE = bundle.ROOT / "sample_data.csv"
LOG = bundle.BUILD / "demo.log"
TIMEOUT_S = 90.0
ITEMS_SHOWN = 3

Item = dict[str, Any]


@dataclass(frozen=True)
class Landed:
    """The result of a file: its ledger entry, its rejects, some of its items, and their number."""

    entry: Item
    rejects: list[Item]
    items: list[Item]
    item_count: int

    @property
    def reconciles(self) -> bool:
        """Whether the row counts reconcile."""
        ends = ("written", "rejected", "superseded", *SKIPPED)
        return bool(self.count("read") == sum(self.count(end) for end in ends))

    @property
    def is_proved(self) -> bool:
        """Whether the file is complete, its row counts reconcile, and the table has as many items as were written."""
        complete = self.entry.get("status") == Status.COMPLETE
        return complete and self.reconciles and bool(self.items) and self.item_count == self.count("written")

    def count(self, what: str) -> int:
        """Return a row count: read, written, rejected or superseded."""
        return int(self.entry.get(f"rows_{what}", 0))


def run(console: Console, *, sample: Path = SAMPLE, feeds: Path = FEEDS, iam: bool = False) -> int:
    """Run the demo; return 0 if every row of the sample is accounted for and was read back, else 1."""
    feed = read_feeds(feeds).feeds["orders"]
    with _progress(console) as progress:
        step = progress.add_task("Starting the local stack and deploying the template")
        with local_stack(feeds, iam=iam) as stack:
            progress.update(step, completed=1, total=1)
            step = progress.add_task(f"Uploading {sample.name} to {feed.prefix} in the landing bucket")
            entry = drop_and_wait(stack, feed.prefix + sample.name, sample.read_bytes())
            progress.update(step, completed=1, total=1)
            landed = _look(stack, entry, feed.table)
            progress.stop()
            _keep_log(stack)
            _show(console, stack, landed)
    console.print(NEXT, highlight=False, soft_wrap=True)
    console.print(
        f"Log of the emulator and the function, and what was not deployed locally: {_shown(LOG)}", style="dim"
    )
    return 0 if landed.is_proved else 1


def drop_and_wait(stack: LocalStack, key: str, content: bytes, *, timeout_s: float = TIMEOUT_S) -> Item:
    """Put an object in the landing bucket; return its ledger entry once that is final, or {} after the timeout."""
    bucket = stack.outputs[Output.LANDING_BUCKET]
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for entry in file_entries(stack, bucket, key):
            if entry.get("status") in contract.FINAL_STATUSES:
                return entry
        time.sleep(0.1)
    return {}


def file_entries(stack: LocalStack, bucket: str, key: str) -> list[Item]:
    """Return the ledger's entries for the versions of one object."""
    found = stack.client("dynamodb").query(
        TableName=stack.outputs[Output.LEDGER_TABLE],
        KeyConditionExpression="#pk = :file AND begins_with(#sk, :kind)",
        ExpressionAttributeNames={"#pk": LedgerKeys.PARTITION_KEY, "#sk": LedgerKeys.SORT_KEY},
        ExpressionAttributeValues={":file": {"S": f"{bucket}/{key}"}, ":kind": {"S": LedgerKeys.FILE_PREFIX}},
    )
    return [_plain(item) for item in found["Items"]]


def read_rejects(stack: LocalStack, entry: Item) -> Iterator[Item]:
    """Yield the rejected rows of a file."""
    if "rejects" not in entry:
        return
    place = urlsplit(str(entry["rejects"]))
    s3 = stack.client("s3")
    listed = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    for part in listed.get("Contents", []):
        if not part["Key"].endswith(".jsonl"):
            continue  # this one has the same rows as CSV
        lines = s3.get_object(Bucket=place.netloc, Key=part["Key"])["Body"].read().splitlines()
        yield from map(json.loads, lines)


def _look(stack: LocalStack, entry: Item, table: str) -> Landed:
    dynamodb = stack.client("dynamodb")
    name = stack.outputs[contract.table_output(table)]
    pages = list(dynamodb.get_paginator("scan").paginate(TableName=name))
    items = [_plain(item) for page in pages for item in page["Items"]]
    return Landed(entry, list(read_rejects(stack, entry)), items[:ITEMS_SHOWN], len(items))


def _plain(item: Item) -> Item:
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _keep_log(stack: LocalStack) -> None:
    """Save the emulator's log and the resources left out to a file that outlives the emulator."""
    lines = [f"Not deployed locally: {line}\n" for line in stack.left_out]
    LOG.write_text("".join(lines) + stack.emulator.log.read_text(errors="replace"), encoding="utf-8")


def _shown(path: Path) -> Path:
    return path.relative_to(bundle.ROOT)


def _show(console: Console, stack: LocalStack, landed: Landed) -> None:
    if not landed.entry:
        console.print(f"[red]No result after {TIMEOUT_S:.0f} s.[/] The end of the log:")
        console.print("\n".join(LOG.read_text(encoding="utf-8").splitlines()[-20:]), markup=False)
        return
    _show_row_counts(console, landed)
    _show_rejects(console, landed.rejects)
    _show_items(console, landed)


def _show_row_counts(console: Console, landed: Landed) -> None:
    entry = landed.entry
    console.print(f"\n[bold]Row counts[/] of the file: {entry['status']} in {float(entry.get('seconds', 0)):.2f} s")
    if "error" in entry:
        console.print(
            f"  [red]{entry['error']['code']}[/]: {entry['error']['message']}", highlight=False, soft_wrap=True
        )
    for sign, what in ((" ", "read"), ("=", "written"), ("+", "rejected"), ("+", "superseded")):
        console.print(f"  {sign} rows {what:<10} {landed.count(what):>6,}", highlight=False)
    result = "[green]They reconcile" if landed.reconciles else "[red]They do not reconcile"
    console.print(f"  {result}[/], and the table has {landed.item_count:,} items.", highlight=False)


def _show_rejects(console: Console, rejects: list[Item]) -> None:
    table = Table("line", "column", "reason", "message", title="Rejected rows", title_justify="left", box=box.SIMPLE)
    for reject in rejects:
        cells = (reject["line"], reject.get("column") or "-", reject["reason"], reject["message"])
        table.add_row(*map(str, cells))
    console.print(table)


def _show_items(console: Console, landed: Landed) -> None:
    console.print("[bold]Items[/] as DynamoDB returns them:")
    for item in landed.items:
        console.print(
            f"  {json.dumps(item, default=str, ensure_ascii=False)}", highlight=False, markup=False, soft_wrap=True
        )


NEXT = """
[bold]Try next[/]
  .venv/bin/ingest check sample_data.csv --feed orders   the same result for each row, without a stack
  .venv/bin/python -m infra.local up                     start a local stack to use with the aws command line
  make synth                                             the CloudFormation template, in cdk.out
  make deploy                                            the same stack in your AWS account
"""
