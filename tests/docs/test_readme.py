"""The README says what is so: its commands exist, its feeds file loads, its figures are of committed runs."""

import json
import re
from pathlib import Path

import pytest

from ingest.cli.main import run
from ingest.contract import METRIC_NAMESPACE, Reason
from ingest.feeds.parse import json_schema, parse_feeds

ROOT = Path(__file__).parents[2]
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


def test_it_links_to_the_table_of_metrics() -> None:
    assert f"namespace `{METRIC_NAMESPACE}`" in README
    assert "[`docs/metrics.md`](docs/metrics.md)" in README


def test_it_names_only_reason_codes_there_are() -> None:
    codes = {value for name, value in vars(Reason).items() if name.isupper()}
    (paragraph,) = re.findall(r"Reason codes are stable: (.*?)\.\n", README, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", paragraph)) <= codes


def test_its_loading_figures_are_those_of_the_committed_run() -> None:
    parts = json.loads((ROOT / "loadtest/results/write.json").read_text())["parts"]
    rates = {
        (m["party"], m["shape"], m["tls"]): m["rows_per_cpu_second"]["median"] for m in parts["shapes"]["measured"]
    }
    for shape in ("narrow", "mixed", "wide"):
        (ours, theirs), (tls, their_tls) = [
            [rates[party, shape, is_tls] for party in ("ingest load", "boto3 loop")] for is_tls in (False, True)
        ]
        assert f"| {ours:,.0f} | {theirs:,.0f} | {int(ours / theirs)} | {int(tls / their_tls)} |" in README
    assert f"One core writes {rates['ingest load', 'mixed', False]:,.0f} rows a second" in README
    small, large = (m["peak_resident_bytes"]["max"] / 1e6 for m in parts["memory"]["measured"])
    assert f"{small:.0f} MB for a file of 200 MB and {large:.0f} MB for one of 2 GB" in README


def test_the_chaos_run_it_reports_of_is_the_committed_one_and_lost_nothing() -> None:
    run = json.loads((ROOT / "loadtest/results/chaos.json").read_text())
    assert run["problems"] == []
    assert (run["lost"], run["doubled"], run["stuck"]) == (0, 0, 0)
    assert run["kills"] >= 100
    assert f"killed with SIGKILL {run['kills']} times" in README
    assert f"{run['files']} files with quoted" in README
    assert f"{run['rows']:,} rows, **0 lost" in README
    assert run["command"].removeprefix("python -m loadtest chaos ").split()[:2] == ["--minutes", "8"]


def test_the_huge_files_it_reports_of_are_the_committed_ones_and_are_exact() -> None:
    cases = {case["case"]: case for case in json.loads((ROOT / "loadtest/results/huge.json").read_text())["cases"]}
    for case in cases.values():
        assert (case["lost"], case["wrong"], case["problems"]) == (0, 0, []), case["case"]
    plain, packed = cases["plain"], cases["gzip"]
    assert (
        f"| {plain['rows']:,} | {plain['seconds']:.0f} s, {plain['rows_per_s']:,} rows/s | {plain['kills']} " in README
    )
    assert f"| {packed['rows']:,} | {packed['seconds']:.0f} s | {packed['hand_overs']} hand-overs; exact |" in README


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
