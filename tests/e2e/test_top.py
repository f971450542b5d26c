"""`ingest top` against the deployed template in the local stack, after a small mixed load."""

from pathlib import Path
from typing import Any

import pytest

from ingest.cli import top as command
from tests.support.command import Ran

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

FEEDS = ("--feeds", str(Path(__file__).parent / "feeds.toml"))
HEADER = "order_id,customer_id,quantity,unit_price,gift,note\n"


class AMinuteAhead(command.Clock):
    """The machine's clock, a minute fast: what is shown are whole minutes, and the present one is over by it."""

    def now_s(self) -> float:
        return super().now_s() + 60


def test_after_a_mixed_load_it_reports_lag_throughput_errors_and_files(
    stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = "".join(f"O-{n},top{n % 7},{n},2.50,no,\n" for n in range(200))
    bad = "".join(f"O-{n},top,x,2.50,no,\n" for n in range(10))
    stack.drop("orders/top-good.csv", (HEADER + good + bad).encode())
    stack.drop("visits/top-bad.csv", b"".join(b"v%d,x\n" % n for n in range(90)))  # too many rejects
    stack.send("poison of top")
    entry = stack.final_entry("orders/top-good.csv")
    assert stack.final_entry("visits/top-bad.csv")["status"] == "FAILED"
    stack.wait_until_quiet()
    for name, value in stack.stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(command, "Clock", AMinuteAhead)

    def document() -> Any:
        """Return what it shows once CloudWatch has all of the load; it learns of it as invocations end."""
        found = Ran(capsys, "top", "--once", *FEEDS, "--json").json
        return found if found["errors"]["files_failed"] and found["files"]["completed"] else None

    found = stack.wait_for(document, patience_s=300.0)
    assert found["function"]["is_paused"] is False
    assert found["throughput"]["rows_written_by_feed"]["orders"] >= 200 == entry["rows_written"]
    assert sum(found["throughput"]["series"]["rows_written"]) >= found["throughput"]["rows_written"]  # of 30 minutes
    assert found["errors"]["rows_rejected"] >= 10 + 21
    assert found["errors"]["dead_letters"] >= 1 <= found["errors"]["messages_unknown"]
    assert 0 < found["errors"]["reject_share"] < 1
    assert found["lag"]["event_to_visible_p99_s"] >= found["lag"]["event_to_visible_p50_s"] > 0
    assert found["function"]["invocations"] > 0
    failed = {file["file"].rpartition("/")[2]: file["error"]["code"] for file in found["files"]["last_failed"]}
    assert failed["top-bad.csv"] == "too_many_rejects"
    page = stack.ingest("top", *FEEDS)
    assert (page.returncode, page.stderr) == (0, "")
    assert "visits/top-bad.csv" in page.stdout
