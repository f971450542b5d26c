"""Local files in place of S3."""

import json
from pathlib import Path

import pytest

from ingest.aws.local_files import PORTION_BYTES, file_portions, file_size
from ingest.errors import FileMissing, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.rejects.local_file import RejectFile
from ingest.rejects.reject import Reject


def reject(line: int) -> Reject:
    return Reject(line, 10 * line, "bad_number", "no number", "n", "x", b"x\n")


@pytest.mark.parametrize("size", [0, 1, PORTION_BYTES, PORTION_BYTES + 1])
def test_a_file_is_read_in_portions(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * size)
    assert file_size(path) == size
    portions = list(file_portions(path))
    assert b"".join(portions) == b"x" * size
    assert all(0 < len(portion) <= PORTION_BYTES for portion in portions)


@pytest.mark.parametrize("name", ["gone.csv", "", "a/b/c.csv"])
def test_a_file_that_is_not_there_or_is_a_folder_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileMissing, match="does not exist or is not a file"):
        file_size(tmp_path / name)


def test_a_file_that_may_not_be_read_is_missing_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # permissions do not bind root
    with pytest.raises(FileMissing, match="may not be read by this user"):
        next(file_portions(tmp_path / "a.csv"))


def test_rejects_are_lines_that_are_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    sink = RejectFile(path, source="a.csv")
    sink.add([])
    assert not path.exists()
    sink.add([reject(3)])
    sink.add([])
    sink.add([reject(5), reject(6)])
    sink.close()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["file"], line["line"]) for line in lines] == [("a.csv", 3), ("a.csv", 5), ("a.csv", 6)]


def test_the_rejects_of_an_earlier_load_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_text("old\n", encoding="utf-8")
    sink = RejectFile(path, source="a.csv")
    sink.begin(b"n\n", Csv())
    assert not path.exists()
    sink.add([reject(3)])
    assert "old" not in path.read_text(encoding="utf-8")
    assert sink.csv_path.read_bytes() == b"n\nx\n"


@pytest.mark.parametrize(("path", "csv"), [("r.jsonl", "r.csv"), ("r", "r.csv"), ("r.csv", "r.csv.csv")])
def test_the_csv_stands_beside_the_lines_under_another_name(path: str, csv: str) -> None:
    assert RejectFile(Path(path), source="a.csv").csv_path == Path(csv)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"rejects cannot be written to .*: No such file or directory"):
        RejectFile(tmp_path / "no" / "such" / "folder.jsonl", source="a.csv").add([reject(3)])
