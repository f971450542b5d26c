"""What stands before a run on AWS: is the place free for it, and is it wanted?"""

import time
from collections.abc import Callable, Iterator

from ingest.contract import Output
from loadtest.harness.queue import depths
from loadtest.run.aws.clients import Clients, RunRefused
from loadtest.run.aws.load import Load
from loadtest.run.aws.marker import Markers
from loadtest.run.aws.stack import Identity, Stack
from loadtest.workload.defects import DUPLICATES

Ask = Callable[[str], str]
QUIET_WITHIN_S = 10.0  # the reconciler's message is in the queue for a moment, now and then


def obstacles(clients: Clients, stack: Stack, loads: list[Load]) -> list[str]:
    """Return why a run cannot begin now: a sentence each. Reads only."""
    return [*_segments(stack, loads), *_other_run(clients, stack), *_queue(clients, stack), *_rows(clients, stack)]


def approve(identity: Identity, account: str | None, ask: Ask | None) -> None:
    """Have it said that this is the account that is meant. `ask`: where there is somebody to be asked.

    Raises:
        RunRefused: it was not said.
    """
    if account is not None:
        if account != identity.account:
            raise RunRefused(f"--account says {account}, and the credentials are of {identity.account}.")
        return
    if ask is None:
        raise RunRefused(
            f"Without a terminal the account must be named: --account {identity.account}, if that is what you mean."
        )
    answer = ask(f"Type the account's id, {identity.account}, or yes, to go on: ").strip()
    if answer not in (identity.account, "yes"):
        raise RunRefused("Not confirmed: nothing was done.")


def _segments(stack: Stack, loads: list[Load]) -> Iterator[str]:
    """Rows of a key are compared within a segment: the generator must not place them further apart."""
    for load in loads:
        needed, least = load.scenario.segment_bytes, stack.segment_bytes
        doubles = any(DUPLICATES in kind.recipe.get("defects", {}) for kind in load.scenario.files)
        if doubles and least < needed and any(part.bytes > least // 4 for part in load.parts):
            yield (
                f"{load.scenario.name} has keys that come again, for segments of {needed >> 20} MiB, and those of the "
                f"stack are of {least >> 20}: deploy it with segment_mb = {needed >> 20} or more."
            )


def _other_run(clients: Clients, stack: Stack) -> Iterator[str]:
    marker = Markers(clients, stack).find()
    if marker:
        yield (
            f"The run {marker.run} of {marker.caller}, begun {marker.begun}, is under way or was killed; what is left "
            f"of it goes by `{marker.clean_command(stack)}`."
        )


def _queue(clients: Clients, stack: Stack) -> Iterator[str]:
    until_s = time.monotonic() + QUIET_WITHIN_S
    while sum(depths(clients.get("sqs"), stack.outputs[Output.QUEUE_URL])):
        if time.monotonic() > until_s:
            yield f"The queue of the stack {stack.name} holds messages: somebody is using it; wait until it is empty."
            return
        time.sleep(1)


def _rows(clients: Clients, stack: Stack) -> Iterator[str]:
    for table in stack.tables.values():
        if clients.get("dynamodb").scan(TableName=table.name, Limit=1, ConsistentRead=True)["Items"]:
            yield (
                f"The table {table.name} holds rows, and all that it holds after a run must be the run's own: "
                "empty it, or deploy a stack of its own for load tests."
            )
