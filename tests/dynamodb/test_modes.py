"""What each write mode does to a table of the simulator, also where requests fail, are throttled and lost."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from botocore.config import Config

from ingest.dynamodb.item_writer import ItemWriter, WriteResult
from ingest.dynamodb.request_loop import RequestLoop
from ingest.dynamodb.writers import WriterFactory
from ingest.feeds.feed import Feed, Operation
from loadtest.simulator import Faults, Key, Settings, Simulator, Table
from loadtest.simulator.requests import Asked
from tests.support import write_modes
from tests.support.clients import session
from tests.support.write_modes import CASES, feed_of, unchanged_types, undoes, undoes_by_order

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def table(**settings: Any) -> Iterator[write_modes.Table]:
    """Give a table of a simulator."""
    tables = {"Orders": Table(Key("id"))}
    config = Config(retries={"total_max_attempts": 1})
    simulator = Simulator(Settings(tables=tables, keeps_items=True, **settings))
    with simulator as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        dynamodb = session().client("dynamodb", config=config)
        factory = WriterFactory(session(), config, dynamodb=dynamodb)
        try:
            yield write_modes.Table(
                partial(soon_again, factory), partial(seed, running), partial(running.written_items.items, "Orders")
            )
        finally:
            for writer in factory._fast.values():
                writer.close()
            for made in (dynamodb, *(each.meta.client for each in factory._resources.values())):
                made.close()
    gc.collect()


def soon_again(factory: WriterFactory, feed: Feed) -> ItemWriter:
    """Return a feed's writer, which sends again without long pauses."""
    made: ItemWriter = factory.writer_for(feed)
    found: list[Any] = [made]
    while found:
        one = found.pop()
        if isinstance(one, RequestLoop):
            one._chance = lambda: 0.01
        else:
            found += [vars(one)[name] for name in ("loop", "writer", "_batches", "_updates") if name in vars(one)]
    return made


def seed(running: Simulator, item: write_modes.Item) -> None:
    """Put an item in the table, as others do."""
    running.written_items.set(Asked("Orders", "Orders", {}, (item["id"]["S"],)), item)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_write_mode_does_what_it_says(case: Callable[[write_modes.Table], None]) -> None:
    with table() as orders:
        case(orders)


FAULTS = Faults(
    **{"reset_after": 0.15, "truncated": 0.05, "wrong_crc32": 0.05, "internal_error": 0.1, "reset_before": 0.1},
    **{"expired_token": 0.03, "throttled": 0.15, "throttled_items": 0.2},
)
NOT_EXACT = (undoes, undoes_by_order)  # deleted by a request whose answer is lost is absent
LONG = (unchanged_types,)  # a hundred writes, which differ in what is compared alone


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in NOT_EXACT + LONG], ids=lambda case: case.__name__
)
def test_whatever_fails_a_write_mode_does_what_it_says(case: Callable[[write_modes.Table], None]) -> None:
    with table(faults=FAULTS) as orders:
        case(orders)


def test_the_reference_writer_deletes_and_puts_as_each_row_says() -> None:
    operation = Operation("op", put=("I",), delete=("D",))
    with table() as orders:
        for feed in (feed_of(operation=operation), feed_of(operation=operation, writer="boto3")):
            orders.seed({"id": {"S": "a"}, "v": {"N": "1"}})
            rows: list[write_modes.Row] = [{"id": "a", "v": None, "op": "D"}, {"id": "b", "v": "2", "op": "I"}]
            assert orders.write(feed, *rows) == WriteResult()
            assert orders.items == {"b": {"id": {"S": "b"}, "v": {"N": "2"}}}
            assert orders.write(feed_of(write="delete", writer=feed.writer), {"id": "b"}) == WriteResult()
            assert orders.items == {}
