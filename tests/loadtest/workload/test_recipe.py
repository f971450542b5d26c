"""A recipe that cannot be followed is refused in one sentence that says what would be accepted."""

from pathlib import Path
from typing import Any

import pytest

from loadtest.generate import read_recipe
from loadtest.workload.recipe import BadRecipe, parse_size, recipe_of
from loadtest.workload.stream import Generation
from tests.loadtest.workload.found import FEEDS, made, recipe


@pytest.mark.parametrize(
    ("feed", "fields", "sentence"),
    [
        ("plain", {"rows": None}, "number of rows or the size"),
        ("plain", {"rows": 10, "size": 1000}, "number of rows or the size"),
        ("plain", {"size": "1 apple"}, "'1 apple' is not a size; sizes are like 300, 10KB"),
        ("plain", {"size": 10}, "the header alone is 17"),
        ("plain", {"rows": -1}, "a file has 0 to"),
        ("plain", {"seed": -1}, "a seed is a whole number, 0 or more"),
        ("plain", {"file": 100_000}, "numbered from 0 to 99,999"),
        ("unknown", {}, "no feed 'unknown'; it declares commas, everything"),
        ("plain", {"key_order": "any"}, "accepted are random, sorted, hot"),
        ("plain", {"key_order": "hot"}, "hot needs a partition key of its own"),
        ("mainframe", {"key_order": "sorted", "columns": {"sku": "text"}}, "column sku has a distribution"),
        ("plain", {"columns": {"city": "normal:1"}}, "accepted are uniform:LOW:HIGH"),
        ("plain", {"columns": {"quantity": "uniform:a:b"}}, "the form is uniform:LOW:HIGH"),
        ("plain", {"columns": {"quantity": "text:3"}}, "text is for columns of type S"),
        ("plain", {"columns": {"paid": "choice:perhaps"}}, "'perhaps' is neither the feed's true nor its false"),
        ("plain", {"columns": {"id": "text:3"}}, "column id keeps the keys apart; it cannot be text:3"),
        ("mainframe", {"columns": {"sku": "text:3?0.1"}}, "column sku is part of a key and may not be empty"),
        ("mainframe", {"columns": {"color": "text"}}, "files of the feed 'mainframe' have no such column"),
        ("mainframe", {"defects": {"quotes": 0.1}}, "know no quotes"),
        ("mainframe", {"quoting": "all"}, "know no quotes"),
        ("german", {"columns": {"Ort": "choice:Łódź"}}, "'Łódź' is not cp1252 text"),
        ("german", {"byte_order_mark": True}, "a byte order mark is for UTF-8"),
        ("plain", {"defects": {"ragged": 0.1}}, "defects 'ragged': accepted are ragged_row"),
        ("plain", {"defects": {"ragged_row": 2}}, "a share is 0 to 1"),
        ("plain", {"defects": {"ragged_row": 0.6, "bad_number": 0.6}}, "more than all"),
        ("plain", {"defects": {"bad_quote": 0.1}}, "no column of the feed 'plain' can be the reason for bad_quote"),
        ("plain", {"defects": {"bad_json": 0.1}}, "no column of the feed 'plain' can be the reason for bad_json"),
        ("plain", {"defects": {"bad_encoding": 0.1}}, "needs a column of free text"),
    ],
)
def test_what_is_wrong_is_said(feed: str, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        Generation(recipe(feed, **fields))
    assert sentence in str(caught.value)


def test_a_feed_that_ends_early_at_rejects_is_not_given_more(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.toml"
    limited = '[feeds.f]\nprefix="f/"\ntable="Fff"\npartition_key="id"\n[feeds.f.max_rejects]\nshare = 0.1\n'
    feeds.write_text(limited)
    with pytest.raises(BadRecipe, match=r"a share of 0\.1 rejects"):
        Generation(recipe_of(feeds, "f", rows=10, defects={"ragged_row": 0.09}))
    Generation(recipe_of(feeds, "f", rows=10, defects={"ragged_row": 0.05}))


def test_sizes_have_the_usual_units() -> None:
    sizes = [parse_size(text) for text in ("1KB", "2 mb", "1.5GB", "64MiB", "1_000")]
    assert sizes == [1_000, 2_000_000, 1_500_000_000, 64 * 2**20, 1_000]


def test_a_recipe_file_has_the_names_of_the_options(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('feed = "plain"\nsize = "10KB"\n[columns]\ncity = "zipf:1:9"\n[defects]\nragged_row = 0.5\n')
    fields = read_recipe(path)
    data, known_outcome = made(recipe_of(FEEDS, fields.pop("feed"), **fields))
    assert data.startswith(b"id,quantity,paid,city\n")
    assert known_outcome.rejected["ragged_row"] > 20


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("feet = 1", "unknown field `feet`; a recipe has the fields feed, "),
        ("rows = true", "Expected `int | null`, got `bool` - at `$.rows`"),
        (
            'defects = { ragged_row = "x" }',
            "defects ragged_row = x: a share is 0 to 1",
        ),
        ("rows =", "is not a recipe that can be read"),
    ],
)
def test_a_wrong_recipe_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(BadRecipe) as caught:
        recipe_of(FEEDS, "plain", **{"rows": 1} | read_recipe(path))
    assert sentence in str(caught.value)
