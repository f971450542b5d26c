"""What ledger and rejects bucket hold about a run's files."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ingest.contract import Ledger

Record = dict[str, Any]


def records_of(items: Iterable[Record], bucket: str, keys: Collection[str]) -> list[Record]:
    """Return the ledger's records of all versions of these objects, among its items."""
    wanted = {f"{bucket}/{key}" for key in keys}
    records = (item for item in items if item[Ledger.PARTITION_KEY] in wanted)
    return [record for record in records if str(record[Ledger.SORT_KEY]).startswith(Ledger.FILE_PREFIX)]


def rejects_of(read: Callable[[str], list[Record]], records: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return how many rows were rejected for which reason, by object key. `read` returns the rejects under a URL."""
    found = {str(r["file"]["key"]): read(r["rejects"]) for r in records if "rejects" in r}
    return {key: Counter(str(reject["reason"]) for reject in rejects) for key, rejects in found.items()}
