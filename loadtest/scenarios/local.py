"""The target `local`: the whole product in the emulator, as its template says; tables are read back row by row."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from infra.local.stack import LocalStack, local_stack
from loadtest.harness.process import Usage, members
from loadtest.scenarios.catalog import FEEDS, Scenario
from loadtest.scenarios.deployed import StackDeployment
from loadtest.scenarios.measure import Observation


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A fresh emulator for each run."""

    name: ClassVar[str] = "local"

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator["LocalDeployment"]:
        """Give the deployed stack for the length of a block."""
        with local_stack(FEEDS) as stack, closing(LocalDeployment(stack, scenario, run)) as deployment:
            yield deployment


class LocalDeployment(StackDeployment):
    """A run in the emulator, whose functions are processes that can be looked at."""

    def __init__(self, stack: LocalStack, scenario: Scenario, run: str) -> None:
        super().__init__(stack.client, stack.outputs, scenario, run)
        self._emulator, self._usage = stack.emulator, Usage()

    def observe(self) -> Observation:
        """Return how things stand; what functions take is what their processes do."""
        self._usage.look(members(self._emulator.pid))
        usage = {"workers": self._usage.workers, "memory_bytes": self._usage.resident_bytes}
        return replace(super().observe(), cpu_seconds=self._usage.cpu_seconds, **usage)

    def peak_memory_bytes(self) -> int | None:
        """Return the memory of the process that needed most."""
        return self._usage.peak_bytes

    def keep_logs(self, folder: Path) -> None:
        """Keep the emulator's log, too."""
        super().keep_logs(folder)
        shutil.copy(self._emulator.log, folder)
