"""`python -m loadtest.workload.summing ITEMS`: CPU-seconds of the checksum of items of ten attributes."""

import json
import sys
import time
from typing import Any

from loadtest.workload.checksum import Checksum

_DISTINCT = 50_000  # more would take more memory than time


def main() -> int:
    """Sum up items, and print what it took."""
    count = int(sys.argv[1])
    items = [_item(number) for number in range(min(count, _DISTINCT))]
    checksum = Checksum()
    begun = time.process_time()
    while checksum.items < count:
        checksum.add(items[: count - checksum.items])
    print(json.dumps({"items": checksum.items, "cpu_seconds": time.process_time() - begun}))
    return 0


def _item(number: int) -> dict[str, dict[str, Any]]:
    texts = {"id": f"00000-{number:012d}", "customer": "Łukasz Nowak", "city": "Málaga", "product": "Wool blanket"}
    texts |= {"ordered_at": "2026-09-01T10:11:00Z", "note": f"leave at the back door {number % 997}"}
    numbers = {"quantity": str(number % 120), "price": f"{number % 99_991 / 100:.2f}", "discount": "0.05"}
    item: dict[str, dict[str, Any]] = {name: {"S": text} for name, text in texts.items()}
    return item | {name: {"N": text} for name, text in numbers.items()} | {"paid": {"BOOL": number % 2 == 0}}


if __name__ == "__main__":
    sys.exit(main())
