"""What would cost less than loading as planned: DynamoDB's own Import from S3, or reading before writing.

Also what an index, a replica or a stream would add to the cost. This is advice only: nothing is changed.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from shlex import quote
from typing import Any

from msgspec import structs

from ingest.contract import Price, WriteOperation
from ingest.dynamodb.encode import item_json
from ingest.dynamodb.unchanged import ComparisonRules
from ingest.dynamodb.write_stats import WRITE_UNIT_BYTES
from ingest.errors import SettingsFault
from ingest.estimate.cost import READ_UNIT_BYTES, WriteCostEstimator
from ingest.estimate.estimate import LoadEstimate
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.writing import check_writing
from ingest.items.items import Items
from ingest.items.validate import item_bytes

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
IMPORTED_DELIMITERS = ",;:|\t "
IMPORTED_CODECS = {"": "NONE", "gzip": "GZIP", "zstd": "ZSTD"}
_UTF8 = ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")
MOST_NAMES = 255  # column names that can be given instead of a header
SHOWN_COLUMNS = 3
Item = dict[str, Any]  # DynamoDB JSON
STREAM_BYTES = 1_000_000  # bytes of a stream that one request reads
IMAGES = 2  # images of each item in a stream: old and new
BUCKET = "BUCKET"  # a placeholder, if the file is not in S3 yet


@dataclass(frozen=True, slots=True)
class ImportFromS3:
    """DynamoDB's own import as an alternative to the load: both costs, what it does not do, and the command."""

    load_dollars: float
    import_dollars: float
    gb: float
    limits: tuple[str, ...]
    command: str


def import_from_s3(found: LoadEstimate, source: str) -> ImportFromS3 | None:
    """Return what Import from S3 would cost; None if it cannot do what the feed says, or is not cheaper.

    It creates the table itself, and puts each CSV row unchanged.
    """
    feed = found.feed
    codecs = {reading.codec for reading in found.readings}
    is_new = not feed.existing and found.table is None
    puts = feed.write == "put" and not (feed.operation or feed.newest or feed.skip_unchanged)
    if not (is_new and puts and len(codecs) == 1 and codecs <= {*IMPORTED_CODECS} and _is_plain(feed)):
        return None
    gb = found.text_bytes / 1e9
    dollars = gb * Price.IMPORT_GB
    if dollars >= found.dollars:
        return None
    command = _import_command(feed, source, IMPORTED_CODECS[codecs.pop()])
    return ImportFromS3(found.dollars, dollars, gb, tuple(_left_out(feed)), command)


# Settings that must have their defaults, because Import from S3 does not support others.
_DEFAULTS = (
    *("quote", "escape", "escapes", "line_end", "blanks_around_quotes", "trim"),
    *("skip_lines", "footer_lines", "comment"),
)


def _is_plain(feed: Feed) -> bool:
    """Return whether Import from S3 reads the files as the feed does, and finds each key in a column of its name."""
    csv, plain = feed.csv, Csv()
    has_header = csv.header == "first" and not csv.names
    keys = [*feed.key_attributes(), *(key for key, _ in feed.index_keys())]
    made = {*feed.made_attributes(), *(feed.column(column).name for column in feed.columns)}
    return (
        all(getattr(csv, name) == getattr(plain, name) for name in _DEFAULTS)
        and csv.delimiter in IMPORTED_DELIMITERS
        and csv.encoding.lower().replace("_", "-") in _UTF8
        and (has_header or 0 < len(_names(csv)) <= MOST_NAMES)
        and all(key.source == key.name not in made for key in keys)
    )


def _names(csv: Csv) -> tuple[str, ...]:
    """Return the column names of files without a header; none if files have one."""
    return csv.header if isinstance(csv.header, tuple) else csv.names if csv.header == "none" else ()


def _left_out(feed: Feed) -> Iterator[str]:
    """Yield a sentence for each thing that Import from S3 does not do."""
    keys = {key.name for key in feed.key_attributes()} | {key.name for key, _ in feed.index_keys()}
    typed = [f"{name} ({feed.column(name).type})" for name in feed.columns if feed.column(name).type != "S"]
    typed = [text for text in typed if text.rpartition(" ")[0] not in keys]
    more = f" and {len(typed) - SHOWN_COLUMNS} more" if len(typed) > SHOWN_COLUMNS else ""
    yield "It fills only a table that it makes: set `existing = true` in the feed before the stack is deployed."
    yield f"All columns but keys become strings{': ' + ', '.join(typed[:SHOWN_COLUMNS]) + more if typed else ''}."
    yield "Of several rows with one key, any may stay; rejects are lines in CloudWatch Logs, and charged."
    made = [*feed.made_attributes(), *filter(None, (feed.lineage.file, feed.lineage.line, feed.lineage.row))]
    if made:
        yield f"Attributes that no column gives are left out: {', '.join(made)}."
    changed = [name for name in feed.columns if _is_changed(feed, name)]
    if changed:
        yield f"Cells and names stay as they stand in the file: {', '.join(changed)}."


def _is_changed(feed: Feed, name: str) -> bool:
    column = feed.column(name)
    return bool(column.drop or column.name or column.timestamp)


def _import_command(feed: Feed, source: str, codec: str) -> str:
    """Return the command that imports the source into a new table with the name, keys and indexes of the feed."""
    keys = {key.name: key.type for key in (*feed.key_attributes(), *(key for key, _ in feed.index_keys()))}
    made: dict[str, Any] = {
        "TableName": feed.table,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        "KeySchema": _schema(*(key.name for key in feed.key_attributes())),
        "BillingMode": "PAY_PER_REQUEST",
    }
    indexes = [
        {"IndexName": name, "KeySchema": _schema(i.partition_key, i.sort_key), "Projection": {"ProjectionType": "ALL"}}
        for name, i in feed.indexes.items()
    ]
    made |= {"GlobalSecondaryIndexes": indexes} if indexes else {}
    bucket, _, key = source.removeprefix("s3://").partition("/") if source.startswith("s3://") else ("", "", "")
    prefix = key[: min((key.index(mark) for mark in "*?" if mark in key), default=len(key))] if bucket else feed.prefix
    options: dict[str, Any] = {"Delimiter": feed.csv.delimiter} if feed.csv.delimiter != "," else {}
    options |= {"HeaderList": list(_names(feed.csv))} if _names(feed.csv) else {}
    parts = {
        "--s3-bucket-source": _json({"S3Bucket": bucket or BUCKET, "S3KeyPrefix": prefix}),
        "--input-format": "CSV",
        "--input-format-options": _json({"Csv": options}) if options else "",
        "--input-compression-type": codec if codec != "NONE" else "",
        "--table-creation-parameters": _json(made),
    }
    return " ".join(["aws dynamodb import-table", *(f"{name} {value}" for name, value in parts.items() if value)])


def _schema(*names: str | None) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False) if name]


def _json(document: Any) -> str:
    """Return a document as an argument of a command."""
    return quote(json.dumps(document))


@dataclass(frozen=True, slots=True)
class Addition:
    """An optional feature of a table, and what it would add to the cost of the load."""

    what: str
    dollars: float


def additions(found: LoadEstimate) -> tuple[Addition, ...]:
    """Return what an index, a replica and a reader of the stream would each add."""
    table, every = found.units_of_target(found.targets[0]), sum(map(found.units_of_target, found.targets))
    reads = ceil(IMAGES * found.item_gb * 1e9 / STREAM_BYTES)
    return (
        Addition("an index of all rows", table * Price.WRITE_UNIT),
        Addition("a replica", every * Price.WRITE_UNIT + found.item_gb * Price.REPLICATED_GB),
        Addition("reading its stream without functions", reads * Price.STREAM_READ),
    )


def pays_from(found: LoadEstimate) -> float | None:
    """Return the share of unchanged rows above which `skip_unchanged` costs less; None if the feed cannot use it."""
    units = found.units_of_target(found.targets[0])
    if found.feed.skip_unchanged or not units or not may_skip(found.feed):
        return None
    return found.read_units * Price.READ_UNIT / (units * Price.WRITE_UNIT)


def may_skip(feed: Feed) -> bool:
    """Return whether a feed's other settings allow `skip_unchanged`."""
    try:
        check_writing(structs.replace(feed, skip_unchanged=True), "")
    except SettingsFault:
        return False
    return True


def share(count: int, of: int) -> tuple[float, float, float]:
    """Return the share found in a sample, and its 95 % confidence interval (Wilson's).

    >>> [round(end, 3) for end in share(50, 1000)], [round(end, 3) for end in share(0, 1000)]
    ([0.05, 0.038, 0.065], [0.0, 0.0, 0.004])
    """
    found, z2 = count / of, 1.96**2 / of
    middle, error = found + z2 / 2, sqrt(found * (1 - found) * z2 + z2 * z2 / 4)
    return found, max(0.0, (middle - error) / (1 + z2)), (middle + error) / (1 + z2)


@dataclass(frozen=True, slots=True)
class Bill:
    """The read and write units that some rows consume, those of indexes included."""

    read_units: float
    write_units: float

    @property
    def dollars(self) -> float:
        """The cost in on-demand mode."""
        return self.read_units * Price.READ_UNIT + self.write_units * Price.WRITE_UNIT

    def times(self, factor: float) -> "Bill":
        """Return the bill of this multiple of the rows."""
        return Bill(self.read_units * factor, self.write_units * factor)


class TableSample:
    """Compares rows of the files with the items stored for them. A write costs the larger of the item before and after.

    `sent` are the write units by the items sent alone, for the table (None) and each index; `all`, if all are written;
    `differing`, if only those that differ are. An index is written if anything of an item changes.
    """

    def __init__(self, feed: Feed) -> None:
        self.new = self.changed = self.unchanged = 0
        self.read_units = 0
        self.sent, self.all, self.differing = Counter[str | None](), Counter[str | None](), Counter[str | None]()
        self._feed = feed
        self._targets = [target for target in WriteCostEstimator(feed).targets if target.index is not None]
        self._hidden = ComparisonRules.of(feed).ignored

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return self.new + self.changed + self.unchanged

    @property
    def growth(self) -> dict[str | None, float]:
        """The write units of the table and each index, as a multiple of those by the items sent alone."""
        taken = self.differing if self._feed.skip_unchanged else self.all
        return {index: taken[index] / units for index, units in self.sent.items() if units}

    def bill(self, *, skips: bool) -> Bill:
        """Return the bill for writing all rows, or with `skips` for reading them and writing those that differ."""
        return Bill(self.read_units, self.differing.total()) if skips else Bill(0, self.all.total())

    def add(self, items: Items, stored: Sequence[Item | None], same: Collection[int]) -> None:
        """Count some items, given the stored item of each, and which of them are unchanged."""
        operations = items.operation_of_each(self._feed.write)
        removing = [attribute.name for attribute in items.attributes if attribute.remove_null]
        for row, (text, before) in enumerate(zip(item_json(items).to_pylist(), stored, strict=True)):
            sent: Item = json.loads(str(text))
            after = _after(operations[row], sent, before or {}, removing)
            self._count(before, is_same=row in same)
            self._add(sent if operations[row] != WriteOperation.DELETE else {}, before or {}, after, row in same)

    def _count(self, before: Item | None, *, is_same: bool) -> None:
        self.read_units += max(1, ceil(item_bytes(before or {}) / READ_UNIT_BYTES))
        self.unchanged += is_same
        self.new += before is None and not is_same
        self.changed += before is not None and not is_same

    def _add(self, sent: Item, before: Item, after: Item, is_same: bool) -> None:
        units = max(_units(before), _units(after), 1)
        self.sent[None] += max(1, _units(sent))
        self.all[None] += units
        self.differing[None] += 0 if is_same else units
        is_rewritten = not is_same or bool(self._hidden & {*sent})  # the origin attributes are rewritten
        for target in self._targets:
            inside = [item if {*target.keys} <= {*item} else {} for item in (before, after, sent)]
            moved = all(inside[:2]) and any(before[key] != after[key] for key in target.keys)
            units = sum(map(_units, inside[:2])) if moved else max(map(_units, inside[:2]))
            self.sent[target.index] += _units(inside[2])
            self.all[target.index] += units if is_rewritten else 0
            self.differing[target.index] += 0 if is_same else units


def _after(operation: str, sent: Item, before: Item, removing: Collection[str]) -> Item:
    """Return the item that the table holds after a write; an empty one after a deletion."""
    if operation == WriteOperation.DELETE:
        return {}
    if operation == WriteOperation.UPDATE:
        return {name: value for name, value in before.items() if name not in removing} | sent
    return before if operation == "insert" and before else sent


def _units(item: Item) -> int:
    return ceil(item_bytes(item) / WRITE_UNIT_BYTES)
