"""What would cost less than loading as planned: DynamoDB's own Import from S3. Nothing of it is done by itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any

from ingest.contract import Price
from ingest.estimate.estimate import LoadEstimate
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
IMPORTED_DELIMITERS = ",;:|\t "
IMPORTED_CODECS = {"": "NONE", "gzip": "GZIP", "zstd": "ZSTD"}
_UTF8 = ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")
MOST_NAMES = 255  # of columns, in place of a header
SHOWN_COLUMNS = 3
BUCKET = "BUCKET"  # where the file is not in S3 yet


@dataclass(frozen=True, slots=True)
class ImportFromS3:
    """DynamoDB's own import, which would do instead of the load: both bills, what it leaves out, and the command."""

    load_dollars: float
    import_dollars: float
    gb: float
    limits: tuple[str, ...]
    command: str


def import_from_s3(found: LoadEstimate, source: str) -> ImportFromS3 | None:
    """Return what Import from S3 would cost; None where it cannot do what the feed says, or is not cheaper.

    It makes the table itself, and puts each row of CSV as it stands.
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


# What the feed may not say of its files, as Import from S3 would not know it.
_DEFAULTS = (
    *("quote", "escape", "escapes", "line_end", "blanks_around_quotes", "trim"),
    *("skip_lines", "footer_lines", "comment"),
)


def _is_plain(feed: Feed) -> bool:
    """Return whether Import from S3 reads such files as the feed does, and finds all keys in their columns."""
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
    """Return the names of the columns of files without a header; none where files have one."""
    return csv.header if isinstance(csv.header, tuple) else csv.names if csv.header == "none" else ()


def _left_out(feed: Feed) -> Iterator[str]:
    """Yield what Import from S3 does not do, a sentence each."""
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
    """Return the command that imports what the source names: a table of the feed's name, with its keys and indexes."""
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
