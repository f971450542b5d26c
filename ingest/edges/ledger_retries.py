"""Attempts that an operator asked for: a record of their own, begun with what the attempt before had finished."""

from ingest.contract import Ledger as Names
from ingest.core.books import Books
from ingest.core.notification import FileVersion
from ingest.core.planner import Segment
from ingest.core.states import FILE_STEPS, SEGMENT_STEPS
from ingest.core.work import Begun, Checkpoint, Work
from ingest.edges.ledger_table import Item, LedgerItems, allowed, checkpoint_of, cut_fields, file_fields, iso, number


class Retries(LedgerItems):
    """Begins attempts."""

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""
        name = Work(file).sort_key
        return checkpoint_of(self.read("looking up a file", file, name).get(name, {}))

    def retry(self, file: FileVersion, *, feed: str, begun: Begun, now_s: float) -> bool:
        """Write the record of another attempt at a file; return False if there is one already."""
        condition, _ = allowed(FILE_STEPS["retry"])
        change = "SET #status = :to, #file = :file, feed = :feed, listing = :listing, listed_at = :iso"
        change += ", lease_until = :zero, first_seen = :now, moved = :now"
        values: Item = {":to": FILE_STEPS["retry"].target, ":zero": 0, ":now": number(now_s), ":iso": iso(now_s)}
        values |= {":file": file_fields(file), ":feed": feed, ":listing": f"{feed}#{Names.OPEN}"}
        more, more_values = _begun(begun)
        change += more
        return self.update("beginning a retry", self._key(Work(file)), change, condition, values | more_values)[0]

    def carry_over(self, file: FileVersion, segment: Segment, books: Books, *, now_s: float) -> None:
        """Write the record of a segment that an earlier attempt has loaded, unless it is there already."""
        condition, _ = allowed(SEGMENT_STEPS["carry over"])
        change, values = _counts(books)
        change = f"SET #status = :to, #start = :start, #end = :end, lease_until = :zero, moved = :now{change}"
        values |= {":to": SEGMENT_STEPS["carry over"].target, ":zero": 0, ":now": number(now_s)}
        values |= {":start": cut_fields(segment.start), ":end": cut_fields(segment.end)}
        self.update("carrying a segment over", self._key(Work(file, segment)), change, condition, values)

    def _key(self, work: Work) -> dict[str, str]:
        return self.key(work.file, work.sort_key)


def _begun(begun: Begun) -> tuple[str, Item]:
    """Return the change that writes what an attempt begins with, and its values."""
    if begun.checkpoint:
        change, values = _counts(begun.checkpoint.books)
        values |= {":at": cut_fields(begun.checkpoint.at), ":window": cut_fields(begun.checkpoint.window)}
        return f"{change}, #at = :at, #window = :window", values
    if begun.plan:
        change, values = _counts(begun.books)
        values |= {":plan": cut_fields(begun.plan.at), ":planned": begun.plan.segments, ":done": begun.segments_done}
        return f"{change}, #plan = :plan, segments_planned = :planned, segments_done = :done", values
    return "", {}


def _counts(books: Books) -> tuple[str, Item]:
    counts: Item = {f":{name}": count for name, count in books.counts().items()}
    return "".join(f", {name[1:]} = {name}" for name in counts), counts
