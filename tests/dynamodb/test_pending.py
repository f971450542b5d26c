"""What is sent next, and when."""

from collections.abc import Iterator
from math import inf

from ingest.dynamodb.batches import Batch, batches
from ingest.dynamodb.pending import PendingBatches
from tests.support.tables import attribute, items_of


def work(count: int = 60) -> PendingBatches:
    items = items_of(attribute("id", "S", [f"k{row}" for row in range(count)]))
    return PendingBatches(items, batches(items, "Table"), now_s=0.0)


def sent(some: PendingBatches, now_s: float) -> Iterator[Batch]:
    while found := some.next(now_s):
        yield found.batch


def test_all_is_sent_once_and_then_it_is_done() -> None:
    some = work()
    assert [list(batch.rows) for batch in sent(some, 0.0)] == [[*range(25)], [*range(25, 50)], [*range(50, 60)]]
    assert some.is_done
    assert some.due_in_s(0.0) == inf


def test_what_waits_is_sent_when_it_is_due_and_before_what_is_new() -> None:
    some = work()
    first = some.next(0.0)
    assert first is not None
    some.again(first.batch, 1, until_s=5.0)
    assert [batch.rows[0] for batch in sent(some, 4.9)] == [25, 50]
    assert (some.is_done, some.due_in_s(4.0)) == (False, 1.0)
    again = some.next(5.0)
    assert again is not None
    assert (again.batch, again.tries) == (first.batch, 1)


def test_while_there_is_more_it_is_due_at_once() -> None:
    some = work()
    first = some.next(0.0)
    assert first is not None
    some.again(first.batch, 1, until_s=5.0)
    assert some.due_in_s(0.0) == 0.0


def test_a_refused_batch_is_halved_until_the_bad_item_stands_alone() -> None:
    some, bad = work(25), 17
    while found := some.next(0.0):
        if bad in found.batch.rows:
            some.halve(found.batch, "no")
    assert [(refusal.row, refusal.message) for refusal in some.refusals] == [(bad, "no")]
    assert some.is_done
