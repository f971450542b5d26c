"""The settings of a chaos run, and what it drops: files with a known outcome, poison, late or duplicate messages."""

import heapq
import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ingest.contract import Env, Status
from loadtest.checker.found import ONLY_COMPLETE, Expected
from loadtest.harness.stack_client import StackClient
from loadtest.harness.testbed import TestbedSettings
from loadtest.simulator import Faults, Key, Table
from loadtest.workload.changes import NOT_SUMMED, ChangesFile
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parent / "feeds.toml"
FEED, TABLE, PREFIX, NO_FEED_PREFIX = "drops", "ChaosRows", "drops/", "no-feed/"
CHANGES_TABLE, CHANGES_PREFIX = "ChaosChanges", "changes/"
KB, MB = 1_000, 1_000_000
RECORD_BYTES = (1 << 20, 6 << 20, 12 << 20)  # a block is 4 MiB, or as large as the largest record allowed
SEGMENT_FACTORS = (1, 2, 3)
TABLES = {TABLE: Table(Key("customer"), Key("id")), CHANGES_TABLE: Table(Key("account"), Key("entry"))}
SIZES = (KB, KB, 5 * KB, 20 * KB, 100 * KB, 300 * KB, MB, 2 * MB, 5 * MB, 9 * MB, 20 * MB)


@dataclass(frozen=True, kw_only=True)
class ChaosSettings(TestbedSettings):
    """The settings of a chaos run. `_every_s` are mean times between two such faults."""

    seconds: float  # time of dropping files and injecting faults; then the run waits until all has settled
    feeds: Path = FEEDS
    tables: Mapping[str, Table] = field(default_factory=lambda: dict(TABLES))
    kept: frozenset[str] = frozenset({CHANGES_TABLE})
    not_summed: frozenset[str] = NOT_SUMMED
    skews_s: tuple[float, ...] = (0.0, 0.0, 15.0, -15.0)
    function_s: float = 40.0
    segment_bytes: int = 9 * MB
    redeliver: float = 0.05
    # More than the stack's 5: workers live for half a minute, and a killed one has used a delivery of each message.
    max_receive_count: int = 15
    cut_share: float = 0.1
    kill_every_s: float = 5.0
    freeze_every_s: float = 40.0  # a worker is frozen for longer than a lease
    deploy_every_s: float = 30.0  # half of the workers restart with other settings; 0: never
    open_bytes: int = 60 * MB  # nothing is dropped while files of this total size have not ended
    sizes: tuple[int, ...] = SIZES  # chosen with equal probability
    # Files of changes that share their keys: rows of each file, and extra bytes of each row, which make it split.
    histories: tuple[tuple[int, int], ...] = ((50, 0), (2_000, 0), (8_000, 1_500))
    throttled: float = 0.3  # the share of write requests, at any rate; for half of it single items are throttled
    stuck_s: float = 60.0
    reconcile_every_s: float = 20.0

    def environment(self) -> dict[str, str]:
        """Return variables that the workers have in addition to the deployed function's, or with other values."""
        return {**super().environment(), Env.STUCK_S: str(self.stuck_s)}

    def deployment(self, number: int, folder: Path) -> dict[str, str]:
        """Write the feeds file of a deployment to a folder; return the variables that differ for its workers.

        Each deployment splits files differently: segment sizes vary, and so do block sizes, with the largest record
        allowed. Half of the deployments rename the feed.
        """
        chance = random.Random(f"{self.seed} {number}")
        name = chance.choice([FEED, f"{FEED}_renamed"])
        section = f"[feeds.{name}.csv]\nmax_record_bytes = {chance.choice(RECORD_BYTES)}\n"
        text = self.feeds.read_text(encoding="utf-8").replace(f"[feeds.{FEED}", f"[feeds.{name}") + section
        (folder := folder / f"deployment-{number}").mkdir()
        (folder / self.feeds.name).write_text(text, encoding="utf-8")
        segment_bytes = self.segment_bytes * chance.choice(SEGMENT_FACTORS)
        return {"CHAOS_ROOT": str(folder), Env.SEGMENT_BYTES: str(segment_bytes)}

    def faults(self) -> tuple[Faults, Faults]:
        """Return the faults of requests about rows, and those of all other requests to DynamoDB."""
        half, seed = self.throttled / 2, self.seed
        rare = dict.fromkeys(("reset_before", "reset_after", "truncated", "wrong_crc32"), 0.005)
        of_rows = {**rare, "throttled": half, "throttled_items": half, "internal_error": 0.02, "slow": 0.002}
        of_others = {"throttled": 0.03, "internal_error": 0.02, "reset_before": 0.01, "reset_after": 0.03}
        return Faults(seed=seed, slow_s=1.5, **of_rows), Faults(seed=seed + 1, truncated=0.01, **of_others)


MOST_GZIP_BYTES = 12 * MB
FILE_KINDS = {"plain": 55, "gzip": 15, "overwritten": 10, "deleted": 3, "changes": 5}
FILE_KINDS |= {"poison file": 8, "poison message": 4}
MOST_SHARING = 4
NEWS = {"once": 50, "twice": 20, "late": 20, "never": 5, "found first": 5}
PERHAPS = frozenset({Status.COMPLETE, Status.SUPERSEDED, ""})  # replaced or deleted, before or after it is loaded
COLUMNS = {"city": "text:1:2", "note": "text:1:150?0.1"}
DEFECTS = {"bad_number": 0.001, "bad_boolean": 0.001, "empty_key": 0.001, "ragged_row": 0.001}
DEFECTS |= {"duplicates": 0.004, "quotes": 0.3, "line_breaks": 0.3}


class Dropper:
    """Drops files and messages, chosen by a seed, and records all of them."""

    def __init__(self, stack_client: StackClient, settings: ChaosSettings, now_s: Callable[[], float]) -> None:
        self.files: list[Expected] = []
        self.poison: set[str] = set()
        self.counts = dict.fromkeys([*FILE_KINDS, *(f"notified {news}" for news in NEWS)], 0)
        self._stack_client, self._settings, self._now_s = stack_client, settings, now_s
        self._chance = random.Random(settings.seed)
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order, self._numbers, self._sequence = itertools.count(), itertools.count(1), itertools.count(1)

    @property
    def has_more(self) -> bool:
        """Whether any scheduled action is still to be done."""
        return bool(self._later)

    def do_what_is_due(self) -> None:
        """Do the scheduled actions that are due."""
        while self._later and self._later[0][0] <= self._now_s():
            heapq.heappop(self._later)[2]()

    def drop(self) -> None:
        """Drop one more file or message, of a random kind."""
        kind = self._one_of(FILE_KINDS)
        self.counts[kind] += 1
        if kind == "poison message":
            self._send_poison(next(self._numbers))
        elif kind == "poison file":
            self._drop_poison(next(self._numbers))
        elif kind == "changes":
            self.drop_changes(next(self._numbers))
        else:
            self.drop_rows(kind)

    def drop_rows(self, kind: str, *, news: str | None = None) -> None:
        """Drop a file with rows: plain, gzip, overwritten or deleted. `news`: how S3 notifies of it; None: random."""
        key = f"{PREFIX}{next(self._numbers):04d} file+{kind}.csv"
        is_whole = kind in ("plain", "gzip")
        self._put_rows(key, ONLY_COMPLETE if is_whole else PERHAPS, news=news, is_gzip=kind == "gzip")
        if kind == "deleted":
            self._do_later(self._chance.uniform(0.5, 15), lambda: self._stack_client.delete(key))
        elif kind == "overwritten":
            self._do_later(self._chance.uniform(0.5, 15), lambda: self._put_rows(key, ONLY_COMPLETE))

    def drop_changes(self, number: int) -> None:
        """Drop files that share their keys, in any order: the newest row of each key must stay."""
        rows, wide_bytes = self._chance.choice(self._settings.histories)
        history = {"seed": (self._settings.seed << 32) + number, "rows": rows, "wide_bytes": wide_bytes}
        count = self._chance.randint(2, MOST_SHARING)
        for file in range(count):
            put = partial(
                self._put_changes, f"{CHANGES_PREFIX}{number:04d} {file}.csv", file=file, files=count, **history
            )
            self._do_later(self._chance.uniform(0, 15), put)

    def _put_changes(self, key: str, **about: int) -> None:
        made = ChangesFile(**about)
        etag = self._stack_client.drop(key, b"".join(made))
        self._remember(Expected.of(key, CHANGES_TABLE, made.known_outcome, etag=etag), None)

    def _put_rows(self, key: str, statuses: frozenset[str], *, news: str | None = None, is_gzip: bool = False) -> None:
        size = self._chance.choice(self._settings.sizes)
        recipe = recipe_of(
            FEEDS,
            FEED,
            size=min(size, MOST_GZIP_BYTES) if is_gzip else size,
            columns=COLUMNS,
            defects=DEFECTS,
            seed=self._settings.seed,
            compression="gzip" if is_gzip else "none",
            file=len(self.files),
            segment_bytes=self._settings.segment_bytes,
        )
        generation = Generation(recipe)
        etag = self._stack_client.drop(key, b"".join(generation))
        more = {"statuses": statuses, "etag": etag, "recipe": None if statuses == ONLY_COMPLETE else recipe}
        self._remember(Expected.of(key, TABLE, generation.known_outcome, **more), news)

    def _drop_poison(self, number: int) -> None:
        """Drop a small file that can never be loaded; its notification is sent twice."""
        content, prefix = self._chance.choice(
            [
                (b"\x00\x01\x02" * 500, PREFIX),
                (b"", PREFIX),
                (b"quite,another,header\n1,2,3\n", PREFIX),
                (b"id,customer,quantity,price,paid\n1,2,3,4,true\n", NO_FEED_PREFIX),
            ]
        )
        key = f"{prefix}{number:04d}-poison.csv"
        etag = self._stack_client.drop(key, content)
        failed = frozenset({Status.FAILED})
        self._remember(Expected(key=key, table=TABLE, bytes=len(content), statuses=failed, etag=etag), "twice")

    def _send_poison(self, number: int) -> None:
        body = self._chance.choice(['{"ingest": "dance", "number": %d}', "no JSON %d", '{"Records": [{"number": %d}]}'])
        self.poison.add(body % number)
        self._stack_client.send(body % number)

    def _remember(self, file: Expected, news: str | None) -> None:
        """Record a dropped file; send its notification as S3 may on a bad day: once, twice, late, or never."""
        self.files.append(file)
        news = news or self._one_of(NEWS)
        self.counts[f"notified {news}"] += 1
        sequencer = f"{next(self._sequence):016X}"
        body = self._stack_client.notification(file.key, sequencer=sequencer, etag=file.etag, size=file.bytes)
        delays = {
            "once": [0.0],
            "twice": [0.0, self._chance.uniform(0, 10)],
            "late": [self._chance.uniform(1, 15)],
            "never": [],
            "found first": [self._settings.stuck_s + 2 * self._settings.reconcile_every_s],
        }[news]
        for delay in delays:
            self._do_later(delay, lambda: self._stack_client.send(body))

    def _one_of(self, weights: dict[str, int]) -> str:
        return self._chance.choices(list(weights), list(weights.values()))[0]

    def _do_later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self._now_s() + seconds, next(self._order), action))
