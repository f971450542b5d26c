"""The real pipeline, from notification to table, leaves what the generator foretold, also of a file it splits."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Status
from loadtest.workload.checksum import Checksum, Item
from loadtest.workload.recipe import recipe_of
from tests.loadtest.workload.found import made
from tests.support.world import KEY, World, event

FEED = '[feeds.orders]\nprefix = "orders/"\ntable = "Orders"\npartition_key = "id"\n[feeds.orders.columns]\nn = "N"\n'
MIB = 2**20


def dynamodb_json(item: dict[str, Any]) -> Item:
    kinds = {str: "S", Decimal: "N"}
    return {name: {kinds[type(value)]: str(value)} for name, value in item.items()}


@pytest.mark.parametrize("size", [300_000, 13_000_000])
def test_the_pipeline_leaves_the_foretold_table(tmp_path: Path, size: int) -> None:
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(FEED)
    recipe = recipe_of(
        feeds,
        "orders",
        size=size,
        columns={"note": "text:40:200"},
        defects={"duplicates": 0.3, "bad_number": 0.02, "ragged_row": 0.02, "line_breaks": 0.1},
        segment_bytes=4 * MIB,
    )
    data, known_outcome = made(recipe)
    world = World(segment_bytes=4 * MIB)
    world.objects.contents = {KEY: data}
    world.take(event(KEY))
    segments = world.queue.sent[::-1]  # the last part of the file first: no order is promised
    assert len(segments) == (0 if size < 4 * MIB else 4)
    for number, message in enumerate(segments):
        world.take(message.body, message_id=f"s{number}")

    outcome = world.entry().outcome
    assert outcome is not None
    assert (outcome.status, outcome.row_counts.rows_read) == (Status.COMPLETE, known_outcome.rows)
    assert outcome.row_counts.rows_rejected == known_outcome.rows_rejected
    assert outcome.row_counts.rows_written + outcome.row_counts.rows_superseded == known_outcome.rows_kept
    assert known_outcome.superseded[0] <= outcome.row_counts.rows_superseded <= known_outcome.superseded[1]
    found = Checksum()
    found.add(map(dynamodb_json, world.table.items.values()))
    assert (found.items, found.value) == (known_outcome.items, known_outcome.checksum)
