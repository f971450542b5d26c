"""Write budgets of tables in the ledger: a table's limits, and the entry of each worker that writes to the table.

A table's budget is one partition, so that one query returns all of it. Entries are written without a condition: each
worker writes only its own, under a unique name.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import inf

from ingest.aws.errors import aws_call
from ingest.contract import LedgerKeys
from ingest.ledger.claims import BudgetEntry, TableBudget
from ingest.ledger.table import ALWAYS, Item, LedgerTable

KEPT_S = 86_400.0  # DynamoDB deletes an entry that was not written for this long, if no worker does it before


class TableBudgets:
    """Reads and writes budgets. Each method is one request for a table.

    All methods raise `ServiceFault` if the ledger does not respond.
    """

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        """Write a worker's entry, which costs one write unit."""
        change = "SET n = :n, want = :want, place = :place, used = :used, expires = :expires"
        want = Decimal(f"{entry.want_per_s:.3f}") if entry.want_per_s < inf else "all"
        values: Item = {":n": entry.n, ":want": want, ":place": entry.place}
        values[":used"] = Decimal(f"{entry.used_per_s:.3f}")
        values[":expires"] = math.ceil(self._table.clock.now_s() + KEPT_S)
        self._table.update("asking for write units", _worker_key(table, name), change, ALWAYS, values)

    def read_budget(self, table: str) -> TableBudget:
        """Return the current limits and entries of a table. One read unit is enough for some 60 workers."""
        query = {
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": LedgerKeys.PARTITION_KEY},
            "ExpressionAttributeValues": {":pk": f"{LedgerKeys.BUDGET_PREFIX}{table}"},
            "ConsistentRead": True,
        }
        items = {str(item[LedgerKeys.SORT_KEY]): item for item in self._table.query("reading a write budget", query)}
        head = items.pop(LedgerKeys.HEAD, None)
        entries = {key.removeprefix(LedgerKeys.WORKER_PREFIX): _entry(item) for key, item in items.items()}
        return TableBudget(str(head["limits"]) if head else None, entries)

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        """Delete a worker's entry; with `n`, only if the entry still has that `n`."""
        condition: Item = {}
        if n is not None:
            condition = {"ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": n}}
        dynamodb = self._table.dynamodb
        with aws_call(f"giving write units back in the ledger {dynamodb.name}"):
            try:
                dynamodb.delete_item(Key=_worker_key(table, name), **condition)
            except dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
                return

    def limits(self, tables: Iterable[str]) -> dict[str, str]:
        """Return the limits of tables as last deployed, of those that have limits."""
        found = self._table.items("reading write budgets", [_head_key(table) for table in tables])
        pk = LedgerKeys.PARTITION_KEY
        return {str(item[pk]).removeprefix(LedgerKeys.BUDGET_PREFIX): str(item["limits"]) for item in found}

    def keep_limits(self, deployed: Mapping[str, str | None]) -> None:
        """Write the limits of tables as deployed, None where there are none; unchanged limits are skipped."""
        known = self.limits(deployed)
        for table, limits in deployed.items():
            if limits is None and table in known:
                with aws_call(f"removing a write budget in the ledger {self._table.dynamodb.name}"):
                    self._table.dynamodb.delete_item(Key=_head_key(table))
            elif limits is not None and known.get(table) != limits:
                change, values = "SET limits = :limits", {":limits": limits}
                self._table.update("keeping a write budget", _head_key(table), change, ALWAYS, values)


def _head_key(table: str) -> Item:
    return {LedgerKeys.PARTITION_KEY: f"{LedgerKeys.BUDGET_PREFIX}{table}", LedgerKeys.SORT_KEY: LedgerKeys.HEAD}


def _worker_key(table: str, name: str) -> dict[str, str]:
    partition = f"{LedgerKeys.BUDGET_PREFIX}{table}"
    return {LedgerKeys.PARTITION_KEY: partition, LedgerKeys.SORT_KEY: f"{LedgerKeys.WORKER_PREFIX}{name}"}


def _entry(item: Item) -> BudgetEntry:
    want = inf if item["want"] == "all" else float(item["want"])
    written_s = float(item["expires"]) - KEPT_S
    return BudgetEntry(int(item["n"]), want, int(item["place"]), float(item.get("used", 0)), written_s)
