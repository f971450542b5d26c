"""Read several parts of something at the same time, and hand them out in order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event

THREAD_NAME = "read-ahead"


def read_ahead(parts: Iterable[Iterable[bytes]], *, count: int) -> Iterator[bytes]:
    """Yield the portions of each part, in order, while threads read the next `count` parts.

    Holds at most `count` parts, and the one that is handed out. An error comes where its part would have come. When it
    does, or the consumer stops, reads in progress end at their next portion, and the threads are waited for.
    """
    left, stop = iter(parts), Event()
    with ThreadPoolExecutor(count, thread_name_prefix=THREAD_NAME) as pool:
        try:
            waiting = deque(pool.submit(_read, part, stop) for part in islice(left, count))
            while waiting:
                portions = waiting.popleft().result()
                waiting.extend(pool.submit(_read, part, stop) for part in islice(left, 1))
                while portions:
                    yield portions.popleft()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _read(part: Iterable[bytes], stop: Event) -> deque[bytes]:
    portions: deque[bytes] = deque()
    for portion in part:
        if stop.is_set():
            break
        portions.append(portion)
    return portions
