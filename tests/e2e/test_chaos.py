"""A short chaos run: workers are killed and services fail, and every row is accounted for; a bug would be found."""

from pathlib import Path

import pytest

from loadtest.chaos.run import begun, perform
from loadtest.chaos.uploads import KB, MB, ChaosSettings

pytestmark = pytest.mark.e2e
SMALL = ChaosSettings(
    seconds=12,
    seed=8,  # seven kills, a worker stopped for longer than a lease, two deployments
    kill_every_s=1.8,
    freeze_every_s=7,
    deploy_every_s=5,
    open_bytes=5 * MB,
    sizes=(KB, 20 * KB, 200 * KB, MB, 5 * MB),
    skews_s=(0.0, 0.0, 8.0),
    segment_bytes=2 * MB,
    lease_s=6,
    stuck_s=10,
    reconcile_every_s=3,
    histories=((40, 0), (1_000, 0), (1_200, 2_000)),
    throttled=0.05,
    max_receive_count=12,
    patience_s=120,
)


def test_a_world_with_kills_and_faults_loses_and_doubles_nothing() -> None:
    said: list[str] = []
    figures = perform(SMALL, said.append)
    assert figures["problems"] == [], said
    assert figures["kills"] >= 5
    assert figures["deployments"] >= 1
    assert figures["rows"] > 0
    assert sum(figures["faults"]["table"].values()) > 0


def test_a_worker_that_drops_a_row_and_counts_twice_is_found_out_for_both(tmp_path: Path) -> None:
    """Neither is found by what finds the other: one is in the table, the other in the ledger."""
    settings = ChaosSettings(
        seconds=0,
        seed=6,
        sizes=(20 * KB,),
        skews_s=(0.0,),
        patience_s=60,
        worker="tests.e2e.broken_worker",
    )
    with begun(settings, tmp_path) as run:
        for _ in range(3):
            run.dropper.drop_rows("plain", news="once")
        run.settle(lambda line: None)
        problems = run.result()["problems"]
    for found in ("table ChaosRows lacks", "rows read and"):
        assert any(found in problem for problem in problems), problems
