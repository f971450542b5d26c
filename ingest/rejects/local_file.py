"""Rejects of a load on this machine: written to local files, or only counted by reason."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.rejects.reject import DuplicateRow, Reject, RejectFormat


class RejectTally:
    """Counts rejects by reason and keeps the first few, and the first duplicates."""

    def __init__(self, *, keep: int) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: list[Reject] = []
        self.duplicates: list[DuplicateRow] = []
        self._keep = keep

    def begin(self, head: bytes, csv: Csv) -> None:
        """Ignore the head."""

    def add(self, rejects: list[Reject]) -> None:
        """Count a block's rejects, and keep the first ones."""
        self.reasons.update(reject.reason for reject in rejects)
        self.first += rejects[: self._keep - len(self.first)]

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Keep the first of a block's duplicates."""
        self.duplicates += duplicates[: max(0, self._keep - len(self.duplicates))]

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Do nothing: nothing is held back."""


class RejectFile(RejectTally):
    """Rejects in local files: JSON Lines, and beside it a CSV to fix and load again.

    They are written to `.partial` files, which are renamed when the load has ended (`put_in_place`). Those of a load
    that did not end stay until the file is loaded again. As in any tally, rejects are counted, and the first `keep`
    kept. The first duplicates are in a file of their own beside these, and in `duplicates`.
    """

    def __init__(self, path: Path, *, source: str, keep: int = 0) -> None:
        super().__init__(keep=keep)
        self.path, self.csv_path = reject_paths(path)
        self.duplicates_path = path.with_suffix(".duplicates.jsonl")
        self._source = source
        self._format = RejectFormat(source, b"", Csv())
        self._begun = False

    @property
    def partial(self) -> Path | None:
        """The path of the rejects found so far; None if there are none, or they are in place."""
        return _partial(self.path) if self._begun else None

    def begin(self, head: bytes, csv: Csv) -> None:
        """Set the text before the file's rows."""
        self._format = RejectFormat(self._source, head, csv)

    def add(self, rejects: list[Reject]) -> None:
        """Append a block's rejects."""
        if not rejects:
            return
        super().add(rejects)
        lines = [self._format.json_line(reject) for reject in rejects]
        records = [self._format.csv_record(reject) for reject in rejects]
        mode = "ab" if self._begun else "wb"
        self._write(self.path, mode, lines)
        self._write(self.csv_path, mode, records if self._begun else [self._format.csv_head(), *records])
        self._begun = True

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Append a block's duplicates."""
        if duplicates:
            lines = list(map(self._format.duplicate_line, duplicates))
            self._write(self.duplicates_path, "ab" if self.duplicates else "wb", lines)
            self.duplicates += duplicates

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Write the footer of the CSV."""
        if self._begun:
            self._write(self.csv_path, "ab", [self._format.csv_foot()])

    def put_in_place(self) -> None:
        """Rename the files, replacing existing ones; without rejects or duplicates, existing ones are removed.

        Remaining files of an earlier load that did not end are removed, too.
        """
        found = {self.csv_path: self._begun, self.path: self._begun, self.duplicates_path: bool(self.duplicates)}
        for path, is_written in found.items():
            if is_written:
                _partial(path).replace(path)
            else:
                path.unlink(missing_ok=True)
                _partial(path).unlink(missing_ok=True)
        self._begun = False

    def _write(self, path: Path, mode: str, lines: list[bytes]) -> None:
        try:
            with _partial(path).open(mode) as file:
                file.writelines(lines)
        except OSError as error:
            raise SettingsFault(f"The rejects cannot be written to {path}: {error.strerror}.") from error


def reject_paths(path: Path) -> tuple[Path, Path]:
    """Return where the rejects of a load go: the JSON Lines, and the CSV beside it.

    >>> [str(each) for each in reject_paths(Path("a.csv.rejects.jsonl"))]
    ['a.csv.rejects.jsonl', 'a.csv.rejects.csv']
    """
    return path, path.with_name(f"{path.name}.csv") if path.suffix == ".csv" else path.with_suffix(".csv")


def check_places(path: Path, files: Iterable[str], *, force: bool) -> None:
    """Check that the rejects of a load can be written, and replace nothing; with `force`, they may replace rejects.

    Raises:
        SettingsFault: a file exists already, cannot be written, or is one of `files`, which are loaded.
    """
    loaded = [Path(file).resolve() for file in files]
    for place in reject_paths(path):
        if place.resolve() in loaded or _partial(place).resolve() in loaded:
            raise SettingsFault(f"The rejects would replace {place}, which is loaded; name another with --rejects.")
        if place.exists() and not place.is_file():
            raise SettingsFault(f"The rejects cannot be written to {place}, which is not a file.")
        if place.exists() and not force:
            raise SettingsFault(
                f"{place} exists, and may have been edited; load it or move it away, or have it replaced with --force."
            )
        _try_to_write(place)


def _try_to_write(path: Path) -> None:
    """Fail before a row is written if the rejects could not be written; leave no new file behind."""
    partial = _partial(path)
    try:
        partial.open("ab").close()
        if not partial.stat().st_size:
            partial.unlink()
    except OSError as error:
        raise SettingsFault(f"The rejects cannot be written to {path}: {error.strerror}.") from error


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")
