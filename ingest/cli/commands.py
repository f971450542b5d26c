"""The table of commands: the panel each is in and its line in `ingest --help`. One is imported when it is asked for.

A command's help is the docstring of its function: a line, paragraphs, `Examples:`, and the exit codes it has beside
those of all commands.
"""

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ingest.errors import FileFault, IngestError, ObjectSuperseded, ServiceFault, StillLoading, TableKeysDiffer

EXIT_CODES = {
    0: "success",
    2: "wrong option or setting",
    3: "the file cannot be loaded, does not exist, or is being loaded",
    4: "a service failed",
    70: "internal error",
    130: "interrupted",
}
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(frozen=True, slots=True)
class Listed:
    """A command as `ingest --help` lists it; `place` is where its function, or its own group, is found."""

    panel: str
    line: str
    place: str


COMMANDS = {
    "sniff": Listed("Files", "Propose a section of feeds.toml for a file; write nothing.", "feeds:sniff"),
    "check": Listed(
        "Files", "Read whole files without writing: row counts, operations, rejects, duplicates.", "load:check"
    ),
    "preview": Listed("Files", "Print the first rows of files as they would be written.", "preview:preview"),
    "plan": Listed("Files", "Estimate rows, rejects, write units, cost and duration of a load.", "estimate:plan"),
    "load": Listed("Files", "Load files into their feed's table, without queue or stack.", "load:load"),
    "drop": Listed("Files", "Upload a file to the stack's landing bucket, and wait until it has ended.", "wait:drop"),
    "wait": Listed("Files", "Wait until a file has ended; the exit code says how.", "wait:wait"),
    "top": Listed("Stack", "Show lag, throughput, errors and files of the stack, live.", "top:top"),
    "status": Listed("Stack", "Show open files and those that ended today, or one file.", "status:status"),
    "history": Listed("Stack", "Show how many files ended, by day and feed.", "history:history"),
    "rejects": Listed("Repair", "Show the rejected rows of a file, or print them as CSV.", "rejects:rejects"),
    "retry": Listed("Repair", "Load a file again, as a new attempt or from its checkpoint.", "retry:retry"),
    "undo": Listed("Repair", "Delete the items that a file has written and that still name it.", "retry:undo"),
    "redrive": Listed("Repair", "Show dead letters and why, and send them back to the queue.", "redrive:redrive"),
    "reconcile": Listed("Repair", "Requeue stuck files, and objects never notified.", "backfill:reconcile"),
    "backfill": Listed(
        "Repair", "Queue the objects under a prefix that the ledger does not know.", "backfill:backfill"
    ),
    "pause": Listed("Repair", "Stop processing messages; they stay in the queue.", "redrive:pause"),
    "resume": Listed("Repair", "Process messages again.", "redrive:resume"),
    "cancel": Listed("Repair", "End a file that is being loaded or waits; rows written stay.", "wait:cancel"),
    "init": Listed("Setup", "Write a project: feeds.toml, settings, and a Makefile that deploys.", "feeds:init"),
    "feeds": Listed("Setup", "Check feeds.toml, or print its JSON Schema.", "feeds:feeds_app"),
}


class Command(TyperCommand):
    """A command whose help ends with its examples and exit codes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        text, _, rest = str(named["help"]).partition("\n\nExamples:\n")
        examples, _, codes = rest.partition("\n\nExit codes: ")
        epilog = f"\b\nExamples:\n{examples}\n\nExit codes: {exit_codes(codes)}"
        super().__init__(*arguments, **named | {"help": text, "epilog": epilog})

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in its usage line."""
        return ["[OPTIONS]", *(str(param.metavar) for param in self.params if param.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, without the library's types."""
        params: list[Any] = self.get_params(ctx)
        arguments = [(str(param.metavar), param.help) for param in params if param.param_type_name == "argument"]
        options = [_option_row(param, ctx) for param in params if param.param_type_name == "option"]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _option_row(option: Any, ctx: Any) -> tuple[str, str]:
    default = "" if option.default in (None, False) else f"  [default: {option.default}]"
    return option.get_help_record(ctx)[0], option.help + default


def exit_codes(own: str) -> str:
    """Return the sentence of exit codes; `own` has those that mean something else, or something more, here.

    >>> exit_codes("0 no rejects; 1 some rows are rejected.")[:50]
    '0 no rejects; 1 some rows are rejected; 2 wrong op'
    """
    named = {int(code): " ".join(what.split()) for code, what in re.findall(r"(\d+) ([^;.]+)", own)}
    return "; ".join(f"{code} {what}" for code, what in sorted({**EXIT_CODES, **named}.items())) + "."


READER_GONE = 141  # the exit code of a program ended by SIGPIPE, as shells report it


@contextmanager
def piped() -> Iterator[None]:
    """Print to a pipe; exit without a message if its reader has ended."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python prints an error at exit
        raise typer.Exit(READER_GONE) from None


class CommandGroup(TyperGroup):
    """The commands of the table, in panels."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands = {name: TyperCommand(name, short_help=listed.line) for name, listed in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is asked for, imported now."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, rest  # none while a name is being completed

    def invoke(self, ctx: Any) -> Any:
        """Run the command; end as it should if what reads its output has ended."""
        with piped():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the panels, one below the other."""
        width = max(map(len, COMMANDS))
        for panel, listed in groupby(COMMANDS.items(), lambda item: item[1].panel):
            with formatter.section(panel):
                formatter.write_dl([(f"{name:{width}}", command.line) for name, command in listed])


def load_command(name: str) -> Any:
    """Import a command of the table, and return it as typer has it."""
    module, _, attribute = COMMANDS[name].place.partition(":")
    found = getattr(import_module(f"ingest.cli.{module}"), attribute)
    command: Any = typer.main.get_command(found if isinstance(found, typer.Typer) else app_of([found]))
    command.name = name
    return command


def app_of(functions: Iterable[Callable[..., Any]], **named: Any) -> typer.Typer:
    """Return an app of these commands, each with `-h`, its examples and its exit codes."""
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, context_settings=SETTINGS, **named
    )
    for function in functions:
        app.command(cls=Command, context_settings=SETTINGS, help=inspect.getdoc(function))(function)
    return app


def exit_code(error: IngestError) -> int:
    """Return the exit code of a fault."""
    if isinstance(error, TableKeysDiffer):  # the feed is wrong, or the table that was named
        return 2
    if isinstance(error, (FileFault, ObjectSuperseded, StillLoading)):
        return 3
    return 4 if isinstance(error, ServiceFault) else 2


def fail(code: str, sentence: str, exit_code: int, *, as_json: bool, file: str | None = None) -> int:
    """Print one sentence on stderr, or an error object on stdout; return the exit code.

    `file` is the file it is about, where a command has several.
    """
    if as_json:
        begin = {"file": file} if file else {}
        print(json.dumps(begin | {"error": {"code": code, "message": sentence}}, ensure_ascii=False))
    else:
        print(f"ingest: {file + ': ' if file else ''}{sentence}", file=sys.stderr)
    return exit_code
