"""The scaling study's command, with real workers: small, but whole."""

import argparse
import json
from pathlib import Path

import pytest

from loadtest.scale.command import add_arguments


def scale(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    code: int = parsed.run(parsed)
    return code


@pytest.mark.e2e
@pytest.mark.enable_socket
def test_workers_are_measured_and_many_more_are_computed(tmp_path: Path) -> None:
    out, html = tmp_path / "scale.json", tmp_path / "scale.html"
    assert scale("--workers", "1", "--scale", "0.02", "--out", str(out)) == 0
    study = json.loads(out.read_text())
    assert [(point["workers"], point["rows"]) for point in study["measured"]] == [(1, 160_000), (1, 32_000)]
    assert 0 < study["worker"]["rows_per_second"] < 10**7
    assert {found["workers"] for found in study["computed"]} == {1, 10, 100, 1_000}
    assert scale("--from", str(out), "--html", str(html)) == 0
    assert "Nothing here was measured on AWS." in html.read_text()
