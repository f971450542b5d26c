"""`ingest pause` and `ingest resume`: whether the function processes messages."""

import json
import sys

from ingest.cli.options import AsJson, StackName
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack


def pause(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stop processing messages; they stay in the queue.

    In-flight messages finish. Messages stay for up to 7 days: `ingest resume` continues with them. Nothing is lost.

    Examples:
        ingest pause --stack ingest-staging
    """
    _switch(DeployedStack(stack), on=False, as_json=as_json)


def resume(stack: StackName = None, as_json: AsJson = False) -> None:
    """Process messages again.

    Examples:
        ingest resume
    """
    _switch(DeployedStack(stack), on=True, as_json=as_json)


def _switch(stack: DeployedStack, *, on: bool, as_json: bool) -> None:
    has_changed = stack.event_source.switch(on=on)
    waiting, held = stack.queue.waiting(), stack.queue.held()
    if as_json:
        state = "running" if on else "paused"
        print(
            json.dumps(
                {"state": state, "changed": has_changed, "messages_waiting": waiting, "messages_in_flight": held}
            )
        )
        return
    what = f"The stack {stack.name} {'is' if has_changed else 'was already'} {'running' if on else 'paused'}."
    kept = "." if on else "; they are kept for up to 7 days, until `ingest resume`."
    in_flight = f" {held:,} in flight: they finish, or return to the queue." if held else ""
    console_on(sys.stdout).print(f"{what} {waiting:,} message(s) in the queue{kept}{in_flight}", soft_wrap=True)
