"""The local stack with simulated tables in the place of the emulator's, which have no limit."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.local.stack import LocalStack
from loadtest.dashboard_run.stack_client import StackClient
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.simulator import Settings, Simulation, Simulator, Table

QUIET_S = 3.0
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """What took the place of the tables, and what counts the ledger's costs."""

    simulator: Simulator
    proxy: LedgerProxy


@contextlib.contextmanager
def simulated(
    stack: LocalStack, tables: Mapping[str, Table], *, units_per_s: float, keep_items: bool = False
) -> Iterator[Simulated]:
    """Point the stack's function at tables that each take so much. Batches go to them; all else is the emulator's."""
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=units_per_s)
    settings = Settings(tables=tables, simulation=simulation, keep="items" if keep_items else "nothing")
    with (
        LedgerProxy(stack.endpoint_url, None) as proxy,
        Simulator(settings, elsewhere=proxy.elsewhere()) as simulator,
    ):
        with contextlib.closing(StackClient(stack)) as stack_client:
            wait_until_quiet(stack_client, START_S, quiet_s=1.0)  # S3's test messages are done with
            stack_client.point_function_at(simulator.url)
        yield Simulated(simulator, proxy)


def wait_until_quiet(stack_client: StackClient, patience_s: float, quiet_s: float = QUIET_S) -> None:
    """Wait until the queue has been empty for a while."""
    until, quiet_since = time.monotonic() + patience_s, time.monotonic()
    while time.monotonic() - quiet_since < quiet_s:
        if sum(stack_client.depths(stack_client.queue_url)):
            quiet_since = time.monotonic()
        if time.monotonic() > until:
            raise TimeoutError(f"The queue was not empty {patience_s:.0f} s after the last file.")
        time.sleep(0.2)
