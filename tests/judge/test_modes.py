"""What each write mode does to a table of DynamoDB Local."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.judge.judge import Judge
from tests.support.write_modes import CASES, Table, feed_of

pytestmark = [pytest.mark.judge, pytest.mark.enable_socket]


@pytest.fixture
def table(judge: Judge) -> Iterator[Table]:
    name = judge.table(feed_of())
    yield Table(partial(judge.writer_for, table=name), partial(judge.put, name), partial(judge.raw_items, name))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_write_mode_does_what_it_says(case: Callable[[Table], None], table: Table) -> None:
    case(table)
