"""`ingest pause` and `ingest resume`: whether the function takes messages from the queue."""

import json
import sys

from ingest.cli.options import AsJson, StackName
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack


def pause(stack: StackName = None, as_json: AsJson = False) -> None:
    """Let the function take no more messages; what it has in hand it brings to its end. Nothing is lost.

    Messages wait in the queue for up to 7 days: `ingest resume` goes on with them.
    """
    _switch(DeployedStack(stack), on=False, as_json=as_json)


def resume(stack: StackName = None, as_json: AsJson = False) -> None:
    """Let the function take messages again."""
    _switch(DeployedStack(stack), on=True, as_json=as_json)


def _switch(stack: DeployedStack, *, on: bool, as_json: bool) -> None:
    has_changed = stack.event_source.switch(on=on)
    waiting, held = stack.queue.waiting(), stack.queue.held()
    if as_json:
        state = "running" if on else "paused"
        print(json.dumps({"state": state, "changed": has_changed, "messages_waiting": waiting, "messages_held": held}))
        return
    what = f"The stack {stack.name} {'is' if has_changed else 'was already'} {'running' if on else 'paused'}."
    reported = f"{waiting:,} message(s) wait in the queue" + ("." if on else ", up to 7 days; `ingest resume` goes on.")
    more = f" {held:,} more were taken and come to their end, or come back." if held else ""
    console_on(sys.stdout).print(f"{what} {reported}{more}", soft_wrap=True)
