"""What AWS takes: the unit prices behind the costs on the dashboard. All in US dollars, us-east-1, on demand."""

from typing import Annotated

from msgspec import Meta, Struct

from ingest.contract import Price


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """Unit prices of one region, as AWS's price pages told in November 2026. Change them for yours."""

    write_units_per_million: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="A million write request units, on demand, standard table class "
            "(aws.amazon.com/dynamodb/pricing/on-demand).",
        ),
    ] = Price.WRITE_UNIT * 1e6
    function_gb_s: Annotated[
        float,
        Meta(ge=0, le=1, description="A GB-second of a function on arm64 (aws.amazon.com/lambda/pricing)."),
    ] = Price.LAMBDA_GB_SECOND
    invocations_per_million: Annotated[
        float, Meta(ge=0, le=100, description="A million invocations (aws.amazon.com/lambda/pricing).")
    ] = Price.LAMBDA_REQUEST * 1e6
    queue_requests_per_million: Annotated[
        float,
        Meta(ge=0, le=100, description="A million requests to a standard queue (aws.amazon.com/sqs/pricing)."),
    ] = Price.SQS_REQUEST * 1e6
    table_write_units: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Write units a second a table may take: the line in the dashboard's write units. AWS's "
            "default quota of each on-demand table is 40,000; a new table takes 4,000 until it has grown.",
        ),
    ] = 40_000
