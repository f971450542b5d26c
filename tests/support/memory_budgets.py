"""Write budgets in memory, as the ledger's table has them: tests/ledger holds both to one contract."""

from collections.abc import Iterable, Mapping

from ingest.ledger.claims import BudgetEntry, TableBudget


class MemoryBudgets:
    """The `Budgets` of a ledger."""

    def __init__(self) -> None:
        self.heads: dict[str, str] = {}
        self.entries: dict[str, dict[str, BudgetEntry]] = {}

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        self.entries.setdefault(table, {})[name] = entry

    def read_budget(self, table: str) -> TableBudget:
        return TableBudget(self.heads.get(table), dict(self.entries.get(table, {})))

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        entries = self.entries.get(table, {})
        if name in entries and n in (None, entries[name].n):
            del entries[name]

    def limits(self, tables: Iterable[str]) -> dict[str, str]:
        return {table: self.heads[table] for table in tables if table in self.heads}

    def keep_limits(self, deployed: Mapping[str, str | None]) -> None:
        for table, limits in deployed.items():
            self.heads.pop(table, None)
            if limits is not None:
                self.heads[table] = limits
