"""What the guard shows before anything is done: whose account it is, what is used, what is planned, what it costs."""

from collections.abc import Iterator, Sequence

from ingest.contract import Output
from loadtest.run.aws import estimate
from loadtest.run.aws.estimate import Line
from loadtest.run.aws.load import Load
from loadtest.run.aws.stack import Identity, Stack

MB = 1_000_000


def whose(identity: Identity) -> Iterator[str]:
    """Yield account and region."""
    yield f"account   {identity.account}, as {identity.caller}"
    yield f"region    {identity.region}"


def resources(stack: Stack) -> Iterator[str]:
    """Yield what is used."""
    out = stack.outputs
    yield f"stack     {stack.arn}"
    yield f"landing   arn:aws:s3:::{out[Output.LANDING_BUCKET]}"
    yield f"rejects   arn:aws:s3:::{out[Output.REJECTS_BUCKET]}"
    yield f"queue     {out[Output.QUEUE_URL]}"
    yield f"dead      {out[Output.DEAD_LETTER_URL]}"
    yield f"ledger    {out[Output.LEDGER_TABLE]}"
    yield f"function  {out[Output.FUNCTION]}, {stack.memory_mb} MB, {stack.functions} at once at most"
    yield f"log       {out[Output.LOG_GROUP]}"
    yield f"dashboard {out[Output.DASHBOARD]}"
    yield f"alarms    {out[Output.ALARM_TOPIC]}: who is subscribed hears of it if the run makes one go off"
    for table in stack.tables.values():
        mode = "on demand" if table.is_on_demand else "provisioned"
        yield f"table     {table.arn}, {mode}, {table.units_per_s:,.0f} write units a second"


def plan(load: Load, stack: Stack, rows_per_s: float) -> Iterator[str]:
    """Yield what a scenario puts there, and the bill."""
    minutes = estimate.seconds_at_capacity(load, stack) / 60
    lines = estimate.estimate(load, stack, rows_per_s)
    yield (
        f"{load.scenario.name}: {load.files:,} files, {load.rows:,} rows, {load.bytes / MB:,.1f} MB; "
        f"{minutes:,.1f} minutes at least, at the capacity of the tables"
    )
    yield from bill(lines)


def bill(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines of an estimate, and their sum."""
    shown = [line for line in lines if line.amount]
    widest = max(len(line.what) for line in shown)
    for line in shown:
        yield f"  {line.what:<{widest}}  {_amount(line.amount):>15} {line.unit:<12}  ${line.usd:>10.4f}"
    yield f"  {'at most, at list prices of us-east-1':<{widest}}  {'':>15} {'':<12}  ${estimate.total(lines):>10.4f}"


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"
