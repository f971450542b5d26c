"""A file ends as it was begun: deployments change feeds.toml, sizes and the code while it is being loaded."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from ingest.contract import Status
from ingest.errors import SettingsFault
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Feeds, Index, Lineage, Operation, RowLimit, Ttl
from ingest.feeds.parse import NOT_MEANING, NOT_MEANING_CSV, meaning_of, read_section, section_of
from ingest.ledger.work_item import WorkItem
from ingest.worker.attempt import DeployedSettings, LoadSettings
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.model.check import check
from tests.model.deployments import FEED, HEAD, SIZES, Deployment
from tests.model.scheduler import KilledError
from tests.model.simulation import ModelRun
from tests.recovery.test_retry import Operator
from tests.support.fakes import FakeTable
from tests.support.memory_ledger import MemoryEntry
from tests.support.world import KEY, World, event

B = "orders/b.csv"
ROWS = b"".join(b"k%02d,%s\n" % (n, b"x1" if n % 7 == 3 else b"%d" % (20 + n)) for n in range(40))
WHOLE = Deployment(segment_bytes=10**6)


# --- what the settings of a file are ---

CHANGES: dict[str, Any] = {
    "prefix": "others/",
    "table": "Others",
    "partition_key": "n",
    "sort_key": "n",
    "writer": "boto3",
    "interleave": False,
    "existing": True,
    "role": "arn:aws:iam::123456789012:role/r",
    "region": "us-east-1",
    "csv": Csv(delimiter=";"),
    "columns": {"n": Column(type="S")},
    "attributes": {"source": "s"},
    "ttl": Ttl(after="1d"),
    "lineage": Lineage(file="f"),
    "indexes": {"i": Index("n")},
    "write": "insert",
    "newest": "file",
    "skip_unchanged": True,
    "operation": Operation("n"),
    "tombstone": "30d",
    "max_rejects": RowLimit(count=3),
    "max_duplicates": RowLimit(count=3),
    "exclude": ("*.bak",),
    "include": ("*.csv",),
}
CSV_CHANGES: dict[str, Any] = {
    "delimiter": ";",
    "quote": "'",
    "escape": "\\",
    "quoting": "lenient",
    "blanks_around_quotes": True,
    "header": ("a", "b"),
    "skip_lines": 1,
    "line_end": "~",
    "repeated_header": "skip",
    "names": ("a", "b"),
    "footer_lines": 1,
    "comment": "#",
    "encoding": "cp1252",
    "compression": "gzip",
    "max_expanded_bytes": 7,
    "max_ratio": 7,
    "max_record_bytes": 2048,
    "null_values": ("-",),
    "quoted_nulls": False,
    "escapes": "mysql",
    "trim": True,
    "decimal": ",",
    "thousands": ".",
    "accounting": True,
    "ragged": "pad",
    "empty_rows": "skip",
    "missing_columns": "allow",
    "unknown_columns": "drop",
}


def test_all_settings_of_a_feed_are_tried_here() -> None:
    assert set(CHANGES) | {"format"} == set(Feed.__struct_fields__)
    assert set(CSV_CHANGES) == set(Csv.__struct_fields__)


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_but_a_few_limits_is_what_a_file_means(name: str) -> None:
    changed = msgspec.structs.replace(FEED, **{name: CHANGES[name]})
    assert (meaning_of(changed) == meaning_of(FEED)) == (name in NOT_MEANING)
    assert read_section(section_of(changed)) == changed


@pytest.mark.parametrize("name", CSV_CHANGES)
def test_so_is_every_setting_of_a_dialect(name: str) -> None:
    changed = msgspec.structs.replace(FEED, csv=Csv(**{name: CSV_CHANGES[name]}))
    assert (meaning_of(changed) == meaning_of(FEED)) == (name in NOT_MEANING_CSV)
    assert read_section(section_of(changed)) == changed


@pytest.mark.parametrize("name", ["block", "cell", "window", "rules"])
def test_so_are_all_sizes_and_the_version_of_the_rules(name: str) -> None:
    settings = LoadSettings(FEED, SIZES, 72)
    others = [replace(settings, sizes=replace(SIZES, **{name: 99})), replace(settings, segment_bytes=73)]
    assert len({settings.fingerprint, *(other.fingerprint for other in others)}) == 3
    assert all(LoadSettings.read(other.kept().text) == other for other in others)


def test_a_section_in_another_order_is_the_same() -> None:
    one = msgspec.structs.replace(FEED, columns={"a": "N", "b": "N"})
    assert meaning_of(one) == meaning_of(msgspec.structs.replace(FEED, columns={"b": "N", "a": "N"}))


@pytest.mark.parametrize(
    "text", ['{"prefix": "o/"}', '{"prefix": "o/", "table": "Tab", "partition_key": "k", "more": 1}']
)
def test_a_section_that_this_version_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(SettingsFault, match="cannot be read"):
        read_section(text)


def test_the_settings_of_a_feed_of_3000_columns_fit_an_item() -> None:
    columns = {f"column_{n}_of_a_wide_table": Column(type="N", name=f"attribute_{n}") for n in range(3000)}
    world = World()
    feeds = Feeds({"wide": Feed("wide/", "Wide", "id", columns=columns)})
    settings = DeployedSettings(feeds, world.ledger, sizes=Sizes(), segment_bytes=99)
    settings.keep()
    assert len(world.ledger.kept_feeds["wide"].text) > 400_000


# --- deployments while a file is split ---


def after_the_planner_was_killed(*, sends: int, rows: bytes = ROWS) -> ModelRun:
    """Return a simulation whose planner died when it had sent that many messages."""
    simulation = ModelRun([])
    simulation.drop((B, HEAD + rows))
    send = simulation.queue.send
    sent: list[str] = []

    def send_some(bodies: Iterable[str], **named: int) -> None:
        if len(sent) == sends:
            raise KilledError
        sent.extend(bodies)
        send(sent[-1:], **named)

    simulation.queue.send = send_some  # type: ignore[method-assign]
    step(simulation)
    simulation.queue.send = send  # type: ignore[method-assign]
    return simulation


def step(simulation: ModelRun) -> None:
    runner = simulation.next_runner()
    assert runner is not None
    simulation.scheduler.run(runner)


def ended(simulation: ModelRun) -> MemoryEntry:
    """Run a simulation to its end, check it, and return the only entry of its file."""
    simulation.run()
    check(simulation)
    (entry,) = simulation.ledger.files()
    return entry


@pytest.mark.parametrize("sends", [0, 1, 2, 3])
@pytest.mark.parametrize("segment_bytes", [10**6, 110, 40])
def test_segment_mb_may_change_while_no_one_plans_a_file(segment_bytes: int, sends: int) -> None:
    """Raised, the file was loaded as a whole beside its segments, and counted twice; lowered, it never ended."""
    simulation = after_the_planner_was_killed(sends=sends)
    simulation.deployed = Deployment(segment_bytes=segment_bytes)
    if sends:
        assert ended(simulation).status == Status.COMPLETE
    else:  # only a segment's entry was written: nothing is lost by beginning anew
        simulation.run()
        check(simulation)
        assert [entry.status for entry in simulation.ledger.files()] == [Status.SUPERSEDED, Status.COMPLETE]


def test_segments_that_are_done_before_the_planner_comes_back_are_counted_once() -> None:
    """341 of 300 rows were counted, and rejects were there twice."""
    simulation = after_the_planner_was_killed(sends=3)
    for _ in range(3):
        step(simulation)
    simulation.deployed = WHOLE
    entry = ended(simulation)
    assert (entry.status, entry.row_counts.rows_read, entry.row_counts.rows_rejected) == (Status.COMPLETE, 40, 6)


@pytest.mark.parametrize("name", ["renamed", "removed"])
def test_a_lost_segment_of_a_feed_that_was_renamed_or_removed_is_found(name: str) -> None:
    """Only the feeds of today's feeds.toml were looked after: the file stayed SPLIT for good."""
    simulation = ModelRun([])
    simulation.drop((B, HEAD + ROWS))
    step(simulation)
    del simulation.queue.messages[0]
    feeds = Feeds({"renamed": FEED} if name == "renamed" else {"others": Feed("others/", "Others", "id")})
    simulation.deployed = Deployment(feeds)
    entry = ended(simulation)
    assert (entry.status, entry.feed, len(simulation.table.items)) == (Status.COMPLETE, "orders", 34)


# --- retries ---


def loaded_until_too_many_rejects(sizes: Sizes, feed: Feed) -> Operator:
    """Return an operator before a file that failed at its third reject, far behind its first checkpoint."""
    world = World(timing=Timing(checkpoint_s=0))
    world.objects.contents[KEY] = b"id,n\n" + b"".join(b"k%03d,%d\n" % (n, n) for n in range(120)) + b"z,x\n" * 3
    world.objects.contents[KEY] += b"".join(b"k%03d,%d\n" % (n, n) for n in range(120, 160))
    world.dispatcher = world.build(Feeds({"orders": feed}), sizes=sizes, timing=Timing(checkpoint_s=0))
    world.take(event(KEY))
    (failed,) = world.ledger.files()
    assert (failed.status, failed.error_code) == (Status.FAILED, "too_many_rejects")
    assert failed.checkpoint is not None
    return Operator(world)


SMALL = Sizes(block=100, cell=100, window=400)
LIMITED = Feed("orders/", "Orders", "id", columns={"n": "N"}, max_rejects=RowLimit(count=2))


def test_a_retry_from_the_checkpoint_after_blocks_have_grown_loses_nothing() -> None:
    """Of 220,000 rows 59,998 were neither written nor rejected, and the file was COMPLETE."""
    operator = loaded_until_too_many_rejects(SMALL, LIMITED)
    world = operator.world
    feeds = Feeds({"orders": msgspec.structs.replace(LIMITED, max_rejects=RowLimit())})
    world.dispatcher = world.build(feeds, sizes=replace(SMALL, block=700))
    operator.retry("checkpoint")
    operator.deliver()
    first, again = world.ledger.files()
    assert again.settings == first.settings
    assert again.error_code == "too_many_rejects"  # as it was begun: --from start takes what is deployed
    operator.retry("start")
    operator.deliver()
    assert len(world.table.items) == 160
    last = world.ledger.files()[-1]
    assert (last.status, last.row_counts.rows_read, last.row_counts.rows_rejected) == (Status.COMPLETE, 163, 3)


def test_a_limit_that_was_raised_holds_for_a_retry_from_the_checkpoint() -> None:
    operator = loaded_until_too_many_rejects(SMALL, LIMITED)
    world = operator.world
    feeds = Feeds({"orders": msgspec.structs.replace(LIMITED, max_rejects=RowLimit())})
    world.dispatcher = world.build(feeds, sizes=SMALL)
    operator.retry("checkpoint")
    operator.deliver()
    last = world.ledger.files()[-1]
    assert (last.status, last.row_counts.rows_read, last.row_counts.rows_rejected) == (Status.COMPLETE, 163, 3)
    assert len(world.table.items) == 160


# --- before the first checkpoint, and where nothing can be followed ---


def half_done(world: World, sizes: Sizes = SMALL) -> None:
    """Let a worker die after the first checkpoint of a file."""
    world.writer = FakeTable(fail_after=2)
    world.dispatcher = world.build(world.feeds, sizes=sizes, timing=Timing(checkpoint_s=0))
    world.objects.contents[KEY] = b"id,n\n" + b"".join(b"k%03d,%d\n" % (n, n) for n in range(60))
    with pytest.raises(Exception, match="as scripted"):
        while True:
            world.take(event(KEY))
    assert world.entry().checkpoint is not None
    world.writer = world.table


def test_a_feed_that_was_wrong_is_fixed_for_files_of_which_nothing_is_done() -> None:
    world = World(writer=FakeTable(fail_after=0))
    with pytest.raises(Exception, match="as scripted"):
        world.take(event(KEY))
    world.writer = world.table
    world.dispatcher = world.build(Feeds({"fixed": Feed("orders/", "Right", "id", columns={"n": "S"})}))
    world.take(event(KEY), message_id="m1", delivery=2)
    (message,) = world.queue.sent
    world.take(message.body, message_id="m2")
    old, new = world.ledger.files()
    assert (old.status, old.error_code, old.feed) == (Status.SUPERSEDED, "object_superseded", "orders")
    assert (new.status, new.feed, new.work.file.retry) == (Status.COMPLETE, "fixed", 1)
    assert sorted(item["n"] for item in world.table.items.values()) == ["1", "3", "x"]
    assert [outcome.status for _, _, outcome in world.events.reported] == [Status.SUPERSEDED, Status.COMPLETE]


@pytest.mark.parametrize("change", ["column", "block", "removed", "renamed"])
def test_a_file_with_a_checkpoint_goes_on_as_it_was_begun(change: str) -> None:
    world = World()
    half_done(world)
    feed = world.feeds.feeds["orders"]
    others: dict[str, Feeds] = {
        "column": Feeds({"orders": msgspec.structs.replace(feed, columns={"n": "S"})}),
        "block": world.feeds,
        "removed": Feeds({"others": Feed("others/", "Others", "id")}),
        "renamed": Feeds({"renamed": feed}),
    }
    world.dispatcher = world.build(others[change], sizes=replace(SMALL, block=300) if change == "block" else SMALL)
    world.take(event(KEY), delivery=2)
    entry = world.entry()
    assert (entry.status, entry.row_counts.rows_read) == (Status.COMPLETE, 60)
    assert {type(item["n"]).__name__ for item in world.table.items.values()} == {"Decimal"}


def test_a_file_that_was_begun_by_other_rules_is_begun_anew() -> None:
    world = World()
    half_done(world)
    world.dispatcher = world.build(world.feeds, sizes=replace(SMALL, rules=SMALL.rules + 1))
    world.take(event(KEY), delivery=2)
    world.take(world.queue.sent[-1].body, message_id="m2")
    old, new = world.ledger.files()
    assert (old.status, new.status, new.row_counts.rows_read) == (Status.SUPERSEDED, Status.COMPLETE, 60)
    assert old.outcome is not None
    assert "other settings" in str(old.outcome.error)


def test_settings_are_kept_before_the_first_file_is_begun_and_once() -> None:
    world = World()
    calls: list[str] = []
    keep, begin = world.ledger.keep_feeds, world.ledger.begin

    def noting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **named: (calls.append(name), call(*args, **named))[1]

    world.ledger.keep_feeds = noting("keep", keep)  # type: ignore[method-assign]
    world.ledger.begin = noting("begin", begin)  # type: ignore[method-assign]
    world.take(event(KEY))
    world.take(event("orders/b.csv"), message_id="m2")
    assert calls == ["keep", "begin", "begin"]
    assert world.ledger.settings(world.entry().settings) == world.ledger.feeds()["orders"].text


def test_the_work_of_a_file_begun_by_an_older_version_of_the_ingester_goes_on() -> None:
    world = World()
    half_done(world)
    (entry,) = world.ledger.files()
    entry.settings = ""
    world.dispatcher = world.build(world.feeds, sizes=SMALL)
    world.take(event(KEY), delivery=2)
    assert (world.entry().status, world.entry().row_counts.rows_read) == (Status.COMPLETE, 60)
    assert world.ledger.queries.entry(WorkItem(world.entry().work.file)) is not None
