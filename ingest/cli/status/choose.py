"""Which file a command means, and which of its versions."""

from collections.abc import Sequence

from ingest.cli.stack import DeployedStack
from ingest.errors import FileMissing, SettingsFault
from ingest.file import FileVersion
from ingest.ledger.work_item import Entry


def find_versions(stack: DeployedStack, name: str) -> list[Entry]:
    """Return the records of all versions of a file, in the order they were first seen.

    `name` is s3://bucket/key, or a key in the landing bucket.

    Raises:
        FileMissing: there is none.
        SettingsFault: the URL has no key.
    """
    bucket, key = _place(stack, name)
    entries = sorted(stack.ledger.queries.versions(bucket, key), key=lambda entry: entry.first_seen_s or 0.0)
    if not entries:
        raise FileMissing(
            f"The ledger knows nothing of s3://{bucket}/{key}: check the key; if the object is there, its notification "
            "waits in the queue (`ingest top` shows that, and a pause), or is lost, and `ingest reconcile` finds it."
        )
    return entries


def choose(entries: Sequence[Entry], name: str | None) -> Entry:
    """Return the version of that name (also its sequencer, version id or eTag), or the one that was seen last.

    Raises:
        SettingsFault: there is no such version.
    """
    if name is None:
        return entries[-1]
    for entry in reversed(entries):
        if name.upper() in _names(entry.work.file):
            return entry
    known = ", ".join(entry.work.file.version for entry in entries)
    raise SettingsFault(f"--version {name!r} is not in the ledger; known are: {known}.")


def _place(stack: DeployedStack, name: str) -> tuple[str, str]:
    if not name.startswith("s3://"):
        return stack.landing_bucket, name
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise SettingsFault(f"{name} is no S3 object; write s3://bucket/key.")
    return bucket, key


def _names(file: FileVersion) -> set[str]:
    names = (file.version, file.sequencer, file.version_id, file.etag)
    return {name.upper() for name in names if name}
