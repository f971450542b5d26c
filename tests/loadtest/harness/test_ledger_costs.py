"""What the ledger costs, as DynamoDB charges it."""

import json
from typing import Any

from loadtest.harness.dynamodb_proxy import LedgerCosts

KEY = {"pk": {"S": "b/k"}, "sk": {"S": "FILE#0A"}}
SEGMENT = {"pk": {"S": "b/k"}, "sk": {"S": "SEG#0A#0"}}


def update(costs: LedgerCosts, item: dict[str, Any] | None, key: dict[str, Any] = KEY) -> None:
    answer = {"Attributes": {**key, **item}} if item is not None else {}
    costs.count("UpdateItem", json.dumps({"Key": key}).encode(), json.dumps(answer).encode())


def test_an_update_costs_a_unit_for_each_kib_of_the_larger_item() -> None:
    costs = LedgerCosts()
    update(costs, {"error": {"S": "x" * 2000}})
    update(costs, {})
    update(costs, {})
    assert costs.units == {"file": 2 + 2 + 1}


def test_a_failed_condition_costs_too() -> None:
    costs = LedgerCosts()
    update(costs, None)
    assert costs.units == {"file": 1}


def test_an_index_entry_costs_one_unit_when_it_is_new_and_two_when_it_moves() -> None:
    costs = LedgerCosts()
    listed = {"listing": {"S": "f#OPEN"}, "listed_at": {"S": "1"}}
    update(costs, listed)
    update(costs, listed)
    update(costs, {**listed, "listing": {"S": "f#COMPLETE#day"}})
    assert costs.units["index"] == 1 + 2


def test_a_transaction_costs_twice_as_much() -> None:
    costs = LedgerCosts()
    update(costs, {"error": {"S": "x" * 1500}})
    writes = [{"Update": {"Key": key}} for key in (KEY, SEGMENT)]
    costs.count("TransactWriteItems", json.dumps({"TransactItems": writes}).encode(), b"{}")
    assert costs.units == {"file": 2 + 2 * 2, "segment": 2 * 1}
    assert costs.total == 8


def test_reading_costs_no_write_unit() -> None:
    costs = LedgerCosts()
    costs.count("GetItem", b"{}", b"{}")
    assert costs.total == 0
