"""What ledger and rejects bucket hold about a run's files."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ingest.contract import Ledger
from loadtest.chaos.stack import Hand


def records_of(hand: Hand, keys: Collection[str]) -> list[dict[str, Any]]:
    """Return the ledger's records of all versions of these objects."""
    wanted = {f"{hand.bucket}/{key}" for key in keys}
    records = (record for record in hand.ledger() if record[Ledger.PARTITION_KEY] in wanted)
    return [record for record in records if str(record[Ledger.SORT_KEY]).startswith(Ledger.FILE_PREFIX)]


def rejects_of(hand: Hand, records: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return how many rows were rejected for which reason, by object key."""
    found = {str(r["file"]["key"]): hand.rejects(r["rejects"]) for r in records if "rejects" in r}
    return {key: Counter(str(reject["reason"]) for reject in rejects) for key, rejects in found.items()}
