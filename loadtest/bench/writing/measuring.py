"""Parties that load the same data into a simulator, in turns, each in a process of its own: what each took."""

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtest.bench.goals import NotMeasuredError, Spread, spread
from loadtest.bench.writing.endpoints import Endpoint, environment
from loadtest.harness.process import ProcessResult, run


@dataclass(frozen=True, slots=True)
class WriteCase:
    """One party's command, the same with nothing to do, and what the simulator must have taken in the end."""

    party: str
    command: list[str]
    start_up: list[str]
    rows: int
    items: int
    shape: str = "mixed"
    file_bytes: int | None = None
    tls: bool = False
    latency_ms: int = 0

    def expected(self, *, is_start_up: bool) -> int:
        """Return how many items the simulator must have taken."""
        return 0 if is_start_up else self.items


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took, and what its simulator counted."""

    ran: ProcessResult
    simulator: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a party took. Rates are without start-up, but for those that say so; CPU is user and system time."""

    party: str
    shape: str
    tls: bool
    latency_ms: int
    file_bytes: int | None
    rows: int
    rows_per_cpu_second: Spread
    rows_per_cpu_second_with_start_up: Spread
    rows_per_second: Spread
    rows_per_second_with_start_up: Spread
    cpu_seconds: Spread
    user_seconds: Spread
    seconds: Spread
    start_up_cpu_seconds: float
    start_up_seconds: float
    peak_resident_bytes: Spread
    requests: int
    most_in_flight: int
    connections: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


@dataclass(slots=True)
class Bench:
    """Where parties run: a folder that has the files, with the object endpoint in front of it."""

    folder: Path
    missing: dict[str, str] = field(default_factory=dict)

    def measure(self, cases: Iterable[WriteCase], repeat: int) -> Iterator[Measured]:
        """Yield what each case took. Cases take turns, so that a noisy moment does not hit one alone.

        Raises:
            RuntimeError: a party failed, or the simulator did not take exactly what it was to.
        """
        runs: dict[str, tuple[WriteCase, list[Taken], list[Taken]]] = {}
        chosen = [case for case in cases if case.party not in self.missing]
        for tls in sorted({case.tls for case in chosen}):
            with Endpoint("s3-server", str(self.folder), tls=tls) as s3:
                for _ in range(repeat):
                    for case in chosen:
                        if case.tls == tls:
                            self._turn(case, s3, runs.setdefault(_name(case), (case, [], [])))
        yield from (_measured(case, starts, loads) for case, starts, loads in runs.values() if loads)

    def _turn(self, case: WriteCase, s3: Endpoint, taken: tuple[WriteCase, list[Taken], list[Taken]]) -> None:
        _, starts, loads = taken
        try:
            starts.append(self._run(case, s3, is_start_up=True))
            loads.append(self._run(case, s3, is_start_up=False))
        except NotMeasuredError as error:
            self.missing[case.party] = str(error)

    def _run(self, case: WriteCase, s3: Endpoint, *, is_start_up: bool) -> Taken:
        latency = ["--latency-ms", str(case.latency_ms)] if case.latency_ms else []
        command = case.start_up if is_start_up else case.command
        with (
            Endpoint("simulator", *latency, tls=case.tls) as simulator,
            environment(self.folder, s3=s3, dynamodb=simulator) as env,
        ):
            ran = run(command, cwd=self.folder, env=env)
        printed = json.loads(ran.output) if ran.exit_code == 0 else {}
        if "not_measured" in printed:
            raise NotMeasuredError(printed["not_measured"])
        if ran.exit_code or simulator.statistics["items"] != case.expected(is_start_up=is_start_up):
            raise RuntimeError(
                f"{_name(case)} lost or doubled rows: {simulator.statistics['items']} of "
                f"{case.expected(is_start_up=is_start_up)} were taken; exit {ran.exit_code}, {ran.output!r}"
            )
        return Taken(ran, simulator.statistics)


def _name(case: WriteCase) -> str:
    transport = "with TLS" if case.tls else "without TLS"
    return f"{case.party}, {case.shape}, {transport}, {case.latency_ms} ms"


def _measured(case: WriteCase, starts: list[Taken], loads: list[Taken]) -> Measured:
    runs, simulators = [taken.ran for taken in loads], [taken.simulator for taken in loads]
    start_up_cpu = statistics.median(taken.ran.cpu_seconds for taken in starts)
    start_up = statistics.median(taken.ran.seconds for taken in starts)
    return Measured(
        party=case.party,
        shape=case.shape,
        tls=case.tls,
        latency_ms=case.latency_ms,
        file_bytes=case.file_bytes,
        rows=case.rows,
        rows_per_cpu_second=spread(case.rows / max(ran.cpu_seconds - start_up_cpu, 1e-3) for ran in runs),
        rows_per_cpu_second_with_start_up=spread(case.rows / ran.cpu_seconds for ran in runs),
        rows_per_second=spread(case.rows / max(ran.seconds - start_up, 1e-3) for ran in runs),
        rows_per_second_with_start_up=spread(case.rows / ran.seconds for ran in runs),
        cpu_seconds=spread(ran.cpu_seconds for ran in runs),
        user_seconds=spread(ran.user_seconds for ran in runs),
        seconds=spread(ran.seconds for ran in runs),
        start_up_cpu_seconds=round(start_up_cpu, 3),
        start_up_seconds=round(start_up, 3),
        peak_resident_bytes=spread(ran.peak_resident_bytes for ran in runs),
        requests=max(simulator["requests"] for simulator in simulators),
        most_in_flight=max(simulator["max_in_flight"] for simulator in simulators),
        connections=max(simulator["connections"] for simulator in simulators),
    )
