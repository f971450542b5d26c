"""`python -m infra.local install|up|down|run|demo`: the whole stack on this machine, without Docker or AWS."""

import argparse
import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from infra import bundle
from infra.local import awscli, ministack
from infra.local.ministack import Emulator
from infra.local.stack import FEEDS, LocalStack, deployed, local_stack
from ingest.contract import Output
from ingest.errors import IngestError

STATE = bundle.BUILD / "local" / "state.json"  # the emulator that `up` has started, for `down`
console = Console()


def install(feeds: Path, *, iam: bool) -> int:
    """Make the Python environments of the emulator and of the aws command line."""
    console.print(f"ministack: {ministack.install().parent.parent}", highlight=False)
    console.print(f"aws: {awscli.install()}", highlight=False, soft_wrap=True)
    return 0


def up(feeds: Path, *, iam: bool = False) -> int:
    """Start the stack in the background, or update the running one."""
    _describe(_updated(feeds) or _started(feeds, iam=iam))
    console.print("\nStop it with: python -m infra.local down")
    return 0


def down(feeds: Path, *, iam: bool = False) -> int:
    """Stop what `up` started."""
    emulator = _remembered()
    if emulator is None:
        console.print("No local stack is running.")
    else:
        ministack.stop(emulator)
        console.print("The local stack is stopped and removed.")
    STATE.unlink(missing_ok=True)
    return 0


def run(feeds: Path, *, iam: bool) -> int:
    """Keep the stack in the foreground until Ctrl-C."""
    with local_stack(feeds, iam=iam) as stack:
        _describe(stack)
        console.print("\nStop it with Ctrl-C.")
        threading.Event().wait()
    return 0


def demo(feeds: Path, *, iam: bool) -> int:
    """Upload sample_data.csv and show the result for every row."""
    from infra.local.demo import run as run_demo

    return run_demo(console, feeds=feeds, iam=iam)


COMMANDS: dict[str, Callable[..., int]] = {f.__name__: f for f in (install, up, down, run, demo)}


def _updated(feeds: Path) -> LocalStack | None:
    emulator = _remembered()
    return deployed(emulator, feeds) if emulator else None


def _started(feeds: Path, *, iam: bool) -> LocalStack:
    emulator = ministack.start(iam=iam)
    try:
        stack = deployed(emulator, feeds)
    except BaseException:
        ministack.stop(emulator)
        raise
    STATE.parent.mkdir(parents=True, exist_ok=True)
    STATE.write_text(json.dumps({**asdict(emulator), "home": str(emulator.home)}))
    return stack


def _remembered() -> Emulator | None:
    """Return the emulator that `up` has started, if it still responds; else clean up."""
    if not STATE.exists():
        return None
    kept = json.loads(STATE.read_text())
    emulator = Emulator(kept["pid"], kept["port"], Path(kept["home"]), kept.get("iam", False))
    if ministack.is_healthy(emulator):
        return emulator
    shutil.rmtree(emulator.home, ignore_errors=True)
    return None


def _describe(stack: LocalStack) -> None:
    for line in stack.left_out:
        console.print(f"Not deployed locally: {line}")
    console.print(f"Local stack at {stack.endpoint_url}; log: {stack.emulator.log}", highlight=False, soft_wrap=True)
    for name, value in sorted(stack.outputs.items()):
        console.print(f"  {name:<16} {value}", highlight=False, soft_wrap=True)
    settings = " ".join(f"{name}={value}" for name, value in stack.environment().items() if value)
    bucket = stack.outputs[Output.LANDING_BUCKET]
    console.print("\nTo use the aws command line, or `ingest`, with it:")
    console.print(f"  export {settings}", highlight=False, soft_wrap=True)
    console.print(f"  aws s3 cp sample_data.csv s3://{bucket}/orders/", highlight=False, soft_wrap=True)
    console.print("  ingest status", highlight=False, soft_wrap=True)


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)  # raises SystemExit, so that the stack is removed


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--feeds", type=Path, default=FEEDS, help="feeds file (default: feeds.toml)")
    parser.add_argument("--iam", action="store_true", help="enforce the function's IAM role, over TLS")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    try:
        return COMMANDS[arguments.command](arguments.feeds, iam=arguments.iam)
    except IngestError as error:
        console.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
