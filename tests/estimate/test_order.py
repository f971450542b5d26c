"""Files whose rows are written in their order are loaded by one function after the other, and the estimate knows."""

import pytest

from ingest.aws.local_files import Source
from ingest.estimate.sample import SampleReader
from ingest.feeds.feed import Feed, Operation
from tests.support.fakes import reading

OPERATION = Operation("op", put=("I",), delete=("D",))
DATA = b"op,id,v\n" + b"".join(b"I,%d,1\n" % n for n in range(500))


@pytest.mark.parametrize("budget", [None, 400, 10**6])
@pytest.mark.parametrize(
    ("feed", "is_splittable"),
    [
        (Feed("f/", "T", "id"), True),
        (Feed("f/", "T", "id", operation=OPERATION), False),
        (Feed("f/", "T", "id", operation=OPERATION, newest="file"), True),
    ],
)
def test_changes_without_version_are_estimated_as_a_file_that_is_not_split(
    feed: Feed, is_splittable: bool, budget: int | None
) -> None:
    reader = SampleReader(feed, now_s=0)
    found = reader.read(Source("a.csv", reading(DATA, 100), len(DATA)), budget)
    assert found.is_splittable == is_splittable
    assert reader.reasons == {}
    assert found.text_bytes > 0
