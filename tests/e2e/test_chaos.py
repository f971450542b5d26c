"""A short chaos run: workers are killed and services fail, and every row is accounted for; a bug would be found."""

from pathlib import Path

import pytest

from loadtest.chaos.run import begun, perform
from loadtest.chaos.settings import KB, MB, ChaosSettings

pytestmark = pytest.mark.e2e
SMALL = ChaosSettings(
    seconds=22,
    seed=5,
    kill_every_s=2.5,
    freeze_every_s=12,
    deploy_every_s=6,
    open_bytes=8 * MB,
    sizes=(KB, 20 * KB, 200 * KB, MB, 5 * MB),
    skews_s=(0.0, 0.0, 12.0),
    segment_bytes=2 * MB,
    lease_s=6,
    stuck_s=15,
    reconcile_every_s=5,
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


@pytest.mark.parametrize(
    ("bug", "found"), [("drops a row", "table ChaosRows lacks"), ("counts twice", "rows read and")]
)
def test_a_worker_with_a_bug_is_found_out(
    bug: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ChaosSettings(
        seconds=0,
        seed=6,
        sizes=(20 * KB,),
        skews_s=(0.0,),
        patience_s=60,
        worker="tests.e2e.broken_worker",
        variables={"CHAOS_BUG": bug},
    )
    with begun(settings, tmp_path) as run:
        for _ in range(3):
            run.dropper.drop_rows("plain", news="once")
        run.settle(lambda line: None)
        problems = run.result()["problems"]
    assert any(found in problem for problem in problems), problems
