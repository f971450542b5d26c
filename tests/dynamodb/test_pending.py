"""What is sent next, and when."""

from collections.abc import Iterator
from math import inf

from ingest.dynamodb.batches import Batch, batches
from ingest.dynamodb.pending import Answered, PendingRequests
from ingest.items.items import Refusal
from tests.support.tables import attribute, items_of


def work(count: int = 60) -> PendingRequests[Batch]:
    items = items_of(attribute("id", "S", [f"k{row}" for row in range(count)]))
    return PendingRequests(batches(items, "Table"), now_s=0.0)


def sent(some: PendingRequests[Batch], now_s: float) -> Iterator[Batch]:
    while found := some.next(now_s):
        yield found.request


def test_all_is_sent_once_and_then_it_is_done() -> None:
    some = work()
    assert [list(batch.rows) for batch in sent(some, 0.0)] == [[*range(25)], [*range(25, 50)], [*range(50, 60)]]
    assert some.is_done
    assert some.due_in_s(0.0) == inf


def test_what_waits_is_sent_when_it_is_due_and_before_what_is_new() -> None:
    some = work()
    first = some.next(0.0)
    assert first is not None
    some.again(first.request, 1, until_s=5.0)
    assert [batch.rows[0] for batch in sent(some, 4.9)] == [25, 50]
    assert (some.is_done, some.due_in_s(4.0)) == (False, 1.0)
    again = some.next(5.0)
    assert again is not None
    assert (again.request, again.tries) == (first.request, 1)


def test_while_there_is_more_it_is_due_at_once() -> None:
    some = work()
    first = some.next(0.0)
    assert first is not None
    some.again(first.request, 1, until_s=5.0)
    assert some.due_in_s(0.0) == 0.0


def test_what_takes_the_place_of_another_is_sent_at_once() -> None:
    some = work()
    first = some.next(0.0)
    assert first is not None
    halves = (first.request.only(range(12)), first.request.only(range(12, 25)))
    some.note(Answered(instead=halves), 3.0)
    assert [len(batch.rows) for batch in sent(some, 3.0)] == [12, 13, 25, 10]
    assert some.progress_s == 3.0


def test_what_became_of_rows_is_noted_by_why() -> None:
    some = work()
    for rows, skipped in (([1, 2], "older"), ([3], ""), ([4], "older")):
        some.note(Answered(rows, skipped), 1.0)
    some.note(Answered(refusal=Refusal(7, "no")), 2.0)
    assert (some.skipped, some.refusals, some.progress_s) == ({"older": [1, 2, 4]}, [Refusal(7, "no")], 2.0)
