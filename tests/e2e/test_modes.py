"""Each way of writing, from S3 to the table, in the deployed template: what stays, what is counted, what is undone."""

from collections.abc import Sequence
from typing import Any

import pytest

from ingest.contract import FINAL_STATUSES, SKIPPED

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]


def text(*rows: Sequence[object]) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def load(stack: Any, key: str, *rows: Sequence[object]) -> dict[str, int]:
    """Drop a file, wait until it has ended, and return its row counts that are not 0, without "rows_"."""
    before = len(stack.entries(key))
    stack.drop(key, text(*rows))
    return counts_of(ended(stack, key, before + 1))


def ended(stack: Any, key: str, number: int) -> Any:
    """Wait until an object has as many versions and attempts, all of them reported; return the last."""

    def look() -> Any:
        entries = stack.entries(key)
        are_over = all(entry["status"] in FINAL_STATUSES and "reported" in entry for entry in entries)
        return entries[-1] if len(entries) == number and are_over else None

    return stack.wait_for(look)


def counts_of(entry: Any) -> dict[str, int]:
    assert entry["status"] == "COMPLETE", entry
    names = ("read", "written", "rejected", "superseded", *SKIPPED)
    counts = {name: int(entry.get(f"rows_{name}", 0)) for name in names}
    assert counts["read"] == sum(count for name, count in counts.items() if name != "read")
    return {name: count for name, count in counts.items() if count}


def held(stack: Any, table: str, key: str, attribute: str) -> dict[str, Any]:
    """Return an attribute of the items of a table, by their key."""
    return {item[key]: item.get(attribute) for item in stack.items(table)}


def test_an_insert_never_replaces_what_is_there_and_is_safe_to_retry(stack: Any) -> None:
    assert load(stack, "members/1.csv", ["id", "name"], ["m1", "Ada"], ["m2", "Bo"]) == {"read": 2, "written": 2}
    second = [["id", "name"], ["m2", "Bob"], ["m3", "Cy"], ["m3", "Di"]]
    counts = {"read": 3, "written": 1, "exists": 1, "superseded": 1}
    assert load(stack, "members/2.csv", *second) == counts
    assert held(stack, "Members", "id", "name") == {"m1": "Ada", "m2": "Bo", "m3": "Cy"}
    stack.ingest_json("retry", "members/2.csv")
    assert counts_of(ended(stack, "members/2.csv", 2)) == counts  # m3 is its own
    assert held(stack, "Members", "id", "name") == {"m1": "Ada", "m2": "Bo", "m3": "Cy"}


def test_an_update_changes_what_it_has_and_an_older_one_comes_too_late(stack: Any) -> None:
    day = "2026-11-22T{}:00:00Z".format
    head = ["sku", "changed", "price", "note"]
    assert load(stack, "prices/1.csv", head, ["p1", day("10"), "5", "new"]) == {"read": 1, "written": 1}
    assert load(stack, "prices/2.csv", [*head, "stock"], ["p1", day("12"), "", "new", "7"]) == {"read": 1, "written": 1}
    late = [["p1", day("11"), "9", "late"], ["p2", day("11"), "9", ""], ["p3", "", "9", ""]]
    assert load(stack, "prices/3.csv", head, *late) == {"read": 3, "written": 1, "older": 1, "rejected": 1}
    assert [reject["reason"] for reject in stack.rejects(stack.entries("prices/3.csv")[0]["rejects"])] == ["no_version"]
    assert load(stack, "prices/4.csv", head, ["p1", day("13"), "", ""]) == {"read": 1, "written": 1}
    (first,) = [item for item in stack.items("Prices") if item["sku"] == "p1"]
    assert (first["price"], first["stock"], "note" in first) == (5, "7", False)


def test_changes_without_versions_are_written_in_the_order_of_the_file(stack: Any) -> None:
    rows = [
        ["op", "id", "a", "b"],
        ["I", "j1", "1", ""],
        ["U", "j1", "", "2"],
        ["I", "j2", "1", "1"],
        ["D", "j2", "", ""],
    ]
    rows += [["D", "j3", "", ""], ["U", "j3", "", "3"], ["X", "j4", "", ""]]
    assert load(stack, "journal/1.csv", *rows) == {"read": 7, "written": 3, "superseded": 3, "rejected": 1}
    found = {item["id"]: item for item in stack.items("Journal")}
    assert found == {"j1": {"id": "j1", "a": "1", "b": "2"}, "j3": {"id": "j3", "b": "3"}}
    assert load(stack, "removals/1.csv", ["id"], ["j1"], ["j9"]) == {"read": 2, "written": 2}
    assert held(stack, "Journal", "id", "b") == {"j3": "3"}


def test_changes_with_versions_may_come_in_any_order_and_what_is_deleted_stays_so(stack: Any) -> None:
    head = ["op", "id", "lsn", "total", "note"]
    assert load(stack, "changes/3.csv", head, ["U", "c1", "30", "3", ""], ["D", "c2", "31", "", ""]) == {
        "read": 2,
        "written": 2,
    }
    first = [["I", "c1", "10", "1", "first"], ["I", "c2", "11", "1", ""], ["I", "c3", "12", "1", ""]]
    assert load(stack, "changes/1.csv", head, *first) == {"read": 3, "written": 1, "older": 2}
    assert load(stack, "changes/2.csv", head, ["U", "c3", "20", "2", ""], ["D", "c1", "21", "", ""]) == {
        "read": 2,
        "written": 1,
        "older": 1,
    }
    live = {item["id"]: item["total"] for item in stack.items("Changes") if not item.get("_deleted")}
    assert live == {"c1": 3, "c3": 2}
    (deleted,) = [item for item in stack.items("Changes") if item.get("_deleted")]
    assert (deleted["id"], deleted["lsn"], "ttl" in deleted) == ("c2", 31, True)
    assert load(stack, "changes/4.csv", head, ["I", "c2", "40", "4", ""]) == {"read": 1, "written": 1}
    (again,) = [item for item in stack.items("Changes") if item["id"] == "c2"]
    assert (again["total"], "_deleted" in again, "ttl" in again) == (4, False, False)


def test_rows_that_have_not_changed_are_not_written(stack: Any) -> None:
    rows = [[f"s{n}", f"{n}.50", "é"] for n in range(30)]
    assert load(stack, "assortment/1.csv", ["sku", "price", "name"], *rows) == {"read": 30, "written": 30}
    rows[7][1] = "8"
    assert load(stack, "assortment/2.csv", ["sku", "price", "name"], *rows) == {
        "read": 30,
        "written": 1,
        "unchanged": 29,
    }
    assert held(stack, "Assortment", "sku", "price")["s7"] == 8


def test_the_file_that_was_dropped_last_wins_whenever_it_is_loaded(stack: Any) -> None:
    old, new = [["id", "v"], ["f1", "old"], ["f2", "old"]], [["id", "v"], ["f1", "new"], ["f3", "new"]]
    assert load(stack, "snapshots/old.csv", *old) == {"read": 2, "written": 2}
    assert load(stack, "snapshots/new.csv", *new) == {"read": 2, "written": 2}
    stack.ingest_json("retry", "snapshots/old.csv")
    assert counts_of(ended(stack, "snapshots/old.csv", 2)) == {"read": 2, "written": 1, "older": 1}
    assert held(stack, "Snapshots", "id", "v") == {"f1": "new", "f2": "old", "f3": "new"}
    stack.drop("snapshots/old.csv", text(*old))
    assert counts_of(ended(stack, "snapshots/old.csv", 3)) == {"read": 2, "written": 2}
    assert held(stack, "Snapshots", "id", "v") == {"f1": "old", "f2": "old", "f3": "new"}
    stack.ingest_json("retry", "snapshots/new.csv", "--as-newest")
    assert counts_of(ended(stack, "snapshots/new.csv", 2)) == {"read": 2, "written": 2}
    assert held(stack, "Snapshots", "id", "v") == {"f1": "new", "f2": "old", "f3": "new"}
    orders = [entry["order_ms"] for entry in stack.entries("snapshots/old.csv")]
    assert orders[0] == orders[1] < orders[2]


@pytest.mark.parametrize(("folder", "table"), [("members", "Members"), ("snapshots", "Snapshots")])
def test_an_undo_deletes_what_still_names_the_file(stack: Any, folder: str, table: str) -> None:
    key = f"{folder}/wrong.csv"
    load(stack, key, ["id", "v"], *([f"u{n}", "wrong"] for n in range(5)))
    load(
        stack, f"{folder}/right.csv", ["id", "v"], ["u9", "right"], *([["u1", "right"]] if table == "Snapshots" else [])
    )
    assert stack.delete_item(table, {"id": {"S": "u0"}})
    looked = stack.ingest_json("undo", key, "--dry-run")
    assert (looked["table"], looked["rows_written"], looked["version"]) == (table, 5, None)
    stack.ingest_json("undo", key, "--yes")
    undo = ended(stack, key, 2)
    replaced = {"replaced": 1} if table == "Snapshots" else {}
    assert counts_of(undo) == {"read": 5, "written": 4 - len(replaced), "absent": 1, **replaced}
    assert [entry["status"] for entry in stack.entries(key)] == ["UNDONE", "COMPLETE"]
    ours = {name: v for name, v in held(stack, table, "id", "v").items() if name.startswith("u")}
    assert ours == {"u9": "right"} | ({"u1": "right"} if table == "Snapshots" else {})
    first = stack.entries(key)[0]["file"]
    stack.send(stack.notification(key, sequencer=first["sequencer"], etag=first["etag"], size=int(first["size_bytes"])))
    stack.wait_until_quiet()
    assert {name for name in held(stack, table, "id", "v") if name.startswith("u")} == set(ours)
