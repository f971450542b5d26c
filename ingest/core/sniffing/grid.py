"""The cells of a trial's straight records, as Python text."""

from collections.abc import Iterator

from ingest.core.grammar import Grammar
from ingest.core.rows import Layout, parse_rows
from ingest.core.sniffing.trial import Trial
from ingest.dialect import Csv

MAX_COLUMNS = 10_000


def read_grid(trial: Trial, records: list[int]) -> list[list[str]]:
    """Return the cells of these records, all of which have the same number."""
    if not records:
        return []
    width = trial.counts[records[0]]
    data = b"".join(map(trial.record, records))
    csv = Csv(delimiter=trial.csv.delimiter, quote=trial.csv.quote, escape=trial.csv.escape, null_values=())
    table = parse_rows(data, Layout(tuple(map(str, range(width))), csv, Grammar(csv))).table
    columns = [column.to_pylist() for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def straight_records(trial: Trial, start: int, limit: int) -> list[int]:
    """Return the first records of the usual width, from a record on."""
    return list(_take((at for at in range(start, len(trial.counts)) if trial.counts[at] == trial.width), limit))


def _take(numbers: Iterator[int], limit: int) -> Iterator[int]:
    for _, number in zip(range(limit), numbers, strict=False):
        yield number
