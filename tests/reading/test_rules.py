"""Where files are cut, pinned to the version of the rules: who changes the one must raise the other."""

import hashlib

from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.blocks import RULES
from ingest.reading.reader import open_file
from tests.support.fakes import reading

ROWS = "".join(f'k{n},"a ""b"" {n}\n{"x" * (n % 9)}",{n}\n' for n in range(60)) + 'o,"open\n' + "z" * 1500 + "\nk,1,2\n"
ROWS += 'k,"\n' + '""a' * 25  # a last line without end, behind a stray quote
HEAD = b"id,note,n\n"
DIALECTS = (Csv(max_record_bytes=1024), Csv(max_record_bytes=1024, quoting="lenient"), Csv(quote="", encoding="cp1252"))
CUTS = {2: "426b94664429fed7"}


def cuts() -> str:
    """Return a digest of all chunks and segments of one text, in some dialects and sizes."""
    seen = []
    for csv in DIALECTS:
        for block in (64, 300, 2000):
            feed = Feed("f/", "Table", "id", csv=csv)
            planned = open_file(reading(HEAD + ROWS.encode(), 50), feed, block_bytes=block)
            seen += map(repr, planned.segments(planned.start, 700))
            reader = open_file(reading(HEAD + ROWS.encode(), 50), feed, block_bytes=block)
            seen += [repr((type(chunk).__name__, chunk, reader.position)) for chunk in reader.blocks(reader.start)]
    return hashlib.sha256("".join(seen).encode()).hexdigest()[:16]


def test_files_are_cut_as_this_version_of_the_rules_says() -> None:
    """If this fails, files under way would be cut otherwise: raise `RULES`, and pin the new digest here."""
    assert CUTS[RULES] == cuts()
