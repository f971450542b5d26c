"""Rejects of a load on this machine: in local files, or only counted by reason."""

from collections import Counter
from pathlib import Path

from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.rejects.reject import Reject, RejectFormat


class RejectFile:
    """Rejects in local files, replaced by each load: JSON Lines, and beside it a CSV to fix and load again."""

    def __init__(self, path: Path, *, source: str) -> None:
        self.csv_path = path.with_name(f"{path.name}.csv") if path.suffix == ".csv" else path.with_suffix(".csv")
        self.path = path
        self._source = source
        self._format = RejectFormat(source, b"", Csv())
        self._begun = False

    def begin(self, head: bytes, csv: Csv) -> None:
        """Take what stands before the file's rows; forget the rejects of an earlier load."""
        self._format = RejectFormat(self._source, head, csv)
        for path in (self.path, self.csv_path):
            path.unlink(missing_ok=True)

    def add(self, rejects: list[Reject]) -> None:
        """Append a block's rejects."""
        if not rejects:
            return
        head = b"" if self._begun else self._format.csv_head()
        self._append(self.path, [self._format.json_line(reject) for reject in rejects])
        self._append(self.csv_path, [head, *(self._format.csv_record(reject) for reject in rejects)])
        self._begun = True

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Write the footer of the CSV."""
        if self._begun:
            self._append(self.csv_path, [self._format.csv_foot()])

    def _append(self, path: Path, lines: list[bytes]) -> None:
        try:
            with path.open("ab") as file:
                file.writelines(lines)
        except OSError as error:
            raise SettingsFault(f"The rejects cannot be written to {path}: {error.strerror}.") from error


class RejectTally:
    """Counts rejects by reason and keeps the first few."""

    def __init__(self, *, keep: int) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: list[Reject] = []
        self._keep = keep

    def begin(self, head: bytes, csv: Csv) -> None:
        """Ignore the head."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects."""
        self.reasons.update(reject.reason for reject in rejects)
        self.first += rejects[: self._keep - len(self.first)]

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Do nothing: nothing is held back."""
