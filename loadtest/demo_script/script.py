"""A script of commands: titles, sentences, commands with their output; and what is done without a command."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.stack import LocalStack
from ingest.contract import LedgerKeys, Output
from loadtest.demo_script.incoming import FOLDER
from loadtest.harness.stack_client import StackClient

PATIENCE_S = 60.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for machines."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Title:
    """The title of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A paragraph."""

    text: str


Part = Title | Said | Ran
Command = Callable[..., Ran]


class Script:
    """Runs commands and drops files, and remembers. `run` runs `ingest`; `form` is added where a script is checked.

    With `form` as ("--json",) each command prints for machines; what is printed as CSV stays as it is.
    """

    def __init__(self, stack: LocalStack, run: Command, folder: Path, *, form: tuple[str, ...] = ()) -> None:
        self.stack_client = StackClient(stack)
        self._stack = stack
        self.folder = folder
        self.parts: list[Part] = []
        self.steps: dict[str, Ran] = {}
        self._run, self._form = run, form

    def title(self, text: str) -> None:
        """Begin a section."""
        self.parts.append(Title(text))

    def say(self, text: str) -> None:
        """Say what is seen and decided."""
        self.parts.append(Said(text))

    def run(self, name: str, *arguments: str) -> Ran:
        """Run a command and keep it under a name."""
        form = () if {"--csv", "--json"} & set(arguments) else self._form
        ran = self._run(*arguments, *form)
        self.steps[name] = ran
        self.parts.append(ran)
        return ran

    def drop(self, key: str, source: str | None = None) -> None:
        """Put a file from the folder in the landing bucket, under its own path there or another key."""
        self.stack_client.drop(key, (self.folder / FOLDER / (source or key)).read_bytes())

    def wait_for_end(self, *keys: str, versions: int = 1) -> None:
        """Wait until a number of versions of each file have ended and that was reported."""
        for key in keys:
            self._wait(partial(self._has_ended, key, versions), f"{key} has not ended")

    def wait_for_a_checkpoint(self, key: str) -> None:
        """Wait until a segment of a file has one."""
        self._wait(partial(self._has_checkpoint, key), f"{key} has no checkpoint")

    def wait_for_dead_letters(self, count: int) -> None:
        """Wait until there is this number of them."""
        self._wait(
            lambda: self.stack_client.depth(self.stack_client.dead_letter_url) == count,
            f"there are not {count} dead letters",
        )

    def wait_for_messages(self, count: int) -> None:
        """Wait until this number of messages or more are in the queue."""
        self._wait(
            lambda: self.stack_client.depth() >= count,
            f"there are not {count} messages",
        )

    def _has_ended(self, key: str, versions: int) -> bool:
        return sum("reported" in entry for entry in self.stack_client.entries(key)) >= versions

    def _has_checkpoint(self, key: str) -> bool:
        found = self._stack.client("dynamodb").query(
            TableName=self._stack.outputs[Output.LEDGER_TABLE],
            KeyConditionExpression="#pk = :file AND begins_with(#sk, :kind)",
            ExpressionAttributeNames={"#pk": LedgerKeys.PARTITION_KEY, "#sk": LedgerKeys.SORT_KEY},
            ExpressionAttributeValues={
                ":file": {"S": f"{self.stack_client.bucket}/{key}"},
                ":kind": {"S": LedgerKeys.SEGMENT_PREFIX},
            },
        )
        return any(int(item.get("rows_read", {"N": "0"})["N"]) for item in found["Items"])

    def _wait(self, is_so: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > until:
                raise TimeoutError(f"After {PATIENCE_S:.0f} s {otherwise}.")
            time.sleep(POLL_S)
