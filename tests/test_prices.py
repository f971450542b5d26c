"""The plan, the dashboard and the load test tell what AWS takes, and may not import each other. They agree."""

import pytest

from infra.price_settings import Prices
from ingest.core import prices as plan
from loadtest.measure import price as judge

DASHBOARD = Prices()


@pytest.mark.parametrize(
    ("planned", "shown", "judged"),
    [
        (plan.WRITE_UNIT, DASHBOARD.write_units_per_million / 1e6, judge.WRITE_UNIT),
        (plan.LAMBDA_GB_SECOND, DASHBOARD.function_gb_s, judge.GB_SECOND_ARM64),
        (plan.LAMBDA_REQUEST, DASHBOARD.invocations_per_million / 1e6, judge.INVOCATION),
        (plan.SQS_REQUEST, DASHBOARD.queue_requests_per_million / 1e6, judge.SQS_REQUEST),
    ],
    ids=["write unit", "GB-second", "invocation", "queue request"],
)
def test_a_price_is_the_same_wherever_it_is_told(planned: float, shown: float, judged: float) -> None:
    assert planned == pytest.approx(shown)
    assert planned == pytest.approx(judged)


def test_the_load_test_takes_the_plans_prices_of_s3() -> None:
    assert (judge.S3_PUT, judge.S3_GET) == (plan.S3_PUT, plan.S3_GET)
