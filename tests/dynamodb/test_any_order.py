"""With `newest` whole rows end in one table, in whatever order, and however often, their versions are written."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dynamodb.test_modes import table
from tests.support.examples import HALF
from tests.support.write_modes import CHANGES, Row, feed_of

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KEYS, NUMBERS = "ab", count()
Rows = list[tuple[str, bool]]  # keys, and whether they are deleted; each has its number for a version


@st.composite
def written(draw: st.DrawFn) -> tuple[Rows, list[int]]:
    """Return rows, and the order in which they are written: each once, and some again, by a worker that is late."""
    rows = draw(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=7))
    numbers = range(len(rows))
    return rows, [*draw(st.permutations(numbers)), *draw(st.lists(st.sampled_from(numbers), max_size=4))]


def test_changes_with_tombstones_end_as_their_versions_say() -> None:
    feed = feed_of(newest="v", operation=CHANGES, tombstone="30d")
    with table() as orders:

        @HALF
        @given(written())
        def end_as_they_should(happened: tuple[Rows, list[int]]) -> None:
            (rows, turns), prefix = happened, f"{next(NUMBERS)}-"
            for version in turns:
                key, is_deleted = rows[version]
                operation: Row = {"op": "D" if is_deleted else "I", "x": f"of {version}"}
                orders.write(feed, {"id": prefix + key, "v": str(version), **operation}, line=version + 2)
            found = {key: item for key, item in orders.items.items() if key.startswith(prefix)}
            last = {prefix + key: (version, is_deleted) for version, (key, is_deleted) in enumerate(rows)}
            assert found.keys() == last.keys()
            for key, (version, is_deleted) in last.items():
                assert (found[key]["v"]["N"], "_deleted" in found[key]) == (str(version), is_deleted)
                assert found[key].get("x") == (None if is_deleted else {"S": f"of {version}"})

        end_as_they_should()


def test_whole_rows_end_as_their_files_and_lines_say() -> None:
    feed = feed_of(newest="file")
    with table() as orders:

        @HALF
        @given(written())
        def end_as_they_should(happened: tuple[Rows, list[int]]) -> None:
            (rows, turns), prefix = happened, f"{next(NUMBERS)}-"
            for number in turns:  # two rows a file, each of a segment of its own
                row: Row = {"id": prefix + rows[number][0], "x": f"of {number}"}
                orders.write(feed, row, line=number + 2, order=f"{number // 2:017}", file_id=f"{number // 2:020}")
            found = {key: item["x"]["S"] for key, item in orders.items.items() if key.startswith(prefix)}
            assert found == {prefix + key: f"of {number}" for number, (key, _) in enumerate(rows)}

        end_as_they_should()
