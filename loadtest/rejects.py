"""Rejects as the product leaves them in their bucket."""

import json
from typing import Any
from urllib.parse import urlsplit


def read_rejects(s3: Any, url: str) -> list[dict[str, Any]]:
    """Return the rejects under the URL that a file's record tells."""
    place, found = urlsplit(url), list[dict[str, Any]]()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    for key in (thing["Key"] for page in pages for thing in page.get("Contents", [])):
        if key.endswith(".jsonl"):
            body = s3.get_object(Bucket=place.netloc, Key=key)["Body"].read()
            found += [json.loads(line) for line in body.splitlines()]
    return found
