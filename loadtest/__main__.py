"""`python -m loadtest memory`: what proves the claims about memory. Writes its result to loadtest/results/."""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loadtest.memory import measure

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run one benchmark and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    commands = parser.add_subparsers(required=True)
    memory = commands.add_parser("memory", help="peak memory of `ingest load` for files of several sizes")
    memory.add_argument("--s3-endpoint", required=True, help="an S3 endpoint, as `python -m infra.local up` prints it")
    memory.add_argument("--megabytes", type=int, action="append", help="file size; repeat (default 200 and 400)")
    memory.add_argument("--row-bytes", type=int, default=500, help="about how long a row is (default 500)")
    memory.add_argument("--seed", type=int, default=1)
    memory.add_argument("--feeds", type=Path, default=Path("feeds.toml"))
    memory.add_argument("--out", type=Path, default=RESULTS / "memory.json")
    return run_memory(parser.parse_args())


def run_memory(arguments: argparse.Namespace) -> int:
    """Measure each size, print a line each, write all of it as JSON."""
    os.environ.setdefault("AWS_REGION", "us-east-1")
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    runs = []
    for megabytes in arguments.megabytes or [200, 400]:
        run = measure(
            megabytes=megabytes,
            row_bytes=arguments.row_bytes,
            seed=arguments.seed,
            s3_endpoint=arguments.s3_endpoint,
            feeds=arguments.feeds,
        )
        runs.append(run)
        print(
            f"{megabytes} MB, {run.rows:,} rows: peak {run.peak_resident_bytes / 1e6:.0f} MB resident, "
            f"{run.rows / run.cpu_seconds:,.0f} rows per CPU-second, {run.seconds:.0f} s",
            flush=True,
        )
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(_document(arguments, [asdict(run) for run in runs]), indent=2) + "\n")
    return 0


def _document(arguments: argparse.Namespace, runs: list[dict[str, object]]) -> dict[str, object]:
    sizes = " ".join(f"--megabytes {megabytes}" for megabytes in arguments.megabytes or [200, 400])
    return {
        "command": f"python -m loadtest memory --s3-endpoint URL {sizes} --row-bytes {arguments.row_bytes}",
        "seed": arguments.seed,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("boto3", "pyarrow", "msgspec")},
        "runs": runs,
    }


if __name__ == "__main__":
    sys.exit(main())
