"""An S3 that cuts, refuses and stalls, and a ledger that is throttled: nothing of the file is lost or read twice."""

import pytest

from tests.faults.chaos import Chaos, Rule
from tests.faults.conftest import Place, assert_landed, simulator
from tests.faults.files import File

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # the simulator's own, see `simulator`
]
READ = {"service": "s3", "operation": "GetObject"}
KEEP = {"service": "s3", "operation": "PutObject"}
NOTE = {"service": "dynamodb", "operation": "UpdateItem"}

FAULTS: dict[str, Rule] = {
    "reads are cut in the middle": READ | {"times": 3, "response": {"abort_frac": 0.3}},
    "reads end early and look whole": READ | {"times": 4, "response": {"truncate_frac": 0.5}},
    "reads end after a byte": READ | {"times": 4, "response": {"truncate_bytes": 1}},
    "S3 asks to slow down": READ | {"times": 2, "error": {"code": "SlowDown", "status": 503}},
    "S3 fails": READ | {"times": 3, "error": {"code": "InternalError", "status": 500}},
    "reads are reset": READ | {"times": 3, "reset": True},
    "an answer never comes": READ | {"times": 1, "timeout_ms": 8000},
    "answers are slow": READ | {"times": 2, "latency": 600},
    "rejects are refused": KEEP | {"times": 2, "error": {"code": "SlowDown", "status": 503}},
    "writing rejects is reset": KEEP | {"times": 2, "reset": True},
    "the ledger is throttled": NOTE | {"times": 2, "error": {"code": "ProvisionedThroughputExceededException"}},
    "the ledger fails": NOTE | {"times": 2, "error": {"code": "InternalServerError", "status": 500}},
}


@pytest.mark.parametrize("rule", FAULTS.values(), ids=FAULTS)
def test_whatever_storage_does_the_table_ends_as_the_file_says(
    file: File, place: Place, storage: Chaos, rule: Rule
) -> None:
    place.storage_url = storage.url
    storage.follow(rule)
    with simulator() as running:
        outcome = place.load(file, running.url)
        assert_landed(outcome, file, running)
        assert storage.fired().total() == rule["times"]
