"""The product with a number of requests under way that is given, not found: how good is what it finds by itself?"""

import argparse
import json
import time
from pathlib import Path

from ingest.cli.source import open_source, open_table
from ingest.dynamodb.rate_limit import ConcurrencyLimiter
from ingest.dynamodb.writer import BatchWriter
from ingest.feeds.parse import read_feeds
from ingest.rejects.local_file import RejectFile
from ingest.worker.load import Load

FEEDS = Path(__file__).parent.parent.parent / "feeds.toml"


def main() -> None:
    """Load the object named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--feed", required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    arguments = parser.parse_args()
    feed = read_feeds(FEEDS).named(arguments.feed)
    writer = open_table(feed.table, feed)
    assert isinstance(writer, BatchWriter)
    writer._limiter = ConcurrencyLimiter.fixed(arguments.in_flight)
    rejects = RejectFile(Path(f"{Path(arguments.url).name}.rejects.jsonl"), source=arguments.url)
    load = Load(feed=feed, writer=writer, rejects=rejects, file=arguments.url, now_s=time.time())
    print(json.dumps({"rows": load.run(open_source(arguments.url).read).rows_written}))


if __name__ == "__main__":
    main()
