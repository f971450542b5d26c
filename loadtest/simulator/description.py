"""What DescribeTable answers."""

import json

from loadtest.simulator.errors import no_table, not_json, table_arn
from loadtest.simulator.settings import Settings, Table
from loadtest.simulator.written_items import KnownOutcome


def describe(body: bytes, settings: Settings, known_outcome: KnownOutcome) -> bytes:
    """Return the description of the table a DescribeTable names.

    Raises:
        Refused: there is no such table.
    """
    try:
        name = str(json.loads(body)["TableName"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError) as error:
        raise not_json() from error
    table = (settings.tables or {}).get(name)
    if table is None:
        raise no_table(name)
    return json.dumps(
        {"Table": {**_description(name, table), **_billing(settings), "ItemCount": known_outcome.keys(name)}}
    ).encode()


def _description(name: str, table: Table) -> dict[str, object]:
    kinds = ("HASH", "RANGE")
    return {
        "TableName": name,
        "TableArn": table_arn(name),
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": k.name, "KeyType": kind} for k, kind in zip(table.keys, kinds, strict=False)],
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for key in table.keys],
    }


def _billing(settings: Settings) -> dict[str, object]:
    simulation = settings.simulation
    if simulation is None or simulation.mode == "on_demand":
        return {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
    units = int(simulation.provisioned_units_per_s)
    return {"ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": units}}
