"""Files that were begun in the HEAD of their object and do not have an entry of their own yet (docs/decisions/0021).

The write that notes a version as the newest of its key also makes its first claim. The file's entry is written when the
file ends, or before anything else is written about it; in the latter case it is listed as open, too. Until then, a read
of the entry returns what it would be.
"""

from collections.abc import Mapping

from ingest.aws.clock import iso
from ingest.contract import LedgerKeys, Status
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.table import (
    Item,
    LedgerTable,
    allowed,
    entry_key,
    file_fields,
    key_of,
    number,
    read_file,
    set_fields,
)
from ingest.ledger.work_item import FILE_STEPS, WorkItem

ABANDONED_S = 60.0  # enough time for the worker that ended a file to report it
_HEAD_FIELDS = ("sequencer", "order_ms", "found_etag", "found_at", "found_changed", "found_ms", "begun")


def begun_fields(
    file: FileVersion, *, feed: str, settings: str, token: LeaseToken, now_s: float, order_ms: int
) -> Item:
    """Return the attributes in a HEAD that describe a file begun there."""
    fields: Item = {"lease": token.value, "lease_until": number(token.until_s), "first_seen": number(now_s)}
    fields |= {"feed": feed, "file": file_fields(file), "order_ms": order_ms}
    return fields | ({"settings": settings} if settings else {})


def begun_in(head: Item) -> Item:
    """Return the entry, as it would be, of the file that was begun in a HEAD; empty if none was."""
    if "begun" not in head:
        return {}
    begun = head["begun"]
    times = dict.fromkeys(("started", "moved"), begun["first_seen"])
    counts = {"attempts": 1, "claims_in_a_row": 1}
    return {"status": Status.LOADING, **entry_key(WorkItem(read_file(begun["file"]))), **times, **counts, **begun}


def entry_in(found: Mapping[str, Item], name: str) -> Item:
    """Return the entry of a file by its sort key, from items of its object. The HEAD must have been read before them.

    A file begun in the HEAD is not ignored, even if another deployment wrote an IGNORED entry at the same moment.
    """
    item = found.get(name, {})
    if is_entry(item):
        return item
    begun = begun_in(found.get(LedgerKeys.HEAD, {}))
    return begun if begun.get(LedgerKeys.SORT_KEY) == name else item


def read_entry(table: LedgerTable, what: str, file: FileVersion) -> Item:
    """Return the current entry of a file, also if it was begun in its HEAD; empty if there is none."""
    name = WorkItem(file).sort_key
    return entry_in(table.read(what, file, LedgerKeys.HEAD, name), name)


def is_abandoned(entry: Item, now_s: float) -> bool:
    """Return whether a file may have lost both its worker and its message: its lease expired, and it is not listed.

    The reconciler finds files that are listed.
    """
    is_listed = LedgerKeys.LISTING in entry
    return not is_listed and entry["lease_until"] <= now_s and now_s - float(entry["moved"]) >= ABANDONED_S


def is_late(file: FileVersion, head: Item) -> bool:
    """Return whether a notification is for a version that is not the newest, or that was found in the bucket before."""
    is_older = str(head.get("sequencer", "")) > file.version
    is_found = bool(file.etag) and head.get("found_etag") == file.etag
    return is_older or (is_found and str(head["found_at"]) >= (file.event_time or "~"))


def as_it_was(head: Item) -> tuple[str, Item]:
    """Return the condition that a HEAD has not changed since it was read, and the values in the condition."""
    values = {f":known_{name}": head[name] for name in _HEAD_FIELDS if name in head}
    tests = [f"{name} = :known_{name}" if name in head else f"attribute_not_exists({name})" for name in _HEAD_FIELDS]
    return " AND ".join(tests), values


def change_entry(
    table: LedgerTable, what: str, work: WorkItem, change: str, condition: str, values: Item
) -> tuple[bool, Item]:
    """Change the entry of a file or segment on a condition, as `LedgerTable.update`; write it first if needed."""
    is_ours, item = table.update(what, entry_key(work), change, condition, values)
    if is_ours or work.segment or is_entry(item):
        return is_ours, item
    write_out(table, work.file)
    return table.update(what, entry_key(work), change, condition, values)


def write_out(table: LedgerTable, file: FileVersion) -> None:
    """Write the entry of a file that was begun in its HEAD, unless there is one."""
    begun = _begun(table, file)
    if begun and not is_entry(_entry_itself(table, WorkItem(file))):
        _write_out(table, begun)


def held_in_head(table: LedgerTable, file: FileVersion, token: LeaseToken) -> tuple[str, Item]:
    """Return the change that writes a file's entry with another change, and its values; empty if HEAD lacks the lease.

    What this process began is not read again: the file leaves the HEAD only when it has an entry.
    """
    key, known = entry_key(WorkItem(file)), table.begun_here
    is_known = known.get("lease") == token.value and key.items() <= known.items()
    begun = begun_in({"begun": known}) if is_known else _begun(table, file)
    if begun.get("lease") != token.value:
        return "", {}
    change, values = set_fields(_without(begun, "status", "lease_until", "moved", "lease"), if_new=True)
    return f"{change}, lease = :lease", values


def keep(table: LedgerTable, head: Item, *, but: FileVersion | None = None) -> None:
    """Make the file begun in a HEAD available without it, before a version other than `but` is noted there."""
    begun = begun_in(head)
    work = WorkItem(read_file(begun["file"])) if begun else None
    if work is None or (but and work.file.version == but.version):
        return
    item = _entry_itself(table, work)
    if not is_entry(item):
        _write_out(table, begun)
    elif LedgerKeys.LISTING not in item:  # it has ended: list it in case its worker died before reporting it
        list_as_open(table, work.file, begun["feed"], float(begun["first_seen"]))


def list_as_open(table: LedgerTable, file: FileVersion, feed: str, since_s: float) -> None:
    """List a file as open, so that its outcome will be reported, unless it is listed."""
    change, values = set_fields(_listed(feed, since_s))
    key = entry_key(WorkItem(file))
    table.update("listing a file", key, f"SET {change[2:]}", "attribute_not_exists(listing)", values)


def _entry_itself(table: LedgerTable, work: WorkItem) -> Item:
    return table.read("looking up a file", work.file, work.sort_key).get(work.sort_key, {})


def is_entry(item: Item) -> bool:
    """Return whether an item is the entry of a claimed file. The entry of an ignored object is not."""
    return bool(item.get("status", Status.IGNORED) != Status.IGNORED)


def _begun(table: LedgerTable, file: FileVersion) -> Item:
    head = table.read("looking up an object", file, LedgerKeys.HEAD).get(LedgerKeys.HEAD, {})
    begun = begun_in(head)
    return begun if begun.get(LedgerKeys.SORT_KEY) == WorkItem(file).sort_key else {}


def _write_out(table: LedgerTable, begun: Item) -> None:
    step = FILE_STEPS["write out"]
    condition, states = allowed(step)
    listed = _listed(begun["feed"], float(begun["first_seen"]))
    change, values = set_fields(_without(begun) | listed | {"status": step.target})
    change = f"SET {change[2:]} REMOVE ended, reported, seconds, expires"  # attributes of an ignored object
    key = key_of(read_file(begun["file"]), begun[LedgerKeys.SORT_KEY])
    table.update("writing a begun file out", key, change, condition, values | states)


def _listed(feed: str, since_s: float) -> Item:
    return {LedgerKeys.LISTING: f"{feed}#{LedgerKeys.OPEN}", LedgerKeys.LISTED_AT: iso(since_s)}


def _without(begun: Item, *names: str) -> Item:
    left_out = {*names, LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY}
    return {name: value for name, value in begun.items() if name not in left_out}
