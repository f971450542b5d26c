"""How much memory the function needs for the feeds: a bound, measured with the rows that take most.

The highest peaks of a whole process, at blocks of 4 and of 16 MiB, the largest there are: 227 and 287 MB for rows of
six bytes, 278 and 322 MB where they have a million keys in no order, 194 and 252 MB for sixty columns, less for rejects
and duplicates (tests/e2e/test_memory.py, x86-64, Python 3.11). The bound is 324 and 396 MB. All feeds fit in the 512 MB
that `memory_mb` has at least, since blocks of very narrow rows are taken in parts.
"""

from infra.settings import Settings
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed, Feeds

MIB = 1024 * 1024
LEAST_BLOCK_BYTES = 4 * MIB  # as `ingest.reading` cuts, where records are shorter
# The interpreter with its libraries, a part of a block and the hashes of a million keys; and each MiB of a block.
BASE_MB = 300
MB_FOR_EACH_MIB = 6


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
