"""Checks of the settings of feeds.toml beyond their types. Each rule raises an error of one sentence, or nothing."""

import codecs
import re
from collections.abc import Iterable, Iterator
from encodings.aliases import aliases
from typing import Any

from ingest.contract import NO_FEED, table_output
from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, is_template, template_parts
from ingest.feeds.schema_errors import did_you_mean
from ingest.feeds.writing import check_writing
from ingest.file import glob_matches

MAX_NAME_BYTES = 65_535  # of an attribute
MAX_KEY_NAME_BYTES = 255


def check_feed(feed: Feed, path: str) -> None:
    """Check a feed's keys, attributes, expiry and indexes against its columns and AWS's limits."""
    _check_prefix(feed, path)
    _check_globs(feed, path)
    _check_table(feed, path)
    _check_keys(feed, path)
    _check_name_lengths(feed, path)
    _check_names(feed, path)
    _check_ttl(feed, path)
    _check_indexes(feed, path)
    check_writing(feed, path)


def check_template(text: str, path: str) -> None:
    """Check that braces enclose column names."""
    if any("{" in part or "}" in part for part in template_parts(text)):
        raise SettingsFault(f"`{path}` = {text!r} is wrong: columns stand in braces, as 'CUST#{{id}}'.")


def check_csv(csv: Csv, path: str) -> None:
    """Check the settings of a dialect against each other."""
    _check_marks(csv, path)
    _check_line_end(csv, path)
    _check_comment(csv, path)
    _check_column_names(csv, path)
    _check_encoding(csv, path)


_MARKS = ("delimiter", "quote", "escape")
_NO_LINE_ENDS = "\ufeff\U0010ffff"


def _check_marks(csv: Csv, path: str) -> None:
    for field in _MARKS:
        mark = getattr(csv, field)
        if mark and mark in "\r\n\0\ufeff":
            raise SettingsFault(
                f"`{path}.{field}` = {mark!r} is wrong: accepted is one character that is not a line end or NUL."
            )
    marks = [getattr(csv, field) for field in _MARKS if getattr(csv, field)]
    if len(set(marks)) != len(marks):
        raise SettingsFault(f"`{path}`: delimiter, quote and escape must differ; found {marks!r}.")
    if csv.escapes != "none" and not csv.escape:
        raise SettingsFault(f"`{path}.escapes` = {csv.escapes!r} needs the character they begin with: escape = '\\'.")


def _check_line_end(csv: Csv, path: str) -> None:
    marks = (csv.delimiter, csv.quote, csv.escape)
    if csv.line_end and (csv.line_end in marks or csv.line_end in _NO_LINE_ENDS):
        raise SettingsFault(
            f"`{path}.line_end` = {csv.line_end!r} is wrong: accepted is one character that is not the delimiter, "
            "quote or escape."
        )
    if csv.line_end and set(_NO_LINE_ENDS) & set(marks):
        raise SettingsFault(f"`{path}`: no mark can be U+10FFFF where `line_end` is given; found {list(marks)!r}.")


def _check_comment(csv: Csv, path: str) -> None:
    begins_as_cell = csv.comment[:1] in (csv.delimiter, csv.quote, csv.escape)
    if csv.comment and (begins_as_cell or set("\r\n" + csv.line_end) & set(csv.comment)):
        raise SettingsFault(
            f"`{path}.comment` = {csv.comment!r} is wrong: accepted is text that does not begin with the delimiter, "
            "quote or escape, without line ends."
        )


def _check_column_names(csv: Csv, path: str) -> None:
    for field, names in (("header", csv.header), ("names", csv.names or "-")):
        if isinstance(names, tuple) and (not names or "" in names or len(set(names)) != len(names)):
            raise SettingsFault(
                f"`{path}.{field}` = {list(names)!r} is wrong: accepted are names, each once, none empty."
            )
    if csv.names and isinstance(csv.header, tuple):
        raise SettingsFault(f"`{path}`: header and names both give the names; give one of them.")


def _check_encoding(csv: Csv, path: str) -> None:
    try:
        "".encode(csv.encoding)  # unlike codecs.lookup, this refuses 'hex' and similar
        codecs.getincrementaldecoder(csv.encoding)("surrogateescape").decode(b"a")  # refuses 'idna' and similar
    except (LookupError, ValueError):
        hint = did_you_mean(csv.encoding, sorted(set(aliases.values())))
        raise SettingsFault(
            f"`{path}.encoding` = {csv.encoding!r} is wrong{hint}: accepted is a text encoding Python knows, as "
            "'cp1252'."
        ) from None
    for field in (*_MARKS, "line_end"):
        mark = getattr(csv, field)
        if mark.encode(csv.encoding, "replace").decode(csv.encoding, "replace") != mark:
            raise SettingsFault(f"`{path}.{field}` = {mark!r} is wrong: no file in {csv.encoding} has that character.")


MAX_PREFIX_BYTES = 1024  # of a key in S3, and of the value of a notification's filter


def _check_prefix(feed: Feed, path: str) -> None:
    size = len(feed.prefix.encode())
    if size > MAX_PREFIX_BYTES:
        raise SettingsFault(
            f"`{path}.prefix` = '{feed.prefix[:20]}…' is wrong: it has {size:,} bytes in UTF-8, and an S3 key at most "
            f"{MAX_PREFIX_BYTES:,}."
        )


_ANY_NAMES = ("a.csv", "_b", "-1.csv.gz", "c/d.txt", "")  # sample names, to follow a prefix


def _check_globs(feed: Feed, path: str) -> None:
    """Check that globs can match, and that `exclude` does not leave out every key."""
    for field in ("exclude", "include"):
        for glob in getattr(feed, field):
            if not glob.strip("/"):
                raise SettingsFault(
                    f"`{path}.{field}` has {glob!r}, which matches nothing: accepted are globs, as '*.crc', 'tmp/' or "
                    "'2026/*.csv'."
                )
    if all(feed.ignores(feed.prefix + name) for name in _ANY_NAMES) and not feed.include:
        path_of_one = f"{feed.prefix}{_ANY_NAMES[0]}"[len(feed.folder) :]
        globs = [glob for glob in feed.exclude if glob_matches(glob, path_of_one)]
        raise SettingsFault(
            f"`{path}.exclude` leaves out every key under {feed.prefix!r}, by {' and '.join(map(repr, globs))}: give a "
            "list without that."
        )


def _check_table(feed: Feed, path: str) -> None:
    for field in ("role", "region"):
        if getattr(feed, field) and not feed.existing:
            raise SettingsFault(
                f"`{path}.{field}` = {getattr(feed, field)!r} is wrong without `existing = true`: "
                "the stack makes tables in its own account and region only."
            )


def _check_keys(feed: Feed, path: str) -> None:
    for field, text in (("partition_key", feed.partition_key), ("sort_key", feed.sort_key)):
        if text is None:
            continue
        if is_template(text):
            check_template(text, f"{path}.{field}")
            continue
        column = feed.column(text)
        if column.drop:
            raise SettingsFault(f"`{path}.columns.{text}` is dropped, but it is the {field}.")
        if column.type not in ("S", "N", "B"):
            raise SettingsFault(f"`{path}.columns.{text}` has type {column.type}; a key can be 'S', 'N' or 'B'.")


def _check_name_lengths(feed: Feed, path: str) -> None:
    """Check that no attribute's name is empty, or longer than DynamoDB allows."""
    names = {f"{path}.columns.{c}.name": feed.column(c).name for c in feed.columns if not feed.column(c).drop}
    named = {place: name for place, name in names.items() if name is not None}
    named |= {f"{path}.columns.{c}": c for c in feed.columns if feed.column(c).name is None}
    named |= {f"{path}.attributes.{name}": name for name in feed.attributes}
    named |= {f"{path}.lineage.{field}": getattr(feed.lineage, field) or "-" for field in ("file", "line", "row")}
    for place, name in named.items():
        if not name:
            raise SettingsFault(f"`{place}` is wrong: DynamoDB takes no attribute whose name is empty.")
        _check_length(name, place, MAX_NAME_BYTES, "an attribute's name")
    for key in (*feed.key_attributes(), *(key for key, _ in feed.index_keys())):
        _check_length(key.name, path, MAX_KEY_NAME_BYTES, "the name of a table's or index's key")
    if feed.ttl:
        _check_length(feed.ttl.attribute, f"{path}.ttl.attribute", MAX_KEY_NAME_BYTES, "the name of the TTL attribute")


def _check_length(name: str, place: str, most: int, what: str) -> None:
    size = len(name.encode())
    if size > most:
        shown = place.replace(name, f"{name[:20]}…")
        raise SettingsFault(
            f"`{shown}`: {f'{name[:20]}…'!r} has {size:,} bytes in UTF-8, and {what} has at most {most:,}."
        )


def _check_names(feed: Feed, path: str) -> None:
    own = (feed.lineage.file, feed.lineage.line, feed.row_attribute, feed.order_attribute)
    names = feed.made_attributes() + [name for name in own if name]
    names += [key.name for key in feed.key_attributes() if not is_template(key.source)]
    names += [feed.column(c).name or c for c in feed.columns if not feed.column(c).drop and c not in _key_columns(feed)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SettingsFault(f"`{path}`: two columns or keys would both be the attribute {doubled[0]!r}.")


def _check_ttl(feed: Feed, path: str) -> None:
    if not feed.ttl:
        return
    column = feed.ttl.column
    if column and not feed.column(column).timestamp:
        hint = "" if column in feed.columns else did_you_mean(column, feed.columns)
        raise SettingsFault(
            f"`{path}.ttl.column` = {column!r} is wrong{hint}: give that column a `timestamp`, so that it is a time."
        )
    if not column and not feed.ttl.after_s:
        raise SettingsFault(
            f"`{path}.ttl.after` is missing: without a column, it says how long after the load items expire."
        )


MAX_INDEXES = 20  # global secondary indexes of a table the stack makes; the quota of others may have been raised
_INDEX_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def _check_indexes(feed: Feed, path: str) -> None:
    for name in feed.indexes:
        if not _INDEX_NAME.fullmatch(name):
            raise SettingsFault(
                f"`{path}.indexes` has {name[:300]!r}: accepted is an index's name, 3 to 255 letters, digits, dots, "
                "hyphens and underscores."
            )
    if len(feed.indexes) > MAX_INDEXES and not feed.existing:
        raise SettingsFault(
            f"`{path}.indexes` has {len(feed.indexes)} indexes, and a table can be made with {MAX_INDEXES} at most."
        )
    policies = {feed.column(c).name or c: feed.column(c).null for c in feed.columns}
    for key, _ in feed.index_keys():
        if key.type not in ("S", "N", "B"):
            raise SettingsFault(f"`{path}.indexes`: {key.name!r} is of type {key.type}; an index key can be S, N or B.")
        if policies.get(key.name) in ("null", "empty"):
            raise SettingsFault(
                f"`{path}.indexes`: {key.name!r} has null = {policies[key.name]!r}, and DynamoDB takes no item whose "
                "index key is NULL or empty; with 'omit' such an item is only left out of the index."
            )


def _key_columns(feed: Feed) -> list[str]:
    return [key.source for key in feed.key_attributes() if not is_template(key.source)]


def check_prefixes(feeds: dict[str, Feed]) -> None:
    """Check that no prefixes overlap: S3 refuses that for the same event, and a key must belong to one feed."""
    for name, feed in feeds.items():
        for other, rival in feeds.items():
            if name != other and rival.prefix.startswith(feed.prefix):
                raise SettingsFault(
                    f"`feeds.{name}.prefix` = {feed.prefix!r} overlaps `feeds.{other}.prefix` = {rival.prefix!r}; "
                    "a key must belong to one feed."
                )


def check_shared_tables(feeds: dict[str, Feed]) -> None:
    """Check that feeds of one table agree about it. A feed without a TTL attribute or a version agrees with any."""
    shapes: dict[str, tuple[str, Any]] = {}
    said: dict[tuple[str, str], tuple[str, Any]] = {}
    for name, feed in feeds.items():
        for what, value in (("attribute for expiry", feed.expiry_attribute), *_versions(feed)):
            first, other = said.setdefault((feed.table, what), (name, value)) if value else (name, value)
            if value != other:
                raise SettingsFault(
                    f"feeds {first} and {name} share the table {feed.table!r} and have another {what}: {other!r} and "
                    f"{value!r}."
                )
        keys = [(key.name, key.type) for key in feed.key_attributes()]
        where = (feed.existing, feed.role, feed.region)
        shape = (keys, where, feed.indexes, feed.index_keys())
        first, expected = shapes.setdefault(feed.table, (name, shape))
        if expected != shape:
            raise SettingsFault(
                f"feeds {first} and {name} share the table {feed.table!r} but declare other keys or indexes, "
                "or another `existing`, `role` or `region`."
            )


def _versions(feed: Feed) -> Iterator[tuple[str, str]]:
    """Yield a phrase that names the feed's version attribute, and the version's form: two forms cannot be compared."""
    if feed.version_column:
        column = feed.column(feed.version_column)
        form = "N" if column.type == "N" else f"S in units of {column.unit}"
        yield f"form of the version {feed.version_attribute!r}", form


MAX_OUTPUT = 255  # characters of the name of a stack's output


def check_tables(feeds: dict[str, Feed]) -> None:
    """Check that tables have different names in the stack's outputs, which keep only letters and digits."""
    tables: dict[str, tuple[str, str]] = {}
    for name, feed in feeds.items():
        output = table_output(feed.table)
        first, table = tables.setdefault(output, (name, feed.table))
        if table != feed.table:
            raise SettingsFault(
                f"`feeds.{first}.table` = {table!r} and `feeds.{name}.table` = {feed.table!r} would both be {output} "
                "in the stack; rename one, or give it a stack of its own."
            )
        if len(output) > MAX_OUTPUT:
            raise SettingsFault(
                f"`feeds.{name}.table` = '{feed.table[:20]}…' is wrong: the stack's output for it would have a name of "
                f"{len(output)} characters, and CloudFormation takes {MAX_OUTPUT}."
            )


# Characters: together with the stack's name, it is the id of an S3 notification, which has at most 255.
MAX_FEED_NAME = 120


def check_feed_names(feeds: Iterable[str]) -> None:
    """Check that feed names can be dimensions of metrics, which CloudWatch accepts in printable ASCII only."""
    for name in feeds:
        if name == NO_FEED or not re.fullmatch(rf"[ -~]{{1,{MAX_FEED_NAME}}}", name) or not name.strip():
            raise SettingsFault(
                f"{name[:100]!r} is wrong: accepted is a feed's name of 1 to {MAX_FEED_NAME} ASCII characters, and not "
                f"{NO_FEED!r}, which means no feed."
            )
