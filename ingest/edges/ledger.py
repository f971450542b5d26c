"""The ledger table: one head item per object key, one record per version. Every call is by key.

| item | sort key | holds |
|---|---|---|
| head | `HEAD` | `sequencer`: the newest version seen, so that an older notification is known as stale |
| file | `FILE#<version>` | feed, status, lease, books, timings, rejects, error |
"""

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ingest.contract import Ledger as Names
from ingest.contract import Status
from ingest.core.claims import Closing, Lease, Standing
from ingest.core.notification import FileVersion
from ingest.edges.aws_errors import aws_call, error_code
from ingest.errors import ServiceFault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MAX_MESSAGE = 2000  # characters of an error, so that no sentence makes the item larger than the table takes
_CLAIMABLE = "attribute_not_exists(#pk) OR (#status IN (:loading, :waiting) AND lease_until <= :now)"


class LedgerTable:
    """Reads and writes file records."""

    def __init__(self, *, table: "Table") -> None:
        self._table = table

    def note_newest(self, file: FileVersion) -> bool:
        """Remember a version as the newest of its key; return False if a newer one is known already."""
        if not file.sequencer:
            return True  # nothing to compare by
        return (
            self._update(
                "noting a version",
                self._key(file, Names.HEAD),
                "SET sequencer = :sequencer",
                "attribute_not_exists(sequencer) OR sequencer <= :sequencer",
                {":sequencer": file.version},
            )
            is None
        )

    def claim(self, file: FileVersion, *, feed: str, lease: Lease, now_s: float) -> Standing | None:
        """Take the lease on a file; return None, or what the ledger says if it cannot be taken."""
        values = {
            ":loading": Status.LOADING,
            ":waiting": Status.WAITING,
            ":lease": lease.token,
            ":until": _number(lease.until_s),
            ":now": _number(now_s),
            ":one": 1,
            ":file": _without_none(asdict(file)),
            ":feed": feed,
        }
        old = self._update(
            "claiming a file",
            self._key(file, Names.FILE_PREFIX + file.version),
            "SET #status = :loading, lease = :lease, lease_until = :until, feed = :feed, #file = :file, "
            "first_seen = if_not_exists(first_seen, :now), started = :now ADD attempts :one REMOVE #error",
            _CLAIMABLE,
            values,
        )
        return None if old is None else Standing(str(old.get("status", "")), str(old.get("lease", "")))

    def close(self, file: FileVersion, lease: Lease, closing: Closing, *, now_s: float) -> None:
        """Write how a load ended.

        Raises:
            ServiceFault: the lease was lost meanwhile; nothing is written, another worker's word counts.
        """
        values: dict[str, Any] = {
            ":lease": lease.token,
            ":status": closing.status,
            ":zero": 0,
            ":now": _number(now_s),
            ":seconds": _number(closing.seconds),
            **{f":{name}": count for name, count in asdict(closing.books).items()},
        }
        change = "SET #status = :status, lease_until = :zero, ended = :now, seconds = :seconds, "
        change += ", ".join(f"{name} = :{name}" for name in asdict(closing.books))
        if closing.rejects:
            values[":rejects"] = closing.rejects
            change += ", rejects = :rejects"
        if closing.error:
            values[":error"] = {"code": closing.error.code, "message": str(closing.error)[:MAX_MESSAGE]}
            change += ", #error = :error"
        key = self._key(file, Names.FILE_PREFIX + file.version)
        if self._update("closing a file", key, change, "lease = :lease", values) is not None:
            raise ServiceFault(f"The lease on {file.url} was lost to another worker; its result counts.")

    def _update(
        self, what: str, key: dict[str, str], change: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Update an item on a condition; return None, or the item as it is if the condition does not hold."""
        names = {"#pk": Names.PARTITION_KEY, "#status": "status", "#file": "file", "#error": "error"}
        used = {name: real for name, real in names.items() if name in change or name in condition}
        with aws_call(f"{what} in the ledger {self._table.name}"):
            try:
                self._table.update_item(
                    Key=key,
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **({"ExpressionAttributeNames": used} if used else {}),  # type: ignore[arg-type]
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return _plain(error.response.get("Item", {}))  # type: ignore[arg-type]
        return None

    def _key(self, file: FileVersion, sort_key: str) -> dict[str, str]:
        return {Names.PARTITION_KEY: f"{file.bucket}/{file.key}", Names.SORT_KEY: sort_key}


def _number(seconds: float) -> Decimal:
    return Decimal(f"{seconds:.3f}")


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(item: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Errors carry items as DynamoDB JSON even in the resource layer; only plain values are looked at here."""
    return {name: next(iter(value.values())) for name, value in item.items()}
