"""The writer of feeds with `skip_unchanged`: it reads first, and writes what differs."""

from collections.abc import Sequence
from dataclasses import replace

from ingest.contract import Skipped, WriteOperation
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted, write_some
from ingest.dynamodb.request_loop import RequestLoop
from ingest.dynamodb.single_writer import FastWriter
from ingest.dynamodb.unchanged.comparison import Comparison, ComparisonRules
from ingest.dynamodb.unchanged.reads import KeysRequest, StoredReads
from ingest.dynamodb.write_stats import NO_LATENCIES, WriteStats
from ingest.items.items import Items


class SkipUnchangedWriter:
    """Reads what the table holds, by `loop`, and lets `writer` write what differs.

    Items that are there from the very row, of a load before this one, are written.
    """

    def __init__(self, loop: RequestLoop[KeysRequest], writer: FastWriter, rules: ComparisonRules) -> None:
        self.loop = loop
        self.writer = writer
        self._rules = rules

    @property
    def stats(self) -> WriteStats:
        """What was counted of writes since the writer was made, and of reads how often they were throttled, and why."""
        reads = replace(self.loop.stats, items=0, units=0, requests=0, retries=0, unprocessed=0, latencies=NO_LATENCIES)
        return self.writer.stats.plus(reads)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write the items that differ; return what became of all that are not in the table now, or were not written.

        Raises as `ItemWriter.write`.
        """
        compared = Comparison(items, self.loop.table, self._rules)
        unchanged, own = list[int](), list[int]()

        def note(rows: Sequence[int], answers: Sequence[bytes]) -> None:
            found = compared.unchanged(rows, answers)
            taken(found.others, Skipped.UNCHANGED)
            taken(found.own)
            unchanged.extend(found.others)
            own.extend(found.own)

        reads = StoredReads(items, self.loop.table, self._wanted(items), note)
        self.loop.run(reads, heartbeat, not_noted)
        reads.finish()
        known = {*unchanged, *own}
        rest = [row for row in range(len(items)) if row not in known]
        skipped = WriteResult(skipped={Skipped.UNCHANGED: sorted(unchanged)} if unchanged else {})
        return skipped + write_some(self.writer, items, rest, heartbeat, taken) if rest else skipped

    def _wanted(self, items: Items) -> list[str] | None:
        """Return the attributes to be read: an update is compared with those it has, a deletion with none."""
        if items.operations is not None or self._rules.operation == WriteOperation.PUT:
            return None
        attributes = items.keys if self._rules.operation == WriteOperation.DELETE else items.attributes
        return [attribute.name for attribute in attributes]

    def close(self) -> None:
        """Close the connections."""
        self.loop.close()
        self.writer.close()
