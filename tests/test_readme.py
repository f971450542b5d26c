"""The README says what is so: its commands exist, its feeds file loads, its figures are of committed runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import run
from ingest.contract import Metric, Reason
from ingest.feeds_file import json_schema, parse_feeds

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_feeds_file_it_shows_is_one() -> None:
    (text,) = blocks("toml")
    assert list(parse_feeds(text).feeds) == ["orders"]


def test_every_make_target_it_names_exists() -> None:
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", README))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named and named <= targets


@pytest.mark.parametrize("command", sorted(set(re.findall(r"ingest ((?:feeds )?[a-z]+) ", README))))
def test_every_command_it_names_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_every_file_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links and [link for link in links if not (ROOT / link).exists()] == []


def test_what_it_shows_of_check_is_what_check_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["check", "sample_data.csv", "--feed", "orders"]) == 1
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    shown = next(block for block in blocks("text") if "would be written" in block).splitlines()
    assert shown[-1] == "…"
    assert shown[:-1] == printed[: len(shown) - 1]


def test_it_names_every_metric_and_only_metrics_there_are() -> None:
    names = {value for name, value in vars(Metric).items() if name.isupper()}
    assert {word for word in re.findall(r"`([A-Z][A-Za-z]+)`", README) if word in names} == names


def test_it_names_only_reason_codes_there_are() -> None:
    codes = {value for name, value in vars(Reason).items() if name.isupper()}
    (paragraph,) = re.findall(r"Reason codes are stable: (.*?)\.\n", README, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", paragraph)) <= codes


def test_its_memory_figures_are_those_of_the_committed_run() -> None:
    results: dict[str, Any] = json.loads((ROOT / "loadtest/results/memory.json").read_text())
    small, large = results["runs"]
    for measured in (small, large):
        assert f"| {measured['rows']:,} | {measured['peak_resident_bytes'] / 1e6:.0f} MB |" in README
        assert measured["rows"] == measured["items_taken"] == measured["books"]["rows_written"]
        assert measured["peak_resident_bytes"] < 300e6
    assert large["peak_resident_bytes"] <= 1.1 * small["peak_resident_bytes"]
    assert f"loads within {large['peak_resident_bytes'] / 1e6:.0f} MB" in README


def test_the_committed_schema_is_the_one_the_command_prints() -> None:
    assert json.loads((ROOT / "docs/feeds.schema.json").read_text()) == json.loads(json.dumps(json_schema()))


def test_its_reading_figures_are_those_of_the_committed_run() -> None:
    readings = json.loads((ROOT / "loadtest/results/read.json").read_text())["readings"]
    largest = max(reading["rows"] for reading in readings if reading["kind"] == "quote-free")
    shown = [reading for reading in readings if reading["kind"] == "quote-free" and reading["rows"] == largest]
    assert len(shown) >= 4
    for reading in shown:
        rate, peak = reading["rows_per_cpu_second"]["median"], reading["peak_resident_bytes"]["median"]
        assert re.search(rf"\| {rate:,.0f} \| [0-9,]+ \| {peak / 1e6:.0f} MB \|", README), reading["reader"]


def test_no_malformed_file_was_a_problem() -> None:
    outcomes = json.loads((ROOT / "loadtest/results/hostile.json").read_text())["outcomes"]
    assert len(outcomes) >= 20
    for outcome in outcomes:
        assert outcome["problems"] == [] and outcome["peak_resident_bytes"] < 400e6, outcome["case"]
        assert outcome["bytes_accounted"] is not False
