"""However a run ends, what it left is taken away, and what could not be is printed at the very end."""

import json
from typing import Any

import pytest

from loadtest.run.aws import target as module
from loadtest.run.aws.clients import NotClean
from loadtest.run.aws.target import AwsTarget
from loadtest.scenarios.catalog import SCENARIOS
from tests.loadtest.run.aws.deployed import ACCOUNT, Deployed

SMOKE = SCENARIOS["smoke"]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    it = Deployed()
    monkeypatch.setattr(module, "Clients", lambda: it)
    return it


def cleaner(cleaned: list[str], error: Exception | None = None) -> Any:
    class FakeCleaner:
        def __init__(self, *what: Any) -> None:
            pass

        def clean(self, run: str) -> str:
            cleaned.append(run)
            if error:
                raise error
            return "all"

    return FakeCleaner


def ready() -> AwsTarget:
    return AwsTarget("ingest-loadtest", [SMOKE], seed=1, account=ACCOUNT, ask=None, say=print)


def test_a_run_is_marked_with_all_its_keys_before_anything_is_put(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Cleaner", cleaner([]))
    with ready() as target, target.deployed(SMOKE, 1, "smoke-1"):
        marked = json.loads(deployed.marker or b"")
    assert (marked["run"], marked["feeds"]) == ("smoke-1", ["orders"])
    assert marked["keys"] == [f"orders/smoke-1/0000{number}.csv" for number in range(3)]


def test_a_run_that_fails_is_cleaned_up_and_its_fault_goes_on(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []
    monkeypatch.setattr(module, "Cleaner", cleaner(cleaned))
    with pytest.raises(KeyboardInterrupt), ready() as target, target.deployed(SMOKE, 1, "smoke-1"):
        raise KeyboardInterrupt
    assert cleaned == ["smoke-1"]


def test_what_could_not_be_deleted_is_reported_after_the_result_was_taken(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Cleaner", cleaner([], ConnectionError("the line is dead")))
    taken = []
    with pytest.raises(NotClean, match=r"the line is dead.*--stack ingest-loadtest --run smoke-1"), ready() as target:
        with target.deployed(SMOKE, 1, "smoke-1"):
            pass
        taken.append("result")
    assert taken == ["result"]
