"""How much memory the function needs for the feeds: a bound, measured with the rows that take most."""

from infra.settings import Settings
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed, Feeds

MIB = 1024 * 1024
LEAST_BLOCK_BYTES = 4 * MIB  # as `ingest.reading` cuts, where records are shorter
# Measured with rows of five bytes and more (docs/evidence.md): the interpreter with its libraries and the hashes of a
# million keys; and for each MiB of a block, as text, columns, items, or rejects, whichever takes most.
BASE_MB = 250
MB_FOR_EACH_MIB = 60


def needed_mb(feeds: Feeds) -> int:
    """Return the memory in MB that a function needs to load the files of all feeds."""
    return max(BASE_MB + MB_FOR_EACH_MIB * _block_mib(feed) for feed in feeds.feeds.values())


def check_memory(settings: Settings, feeds: Feeds) -> None:
    """Check that the function has as much memory as the feeds need.

    Raises:
        SettingsFault: it has not; says for which feed, and how much it needs.
    """
    needed = needed_mb(feeds)
    if settings.memory_mb >= needed:
        return
    name, feed = max(feeds.feeds.items(), key=lambda named: _block_mib(named[1]))
    raise SettingsFault(
        f"`memory_mb` = {settings.memory_mb} is wrong: feed {name!r} needs {needed:,}, because its "
        f"max_record_bytes is {feed.csv.max_record_bytes:,}. Raise the one or lower the other."
    )


def _block_mib(feed: Feed) -> int:
    """Return the size of a block, in which the longest record must fit, rounded up."""
    return -(-max(LEAST_BLOCK_BYTES, feed.csv.max_record_bytes) // MIB)
