"""Unit prices for the costs on the dashboard, in US dollars, us-east-1, on demand."""

from typing import Annotated

from msgspec import Meta, Struct

from ingest.contract import Price


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """Unit prices of one region, by default from AWS's price pages (`ingest.contract.Price`). Set your region's."""

    write_units_per_million: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Price of a million write request units, on demand, Standard table class "
            "(aws.amazon.com/dynamodb/pricing/on-demand).",
        ),
    ] = Price.WRITE_UNIT * 1e6
    function_gb_s: Annotated[
        float,
        Meta(ge=0, le=1, description="Price of a GB-second of a function on arm64 (aws.amazon.com/lambda/pricing)."),
    ] = Price.LAMBDA_GB_SECOND
    invocations_per_million: Annotated[
        float, Meta(ge=0, le=100, description="Price of a million invocations (aws.amazon.com/lambda/pricing).")
    ] = Price.LAMBDA_REQUEST * 1e6
    queue_requests_per_million: Annotated[
        float,
        Meta(ge=0, le=100, description="Price of a million requests to a standard queue (aws.amazon.com/sqs/pricing)."),
    ] = Price.SQS_REQUEST * 1e6
    table_write_units: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Write units per second a table accepts, shown as a line on the dashboard. AWS's default quota "
            "of an on-demand table is 40,000; a new table accepts 4,000 until it scales.",
        ),
    ] = 40_000
