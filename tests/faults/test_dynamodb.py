"""A DynamoDB that throttles, fails, cuts and delays: the table ends as the file says, and row counts reconcile."""

from typing import Any

import pytest

from loadtest.simulator import Faults, Simulation
from tests.faults.chaos import Rule
from tests.faults.conftest import Entry, Place, Way, assert_landed, counts, once, simulator
from tests.faults.files import File

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # the simulator's own, see `simulator`
]
WRITE = {"service": "dynamodb", "operation": "BatchWriteItem"}
SMALL = Simulation(mode="provisioned", provisioned_units_per_s=5000, burst_s=0.1)

SIMULATED = {
    "a third of the items is throttled": {"faults": Faults(throttled_items=0.3)},
    "the table is too small": {"simulation": SMALL},
    "a third of the requests ends in a 500": {"faults": Faults(internal_error=0.3)},
    "connections are reset before or after items are taken": {"faults": Faults(reset_before=0.2, reset_after=0.2)},
    "answers are slow": {"faults": Faults(slow=0.2, slow_s=0.3)},
    "answers are cut in half": {"faults": Faults(truncated=0.3)},
    "checksums are wrong": {"faults": Faults(wrong_crc32=0.3)},
    "everything at once": {
        "faults": Faults(
            throttled_items=0.2, internal_error=0.1, reset_before=0.1, reset_after=0.1, truncated=0.1, wrong_crc32=0.1
        )
    },
}


@pytest.mark.parametrize("settings", SIMULATED.values(), ids=SIMULATED)
def test_whatever_the_table_does_it_ends_as_the_file_says(file: File, place: Place, settings: dict[str, Any]) -> None:
    with simulator(**settings) as running:
        outcome = place.load(file, running.url)
        assert_landed(outcome, file, running)
        reported = running.statistics
        assert reported.unprocessed or reported.faults, "nothing went wrong"


def test_a_table_that_throttles_nine_items_of_ten_gets_them_all(small_file: File, place: Place) -> None:
    with simulator(faults=Faults(throttled_items=0.9)) as running:
        outcome = place.load(small_file, running.url)
        assert_landed(outcome, small_file, running)
        reported = running.statistics
        assert reported.unprocessed > 5 * len(small_file.known_outcome)
        assert reported.throttled_requests > 0  # nothing taken of them at all


def test_answers_that_never_come_are_not_waited_for(small_file: File, place: Place) -> None:
    place.answer_timeout_s = 0.4
    with simulator(faults=Faults(slow=0.1, slow_s=600)) as running:
        outcome = place.load(small_file, running.url)
        assert_landed(outcome, small_file, running)
        assert running.written_items.doubled > 0  # taken, and sent again


def throttled(share: float) -> Rule:
    return WRITE | {"probability": share, "error": {"code": "ProvisionedThroughputExceededException"}}


ON_THE_WAY: dict[str, Rule] = {
    "a third of the requests is throttled": throttled(0.3),
    "nine requests of ten are throttled": throttled(0.9),
    "500s": WRITE | {"probability": 0.3, "error": {"code": "InternalServerError", "status": 500}},
    "503s": WRITE | {"probability": 0.3, "error": {"code": "ServiceUnavailable", "status": 503}},
    "resets": WRITE | {"probability": 0.3, "reset": True},
    "a gateway's time-outs": WRITE | {"sequence": {"fail": 1, "pass": 9}, "timeout_ms": 1500},
    "answers that end early": WRITE | {"probability": 0.3, "response": {"abort_bytes": 10}},
    "answers that end early and look whole": WRITE | {"probability": 0.3, "response": {"truncate_bytes": 10}},
    "answers with other bytes": WRITE | {"probability": 0.3, "response": {"corrupt_bytes": 3}},
    "answers that do not say what was taken": WRITE | {"probability": 0.3, "error": {"code": "Odd", "status": 200}},
}


@pytest.mark.parametrize("rule", ON_THE_WAY.values(), ids=ON_THE_WAY)
def test_whatever_happens_on_the_way_the_table_ends_as_the_file_says(
    small_file: File, place: Place, way: Way, rule: Rule
) -> None:
    place.answer_timeout_s = 0.5
    with simulator(port=way.port) as running:
        way.proxy.follow(rule)
        outcome = place.load(small_file, way.proxy.url, deliveries=5)  # patience may end before nine of ten have passed
        assert_landed(outcome, small_file, running)
        assert way.proxy.fired().total() > 5


def test_a_storm_longer_than_our_patience_ends_the_attempt_and_the_next_delivery_ends_the_file(
    file: File, place: Place, way: Way
) -> None:
    place.patience_s = 1.0
    seen: list[Entry] = []

    def pass_over(record: Entry) -> None:
        seen.append(record)
        way.proxy.forget()

    with simulator(port=way.port) as running:
        storm = WRITE | {"error": {"code": "ThrottlingException"}}
        with once(lambda: running.items > len(file.known_outcome) // 2, lambda: way.proxy.follow(storm)):
            outcome = place.load(file, way.proxy.url, deliveries=2, between=pass_over)
        assert_landed(outcome, file, running)
    (waiting,) = seen
    assert (waiting["status"], waiting["error"]["code"]) == ("WAITING", "throttled")
    read, *others = counts(waiting)
    assert 0 <= read == sum(others) < len(file.rows)
    assert outcome.record["attempts"] == 2
