"""The target `aws`: a deployed stack. The guard comes first; what the run leaves goes, however it ends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from loadtest.run.aws.cleaning import Cleaner
from loadtest.run.aws.clients import Clients, NotClean, RunRefused
from loadtest.run.aws.deployment import AwsDeployment
from loadtest.run.aws.estimate import estimate, estimate_lines, rows_per_cpu_second, total
from loadtest.run.aws.guard import Ask, approve, obstacles
from loadtest.run.aws.load import Load, load_of
from loadtest.run.aws.marker import Markers
from loadtest.run.aws.stack import Identity, find, identify, identity_lines, resource_lines
from loadtest.run.making import keys_of
from loadtest.scenarios.scenario import Scenario


class AwsTarget:
    """A stack by its name. `wanted`: the scenarios that will be run, as they are scaled."""

    name = "aws"

    def __init__(
        self,
        stack: str,
        wanted: Sequence[Scenario],
        *,
        seed: int,
        account: str | None,
        ask: Ask | None,
        say: Callable[[str], None],
    ) -> None:
        self._stack_name, self._wanted, self._seed = stack, wanted, seed
        self._account, self._ask, self._say = account, ask, say
        self._clients = Clients()
        self._left: list[str] = []

    def __enter__(self) -> Self:
        """Show what will be done, and have it approved.

        Raises:
            RunRefused: it may not be.
        """
        identity = self.show()
        approve(identity, self._account, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it; say at the very end if something is left.

        Raises:
            NotClean: something is.
        """
        self._clients.close()
        if self._left:
            raise NotClean(" ".join(self._left))

    def show(self) -> Identity:
        """Show account, resources, plan and cost; return who asks. Reads only.

        Raises:
            RunRefused: the stack is not ours, or not free.
        """
        identity = identify(self._clients, self._account)
        self._report(identity_lines(identity))
        self._stack = find(self._clients, identity, self._stack_name)
        self._report(resource_lines(self._stack))
        loads, rows_per_s = [load_of(scenario, self._seed) for scenario in self._wanted], rows_per_cpu_second()
        for load in loads:
            self._report(estimate_lines(load, self._stack, rows_per_s))
        if len(loads) > 1:
            usd = sum(total(estimate(load, self._stack, rows_per_s)) for load in loads)
            self._say(f"all of them: ${usd:.2f} at most")
        self._check(loads)
        return identity

    @contextmanager
    def deployed(self, scenario: Scenario, seed: int, run: str) -> Iterator[AwsDeployment]:
        """Give the stack for the length of a block; what the run leaves there is taken away.

        Raises:
            RunRefused: the stack is not free.
        """
        load = load_of(scenario, seed)
        self._check([load])
        feeds, keys = sorted({kind.feed for kind in scenario.files}), list(keys_of(scenario, run))
        begun_s = Markers(self._clients, self._stack).put(run, feeds, keys)
        deployment = AwsDeployment(self._clients, self._stack, run, load, begun_s)
        try:
            yield deployment
        finally:
            deployment.clean_up()
            self._clean(run)

    def _clean(self, run: str) -> None:
        command = f"python -m loadtest clean --target aws --stack {self._stack.name} --run {run}"
        self._say(f"cleaning up after {run}; should that be killed: {command}")
        try:
            self._say(f"deleted: {Cleaner(self._clients, self._stack, self._say).clean(run)}")
        except Exception as error:  # the run's result is not lost over it: what is left is printed at the end
            self._left.append(f"Not all of the run {run} could be deleted ({error}): `{command}` does it.")

    def _check(self, loads: list[Load]) -> None:
        found = obstacles(self._clients, self._stack, loads)
        if found:
            raise RunRefused(" ".join(found))

    def _report(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._say(line)
