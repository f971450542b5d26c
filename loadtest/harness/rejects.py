"""Rejects as the product leaves them in their bucket."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ingest.contract import LedgerKeys


def read_rejects(s3: Any, url: str) -> list[dict[str, Any]]:
    """Return the rejects under the URL that a file's record tells."""
    place, found = urlsplit(url), list[dict[str, Any]]()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    for key in (thing["Key"] for page in pages for thing in page.get("Contents", [])):
        if key.endswith(".jsonl"):
            body = s3.get_object(Bucket=place.netloc, Key=key)["Body"].read()
            found += [json.loads(line) for line in body.splitlines()]
    return found


Record = dict[str, Any]


def records_of(items: Iterable[Record], bucket: str, keys: Collection[str]) -> list[Record]:
    """Return the ledger's records of all versions of these objects, among its items."""
    wanted = {f"{bucket}/{key}" for key in keys}
    records = (item for item in items if item[LedgerKeys.PARTITION_KEY] in wanted)
    return [record for record in records if str(record[LedgerKeys.SORT_KEY]).startswith(LedgerKeys.FILE_PREFIX)]


def rejects_of(read: Callable[[str], list[Record]], records: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return how many rows were rejected for which reason, by object key. `read` returns the rejects under a URL."""
    found = {str(r["file"]["key"]): read(r["rejects"]) for r in records if "rejects" in r}
    return {key: Counter(str(reject["reason"]) for reject in rejects) for key, rejects in found.items()}
