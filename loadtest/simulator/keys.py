"""The key attributes of an item, checked as DynamoDB checks them. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from loadtest.simulator.errors import Refused, invalid
from loadtest.simulator.settings import Key, Table
from loadtest.simulator.values import Item, scalar_bytes

MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES = 2048, 1024


def key_values(attributes: Item, table: Table | None, *, is_put: bool) -> Iterator[str]:
    """Yield the values of the key attributes, such that equal keys are equal.

    Raises:
        Refused: they are not what the table has, are empty or too long.
    """
    keys = table.keys if table else ()
    if any(key.type not in attributes.get(key.name, {}) for key in keys) or not (
        is_put or len(attributes) == len(keys)
    ):
        raise invalid("The provided key element does not match the schema")
    for key in keys:
        value = attributes[key.name][key.type]
        _check_key(key, value, is_partition=key is keys[0])
        yield str(Decimal(value).normalize()) if key.type == "N" else value


def _check_key(key: Key, value: str, *, is_partition: bool) -> None:
    if not value:
        kind = "binary" if key.type == "B" else "string"
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {kind} value. Key: {key.name}"
        )
    size = scalar_bytes(key.type, value)
    if is_partition and size > MAX_PARTITION_KEY_BYTES:
        raise _too_long("Size of hashkey has exceeded the maximum size limit of2048 bytes")
    if not is_partition and size > MAX_SORT_KEY_BYTES:
        raise _too_long("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")


def _too_long(what: str) -> Refused:
    return invalid(f"One or more parameter values were invalid: {what}")


def check_keys_of_put(item: Item, table: Table | None) -> None:
    """Check what PutItem says in more words than BatchWriteItem.

    Raises:
        Refused: a key attribute is missing or of another type.
    """
    wrong = "One or more parameter values were invalid: "
    for key in table.keys if table else ():
        if key.name not in item:
            raise invalid(f"{wrong}Missing the key {key.name} in the item")
        if key.type not in item[key.name]:
            actual = next(iter(item[key.name]))
            raise invalid(f"{wrong}Type mismatch for key {key.name} expected: {key.type} actual: {actual}")
