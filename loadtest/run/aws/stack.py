"""A deployed stack, found by its outputs, if it is one of ours that was made for load tests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ingest.contract import Env, Output, table_output
from loadtest.run.aws.clients import Clients, RunRefused
from loadtest.scenarios.scenario import NAMES, schema, tables

STAGE, DEFAULT_NAME = "loadtest", "ingest-loadtest"
CDK = f"python -m infra.cdk deploy -c stage={STAGE} -c feeds=loadtest/scenarios/feeds.toml"
DEPLOY = f"deploy one for load tests with `{CDK}`"
NEW_TABLE_UNITS_PER_S = 4_000  # what an on-demand table takes from its first second on
MOST_FUNCTIONS = 1_000  # a mapping without a limit
_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_NEEDED = [value for name, value in vars(Output).items() if name.isupper()]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, in which account and region."""

    account: str
    caller: str
    region: str


@dataclass(frozen=True, slots=True)
class DeployedTable:
    """A feed's table: what it takes in a second, and how many units a row of 1 KB costs."""

    name: str
    arn: str
    units_per_s: float
    is_on_demand: bool
    indexes: int


@dataclass(frozen=True, slots=True)
class Stack:
    """What was found. `tables` are by the name their feed gives them."""

    identity: Identity
    name: str
    arn: str
    outputs: Mapping[str, str]
    tables: Mapping[str, DeployedTable]
    memory_mb: int
    segment_bytes: int
    functions: int


def identify(clients: Clients, account: str | None) -> Identity:
    """Return who asks, and where.

    Raises:
        RunRefused: it is not this account.
    """
    answer = clients.get("sts").get_caller_identity()
    if account is not None and account != answer["Account"]:
        raise RunRefused(f"--account says {account}, and the credentials are of {answer['Account']} ({answer['Arn']}).")
    return Identity(answer["Account"], answer["Arn"], clients.region)


def find(clients: Clients, identity: Identity, name: str) -> Stack:
    """Return the stack of this name.

    Raises:
        RunRefused: there is none, it is none of ours, or none that was made for load tests.
    """
    answer = _described(clients, identity, name)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in answer.get("Outputs", [])}
    _check_outputs(name, answer, outputs)
    function = clients.get("lambda").get_function_configuration(FunctionName=outputs[Output.FUNCTION])
    variables = function.get("Environment", {}).get("Variables", {})
    if (variables.get(Env.STACK), variables.get(Env.LEDGER_TABLE)) != (name, outputs[Output.LEDGER_TABLE]):
        raise RunRefused(
            f"The function {outputs[Output.FUNCTION]} is not that of the stack {name}: it works for others."
        )
    _check_notifications(clients, name, outputs[Output.LANDING_BUCKET])
    return Stack(
        identity=identity,
        name=name,
        arn=answer["StackId"],
        outputs=outputs,
        tables={table: _table(clients, table, outputs[table_output(table)]) for table in tables()},
        memory_mb=int(function["MemorySize"]),
        segment_bytes=int(variables[Env.SEGMENT_BYTES]),
        functions=_concurrency(clients, outputs[Output.FUNCTION]),
    )


def _described(clients: Clients, identity: Identity, name: str) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = clients.get("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "not exist" not in str(error):
            raise
        where = f"account {identity.account}, region {identity.region}"
        raise RunRefused(
            f"The stack {name} does not exist in {where}: name another with --stack, or {DEPLOY}."
        ) from None
    if answer["StackStatus"] not in _SETTLED:
        raise RunRefused(f"The stack {name} is {answer['StackStatus']}: wait until its deployment has ended well.")
    return answer


def _check_outputs(name: str, answer: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
    missing = [output for output in _NEEDED if output not in outputs]
    if missing:
        raise RunRefused(f"The stack {name} has no output {missing[0]}: it is none of ours.")
    ours = {table_output(table) for table in tables()}
    lacking = sorted(ours - set(outputs))
    if lacking:
        raise RunRefused(f"The stack {name} has no output {lacking[0]}: it lacks feeds of the scenarios; {DEPLOY}.")
    others = sorted(output for output in set(outputs) - ours if output.startswith("Table"))
    if others:
        raise RunRefused(
            f"The stack {name} serves other feeds, too ({', '.join(others)}), and a load test would stand in their "
            f"way; {DEPLOY}."
        )


def _check_notifications(clients: Clients, name: str, bucket: str) -> None:
    answer = clients.get("s3").get_bucket_notification_configuration(Bucket=bucket)
    rules = [
        rule
        for queue in answer.get("QueueConfigurations", [])
        for rule in queue.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    ]
    heard = {rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"}
    silent = [schema(feed).prefix for feed in NAMES if schema(feed).prefix not in heard]
    if silent:
        raise RunRefused(f"The bucket of the stack {name} does not notify of objects under {silent[0]}; {DEPLOY}.")


def _table(clients: Clients, feed_name: str, name: str) -> DeployedTable:
    answer = clients.get("dynamodb").describe_table(TableName=name)["Table"]
    keys = [key["AttributeName"] for key in answer["KeySchema"]]
    if keys != [key.name for key in tables()[feed_name].keys]:
        raise RunRefused(f"The table {name} has other keys than the scenarios' feed says: {', '.join(keys)}; {DEPLOY}.")
    is_on_demand = answer.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    indexes = len(answer.get("GlobalSecondaryIndexes", []))
    return DeployedTable(name, answer["TableArn"], _units(answer, is_on_demand), is_on_demand, indexes)


def _units(answer: Mapping[str, Any], is_on_demand: bool) -> float:
    if not is_on_demand:
        return float(answer["ProvisionedThroughput"]["WriteCapacityUnits"])
    warm = float(answer.get("WarmThroughput", {}).get("WriteUnitsPerSecond") or NEW_TABLE_UNITS_PER_S)
    most = float(answer.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits") or -1)
    return min(warm, most) if most > 0 else warm


def _concurrency(clients: Clients, function: str) -> int:
    mappings = clients.get("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    limits = [mapping.get("ScalingConfig", {}).get("MaximumConcurrency", MOST_FUNCTIONS) for mapping in mappings]
    return max(limits, default=MOST_FUNCTIONS)


def identity_lines(identity: Identity) -> Iterator[str]:
    """Yield account and region."""
    yield f"account   {identity.account}, as {identity.caller}"
    yield f"region    {identity.region}"


def resource_lines(stack: Stack) -> Iterator[str]:
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
