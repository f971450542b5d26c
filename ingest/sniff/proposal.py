"""A sample -> a feed that loads it, with the evidence for its settings."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import structs

from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.rules import MAX_FEED_NAME, check_feed_names
from ingest.items.columns import count_true, fill_null
from ingest.reading.csv_reader import read_beginning
from ingest.reading.grammar import count_lines, name_of, start_of_last_lines, without_blank_end
from ingest.sniff.candidate_keys import Key, KeyChoice, find_keys
from ingest.sniff.columns import (
    Finding,
    NumberFormat,
    find_columns,
    find_number_format,
    null_values,
    values_without_nulls,
    without_odd_rows,
)
from ingest.sniff.dialect import find_dialect, is_spaced, single_column
from ingest.sniff.frame import Frame, find_frame, with_fields, with_frame
from ingest.sniff.sample import Sample
from ingest.sniff.trial import Trial, read_grid, straight_records, try_dialect


@dataclass(frozen=True, slots=True)
class Proposal:
    """A feed, and the evidence for it. `text` is the part of the sample with whole records, without a footer.

    `feed` may leave its partition key open; `tested_feed` has the best candidate instead. `notes` give the reasons for
    settings by name ("csv.ragged"), and remarks on the whole ("").
    """

    feed: Feed
    tested_feed: Feed
    findings: list[Finding]
    keys: KeyChoice
    row_count: int
    notes: Mapping[str, str]
    text: bytes = field(repr=False)


def propose(sample: Sample, *, name: str) -> Proposal:
    """Return a proposed feed for the file of a sample.

    Raises:
        EmptyFile, NotCsv, BadHeader: no rows or columns were found.
    """
    trial, frame = _dialect_and_frame(sample)
    csv = with_fields(with_frame(trial.csv, frame), encoding=sample.encoding, line_end=sample.line_end)
    table, text = read_beginning(_without_footer(sample, csv), csv, is_whole=sample.is_whole)
    table, repeated = _without_repeated_header(table, csv)
    csv = with_fields(csv, repeated_header="skip") if repeated else csv
    csv, findings = _with_types(table, csv)
    table, csv = _read_again(text, csv, table)
    table = without_odd_rows(table, findings, NumberFormat(csv.decimal, csv.thousands))
    csv, findings, keys = _with_keys(table, csv, findings)
    tested = _feed(name, csv, findings, keys.best)
    feed = structs.replace(tested, partition_key="", sort_key=None) if keys.is_open else tested
    return Proposal(feed, tested, findings, keys, table.num_rows, _notes(trial, frame, csv, repeated), text)


def _notes(trial: Trial, frame: Frame, csv: Csv, repeated: int) -> dict[str, str]:
    notes = {f"csv.{setting}": note for setting, note in frame.notes.items()} | {"": trial.note}
    notes["csv.empty_rows"] = "Some rows are nothing but delimiters."
    notes["csv.repeated_header"] = f"Rows that repeat the header, as where files were joined: {repeated:,}."
    notes["csv.line_end"] = f"No line end is found where the first line should end, but {name_of(csv.line_end)} is."
    return notes


def _with_types(table: pa.Table, csv: Csv) -> tuple[Csv, list[Finding]]:
    """Return the dialect with the format of numbers and the words for 'no value', and what the columns hold."""
    form = find_number_format(values_without_nulls(table), csv.delimiter)
    findings = find_columns(table, form)
    nulls = dict.fromkeys((*csv.null_values, *null_values(table, findings)))
    return with_fields(csv, decimal=form.decimal, thousands=form.thousands, null_values=tuple(nulls)), findings


def _read_again(text: bytes, csv: Csv, table: pa.Table) -> tuple[pa.Table, Csv]:
    """Read the rows again, now with the words for 'no value', and without empty rows if there are any."""
    if pc.any(reduce(pc.and_, [pc.is_null(column) for column in table.columns])).as_py():
        skipping = with_fields(csv, empty_rows="skip")
        without, _ = _without_repeated_header(read_beginning(text, skipping, is_whole=True)[0], csv)
        if without.num_rows < table.num_rows:
            return without, skipping
    return _without_repeated_header(read_beginning(text, csv, is_whole=True)[0], csv)[0], csv


def _dialect_and_frame(sample: Sample) -> tuple[Trial, Frame]:
    trial = find_dialect(sample.text)
    frame = find_frame(trial)
    is_title_or_name = trial.first == 1 and trial.counts[0] == 1
    if is_title_or_name and (is_spaced(trial) or not frame.has_header):  # a column name above one column of prose
        trial = single_column(trial.window, trial.csv.comment, [trial]) or trial
        frame = find_frame(trial)
    if sample.is_whole:
        frame = replace(frame, footer_lines=footer_lines(sample.text, trial.csv, trial.width))
    return trial, frame


def _without_footer(sample: Sample, csv: Csv) -> bytes:
    return sample.text[: start_of_last_lines(sample.text, csv.footer_lines)]


def _without_repeated_header(table: pa.Table, csv: Csv) -> tuple[pa.Table, int]:
    """Return a table without the rows that repeat the header, and the number of those rows."""
    if csv.header != "first" or csv.names:
        return table.combine_chunks(), 0
    same = [pc.equal(column, pa.scalar(name)) for name, column in zip(table.column_names, table.columns, strict=True)]
    rows: pa.BooleanArray = fill_null(reduce(pc.and_, same), False)
    return table.filter(pc.invert(rows)).combine_chunks(), count_true(rows)


def _with_keys(table: pa.Table, csv: Csv, findings: list[Finding]) -> tuple[Csv, list[Finding], KeyChoice]:
    """Return at least one key. If no column can be one, try columns as text, and then with other names."""
    form = NumberFormat(csv.decimal, csv.thousands)
    keys = find_keys(table, findings, form)
    if keys:
        return csv, findings, keys
    as_text = [Finding(found.name, values=found.values) for found in findings]
    keys = find_keys(table, as_text, form)
    if not keys:
        names = tuple(f"column_{number}" for number in range(1, 1 + len(findings)))
        csv = with_fields(csv, names=names)
        as_text = [replace(found, name=name) for found, name in zip(as_text, names, strict=True)]
        findings = [replace(found, name=name) for found, name in zip(findings, names, strict=True)]
        no_key = KeyChoice(Key(names[:1], 0, 0), is_open=True)
        keys = find_keys(table.rename_columns(list(names)), as_text, form) or no_key
    in_key = keys.best.columns
    return csv, [text if text.name in in_key else found for text, found in zip(as_text, findings, strict=True)], keys


def _feed(name: str, csv: Csv, findings: list[Finding], key: Key) -> Feed:
    return Feed(
        prefix=f"{name}/",
        table=table_name(name),
        partition_key=key.columns[0],
        sort_key=key.sort_key,
        csv=csv,
        columns={found.name: found.declared() for found in findings if found.type != "S"},
    )


_TAIL_LINES = 50
_MAX_RECORDS = 3
_TOTAL = re.compile(
    r"(?:(?:grand |sub)?total|sum|summe|gesamt|gesamtsumme|somme|eof|trailer|trl)s?\s*:?\Z", re.IGNORECASE
)
_COUNT = re.compile(
    r"\(?\s*(?:\d+\s+(?:rows?|records?|lines?)|(?:rows?|records?|lines?|count|total|sum|end))\b", re.IGNORECASE
)


def footer_lines(text: bytes, csv: Csv, width: int) -> int:
    """Return how many lines at the end of a whole file are clearly not rows."""
    tail = text[start_of_last_lines(text, _TAIL_LINES) :].decode("utf-8", "replace").encode()
    trial = try_dialect(tail, csv)
    if trial is None or trial.width != width or width < 2:
        return 0
    first = _first_of_footer(trial)
    if first in (0, 1, len(trial.spans)) or set(trial.counts[first - 2 : first]) != {width}:
        return 0
    rows = read_grid(trial, [at for at in straight_records(trial, 0, first) if at < first])
    if any(_TOTAL.match(row[0].strip()) for row in rows):  # here the word is an ordinary value
        return 0
    return count_lines(without_blank_end(tail[trial.spans[first].start :])) + 1


def _first_of_footer(trial: Trial) -> int:
    first = len(trial.spans)
    while first > max(0, len(trial.spans) - _MAX_RECORDS) and _is_footer(trial, first - 1):
        first -= 1
    return first


def _is_footer(trial: Trial, at: int) -> bool:
    """Return whether a record is a total; or has another width and is a count or prose. A truncated row is neither."""
    cell = read_grid(trial, [at])[0][0].strip()
    if trial.counts[at] == trial.width or _TOTAL.match(cell):
        return _TOTAL.match(cell) is not None
    is_prose = trial.counts[at] == 1 and " " in cell and trial.window.endswith((b"\n", b"\r"))
    return is_prose or _COUNT.match(cell) is not None


_MAX_TABLE = 255
_SUFFIXES = re.compile(r"(?:\.(?:gz|bz2|zst|zstd|csv|tsv|tab|psv|txt|dat|data|asc))+\Z", re.IGNORECASE)


def feed_name(file: str) -> str:
    """Return a feed name for a file.

    >>> feed_name("s3://drop/2026/Verkäufe 2026.csv.gz"), feed_name("???")
    ('verkaufe_2026', 'feed')
    """
    stem = _SUFFIXES.sub("", re.split(r"[/\\]", file)[-1])
    return "_".join(word.lower() for word in _words(stem))[:MAX_FEED_NAME] or "feed"


def table_name(feed: str) -> str:
    """Return a table name for a feed.

    >>> table_name("sales_2026"), table_name("x")
    ('Sales2026', 'XTable')
    """
    name = "".join(word[:1].upper() + word[1:] for word in _words(feed))[:_MAX_TABLE]
    return name if len(name) >= 3 else f"{name}Table"


def checked_feed_name(name: str) -> str:
    """Return a feed name given by the user, after checking it.

    Raises:
        SettingsFault: it is not a valid feed name.
    """
    try:
        check_feed_names([name])
    except SettingsFault as fault:
        raise SettingsFault(f"--name {fault}") from fault
    return name


def _words(text: str) -> list[str]:
    """Return the runs of ASCII letters and digits, after removing accents from letters."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", bare)
