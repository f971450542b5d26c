"""Local files in place of S3."""

import json
from pathlib import Path

import pytest

from ingest.aws.local_files import PORTION_BYTES, file_portions, file_size
from ingest.errors import FileMissing, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.rejects.local_file import RejectFile, check_places
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
    with pytest.raises(FileMissing, match="no permission to read"):
        next(file_portions(tmp_path / "a.csv"))


def test_rejects_are_partial_until_the_load_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    sink = RejectFile(path, source="a.csv")
    sink.add([])
    assert (sink.partial, list(tmp_path.iterdir())) == (None, [])
    sink.add([reject(3)])
    assert sink.partial == tmp_path / "rejects.jsonl.partial"
    sink.add([])
    sink.add([reject(5), reject(6)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rejects.csv.partial", "rejects.jsonl.partial"]
    sink.close()
    sink.put_in_place()
    assert sink.partial is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rejects.csv", "rejects.jsonl"]
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["file"], line["line"]) for line in lines] == [("a.csv", 3), ("a.csv", 5), ("a.csv", 6)]


@pytest.mark.parametrize("rejects", [[reject(3)], []], ids=["some", "none"])
def test_the_rejects_of_an_earlier_load_stay_until_the_next_has_ended(tmp_path: Path, rejects: list[Reject]) -> None:
    path = tmp_path / "rejects.jsonl"
    for name in ("rejects.jsonl", "rejects.csv", "rejects.jsonl.partial", "rejects.csv.partial"):
        (tmp_path / name).write_text("old\n", encoding="utf-8")
    sink = RejectFile(path, source="a.csv")
    sink.begin(b"n\n", Csv())
    sink.add(rejects)
    sink.close()
    assert path.read_text(encoding="utf-8") == sink.csv_path.read_text(encoding="utf-8") == "old\n"
    sink.put_in_place()
    left = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert left.keys() == ({"rejects.jsonl", "rejects.csv"} if rejects else set())
    assert left.get("rejects.csv", "n\nx\n") == "n\nx\n"
    assert "old" not in left.get("rejects.jsonl", "")


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
@pytest.mark.parametrize("content", ["edited", ""])
def test_a_rejects_file_that_is_there_is_replaced_only_if_that_is_asked_for(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsFault, match=rf"{name} exists, and may have been edited; .* with --force\.$"):
        check_places(tmp_path / "r.jsonl", ["a.csv"], force=False)
    check_places(tmp_path / "r.jsonl", ["a.csv"], force=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("loaded", ["r.csv", "r.jsonl", "r.csv.partial", "sub/../r.jsonl.partial"])
def test_rejects_never_replace_a_file_that_is_loaded(tmp_path: Path, loaded: str) -> None:
    with pytest.raises(SettingsFault, match=r"would replace .*, which is loaded; name another with --rejects\.$"):
        check_places(tmp_path / "r.jsonl", ["a.csv", str(tmp_path / loaded)], force=True)


def test_rejects_never_replace_what_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "r.csv").mkdir()
    with pytest.raises(SettingsFault, match=r"r\.csv, which is not a file\.$"):
        check_places(tmp_path / "r.jsonl", ["a.csv"], force=True)
    with pytest.raises(SettingsFault, match=r"null, which is not a file\.$"):
        check_places(Path("/dev/null"), ["a.csv"], force=True)


@pytest.mark.parametrize(("path", "csv"), [("r.jsonl", "r.csv"), ("r", "r.csv"), ("r.csv", "r.csv.csv")])
def test_the_csv_stands_beside_the_lines_under_another_name(path: str, csv: str) -> None:
    assert RejectFile(Path(path), source="a.csv").csv_path == Path(csv)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"rejects cannot be written to .*: No such file or directory"):
        RejectFile(tmp_path / "no" / "such" / "folder.jsonl", source="a.csv").add([reject(3)])
    with pytest.raises(SettingsFault, match=r"rejects cannot be written to .*: No such file or directory\.$"):
        check_places(tmp_path / "no" / "such" / "folder.jsonl", ["a.csv"], force=False)
