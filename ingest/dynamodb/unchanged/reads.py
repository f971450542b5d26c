"""Keys of items -> BatchGetItem requests, and what their answers hold, handed on several at a time."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow.compute as pc

from ingest.contract import BATCH_GET_ITEM
from ingest.dynamodb.batches import each_text, rows_of_keys, slices
from ingest.dynamodb.encode import key_json, quoted
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import check_refusal
from ingest.dynamodb.pending import Answered
from ingest.dynamodb.rate_limit import FEWEST, ConcurrencyLimiter
from ingest.dynamodb.request_loop import error_of
from ingest.items.items import Items
from ingest.items.validate import size_bounds

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_KEYS = 100
WANTED_BYTES = 1024 * 1024  # of an answer, of 16 MB that are possible: bounds memory with many under way
FULL_BYTES = 8 * 1024 * 1024  # of an answer that leaves keys for want of room in it, and not of capacity
SLICE_ITEMS = 8000  # whose keys are encoded at a time
READ_LIMITER = ConcurrencyLimiter(FEWEST, most=16)  # each answer may be as large as DynamoDB's largest
GROUP_ANSWERS, GROUP_BYTES = 40, 4 * 1024 * 1024  # handed on together

OnAnswers = Callable[[Sequence[int], Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class KeysRequest:
    """A request for the items that have the keys of these rows; `keys` is each of them as JSON."""

    table: str
    keys: Sequence[bytes]
    rows: Sequence[int]
    projection: str

    operation: ClassVar[str] = BATCH_GET_ITEM
    write_units: ClassVar[int] = 0

    @property
    def body(self) -> bytes:
        """What is sent. Reads are consistent: what another file has just written is seen."""
        head = f'{{"RequestItems":{{{quoted(self.table)}:{{"ConsistentRead":true{self.projection},"Keys":['
        return b"".join((head.encode(), b",".join(self.keys), b"]}}}"))

    def only(self, rows: Sequence[int]) -> "KeysRequest":
        """Return a request for some of the rows."""
        keys = dict(zip(self.rows, self.keys, strict=True))
        return KeysRequest(self.table, [keys[row] for row in rows], rows, self.projection)


class StoredReads:
    """The requests for the items that a table holds under the keys of some items.

    `on_answers` gets rows and the answers that hold what there is for them, some of each at a time; `attributes` are
    those to be read, None for all.
    """

    def __init__(self, items: Items, table: str, attributes: Sequence[str] | None, on_answers: OnAnswers) -> None:
        self._items = items
        self._table = table
        self._projection = "" if attributes is None else _projection(attributes)
        self._on_answers = on_answers
        self._bytes_a_key = self._bytes_an_item = 2.0 * (pc.mean(size_bounds(items.attributes)[1]).as_py() or 0)
        self._rows: list[int] = []
        self._answers: list[bytes] = []

    def fresh(self) -> Iterator[KeysRequest]:
        """Yield the requests: as many keys in each as their answer has room for, by what earlier answers had."""
        for start, some in slices(self._items, 0, len(self._items), SLICE_ITEMS):
            keys, at = list(each_text(key_json(some))), 0
            while at < len(keys):
                count = max(1, min(MAX_KEYS, int(WANTED_BYTES / max(1.0, self._bytes_a_key))))
                rows = range(start + at, start + min(at + count, len(keys)))
                yield KeysRequest(self._table, keys[at : at + count], rows, self._projection)
                at += count

    def answered(self, request: KeysRequest, answer: Answer) -> Answered[KeysRequest] | None:
        """Return what an answer says of the rows: that they are read.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
        """
        if answer.status == 200:
            return self._read(request, answer.body) if b'"Responses"' in answer.body else None
        code, message = error_of(answer)
        if code != "ValidationException":
            return None
        check_refusal(self._table, message)
        return Answered(request.rows)  # whatever is wrong, the write will show it

    def finish(self) -> None:
        """Hand on what is left."""
        if self._answers:
            self._on_answers(self._rows, self._answers)
            self._rows, self._answers = [], []

    def _read(self, request: KeysRequest, body: bytes) -> Answered[KeysRequest]:
        left = [] if b'"UnprocessedKeys":{}' in body else self._unprocessed(request, body)
        rest = request.only(left) if left else None
        done = sorted(set(request.rows) - set(left)) if left else request.rows
        if not done:
            return Answered(left=rest)
        self._bytes_a_key = max(self._bytes_an_item, len(body) / len(done))
        self._rows += done
        self._answers.append(body)
        if len(self._answers) >= GROUP_ANSWERS or sum(map(len, self._answers)) >= GROUP_BYTES:
            self.finish()
        if rest and len(body) >= FULL_BYTES:
            return Answered(done, instead=[rest])
        return Answered(done, left=rest)

    def _unprocessed(self, request: KeysRequest, body: bytes) -> list[int]:
        """Return the rows whose keys are left; all, if some of them are not found."""
        unprocessed = json.loads(body).get("UnprocessedKeys", {}).values()
        left = [key for asked in unprocessed for key in asked["Keys"]]
        return rows_of_keys(left, request.rows, self._items)


def _projection(attributes: Sequence[str]) -> str:
    """Return the members of a request that ask for these attributes alone."""
    names = ",".join(f'"#{number:x}":{quoted(name)}' for number, name in enumerate(attributes))
    places = ",".join(f"#{number:x}" for number in range(len(attributes)))
    return f',"ProjectionExpression":"{places}","ExpressionAttributeNames":{{{names}}}'
