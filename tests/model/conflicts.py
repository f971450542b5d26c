"""How many segments of one file may end in a second: `python -m tests.model.conflicts` prints the table of evidence.

DynamoDB cancels one of two transactions that meet on an entry. Here the one that comes later is, and it is sent again
after the ledger's own pause. How long a transaction takes is not published; `TRANSACTION_S` is a high guess.
"""

import heapq
import random
from collections.abc import Iterator

from ingest.aws.clock import send_again_pause_s
from ingest.ledger.table import COUNT_ENTRIES, TRANSACTION_ATTEMPTS

TRANSACTION_S = 0.020
SEGMENTS = 3_200  # of a file of 200 GB
WORKERS = 1_000
ENOUGH = 0.1  # of the ends may have to be sent again


def ends_of_fleet(chance: random.Random, segment_s: float) -> Iterator[float]:
    """Yield when the segments of a file end that all begin at once; each takes `segment_s`, a tenth more or less."""
    free = [0.0] * WORKERS
    for _ in range(SEGMENTS):
        end_s = heapq.heappop(free) + segment_s * chance.uniform(0.9, 1.1)
        heapq.heappush(free, end_s)
        yield end_s


def ends_at_random(chance: random.Random, per_s: float) -> Iterator[float]:
    """Yield when segments end, of many workers that know nothing of each other."""
    now_s = 0.0
    for _ in range(SEGMENTS):
        now_s += chance.expovariate(per_s)
        yield now_s


def sent_again(ends: Iterator[float], entries: int, chance: random.Random) -> tuple[float, int]:
    """Return which share of the ends was sent more than once, and how many were given up for this time."""
    due = [(end_s, n, chance.randrange(entries), 0) for n, end_s in enumerate(ends)]
    heapq.heapify(due)
    busy_until = [0.0] * entries
    again, given_up, count = set(), 0, len(due)
    while due:
        now_s, n, entry, attempt = heapq.heappop(due)
        if busy_until[entry] <= now_s:
            busy_until[entry] = now_s + TRANSACTION_S
            continue
        again.add(n)
        if attempt + 1 == TRANSACTION_ATTEMPTS:
            given_up += 1
            continue
        pause_s = TRANSACTION_S + send_again_pause_s(attempt, chance=chance.random())
        heapq.heappush(due, (now_s + pause_s, n, entry, attempt + 1))
    return len(again) / count, given_up


def most_per_s(entries: int, *, seed: int = 1) -> float:
    """Return how many ends a second a number of entries takes while no more than one in ten is sent again."""
    low, high = 0.0, 10_000.0
    for _ in range(20):
        middle = (low + high) / 2
        chance = random.Random(seed)
        enough = sent_again(ends_at_random(chance, middle), entries, chance)[0] <= ENOUGH
        low, high = (middle, high) if enough else (low, middle)
    return low


def of_fleet(entries: int, segment_s: float, *, seed: int = 1) -> tuple[float, int]:
    """Return what `sent_again` does for a file of 200 GB that 1,000 workers load at once."""
    chance = random.Random(seed)
    return sent_again(ends_of_fleet(chance, segment_s), entries, chance)


def main() -> None:
    """Print the table."""
    print("| entries | ends per s, one in ten sent again | of 1,000 workers, segments of 10 s | given up | of 60 s |")
    print("|---|---|---|---|---|")
    for entries in (1, 16, 64, COUNT_ENTRIES):
        (fast, given_up), (slow, _) = of_fleet(entries, 10.0), of_fleet(entries, 60.0)
        print(f"| {entries} | {most_per_s(entries):,.0f} | {fast:.1%} | {given_up:,} | {slow:.1%} |")


if __name__ == "__main__":
    main()
