"""The `ingest` command: inspect files, load them without the stack, and operate the deployed stack.

The table of commands has each one's panel and line in `ingest --help`. A command is imported when it is called. Its
help is the docstring of its function: a line, paragraphs, `Examples:`, and the exit codes that it has in addition to
those of all commands.
"""

import atexit
import gc
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
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ingest.errors import FileFault, IngestError, ObjectSuperseded, ServiceFault, StillLoading, TableKeysDiffer

EXIT_CODES = {
    0: "success",
    2: "invalid option or setting",
    3: "the file cannot be loaded, does not exist, or is being loaded",
    4: "a service failed",
    70: "internal error",
    130: "interrupted",
}
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(frozen=True, slots=True)
class Listed:
    """A command as listed by `ingest --help`; `place` is the location of its function, or of its own group."""

    panel: str
    line: str
    place: str


COMMANDS = {
    "sniff": Listed("Files", "Print a proposed feeds.toml section for a file; write nothing.", "feeds:sniff"),
    "check": Listed(
        "Files", "Read whole files without writing; show row counts, operations, rejects and duplicates.", "load:check"
    ),
    "preview": Listed("Files", "Print the first rows of files as they would be written.", "preview:preview"),
    "plan": Listed("Files", "Estimate rows, rejects, write units, cost and duration of a load.", "estimate:plan"),
    "load": Listed("Files", "Load files into their feed's table, without a queue or stack.", "load:load"),
    "drop": Listed("Files", "Upload a file to the stack's landing bucket and wait for its outcome.", "wait:drop"),
    "wait": Listed("Files", "Wait for the outcome of a file; the exit code shows it.", "wait:wait"),
    "top": Listed("Stack", "Show lag, throughput, errors and files of the stack, live.", "top:top"),
    "status": Listed(
        "Stack", "Show open files and files that ended today, or the details of one file.", "status:status"
    ),
    "history": Listed("Stack", "Count the files that ended, by day and feed.", "history:history"),
    "rejects": Listed("Repair", "Show the rejected rows of a file, or print them as CSV.", "rejects:rejects"),
    "retry": Listed("Repair", "Load a file again, as a new attempt or from its checkpoint.", "retry:retry"),
    "undo": Listed("Repair", "Delete the items that a file wrote and that still name the file.", "retry:undo"),
    "redrive": Listed(
        "Repair", "Show dead letters and their reasons, and send them back to the queue.", "redrive:redrive"
    ),
    "reconcile": Listed("Repair", "Requeue stuck files and objects whose notification was lost.", "backfill:reconcile"),
    "backfill": Listed("Repair", "Queue the objects under a prefix that are not in the ledger.", "backfill:backfill"),
    "pause": Listed("Repair", "Stop processing messages; they stay in the queue.", "redrive:pause"),
    "resume": Listed("Repair", "Resume processing messages.", "redrive:resume"),
    "cancel": Listed("Repair", "Cancel a file that is loading or waiting; rows already written stay.", "wait:cancel"),
    "init": Listed("Setup", "Create a project with feeds.toml, settings and a Makefile that deploys it.", "feeds:init"),
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
        """Return the part of the usage line after the command's name."""
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
    """Return the sentence on exit codes; `own` has those that differ here, or are additional.

    >>> exit_codes("0 no rejects; 1 more than 0.1 % of the rows are rejected.")[:63]
    '0 no rejects; 1 more than 0.1 % of the rows are rejected; 2 inv'
    """
    parts = [" ".join(part.split()).partition(" ") for part in own.strip().removesuffix(".").split(";") if part]
    named = {int(code): what for code, _, what in parts}
    return "; ".join(f"{code} {what}" for code, what in sorted({**EXIT_CODES, **named}.items())) + "."


READER_GONE = 141  # the exit code of a program ended by SIGPIPE, as shells report it


@contextmanager
def piped() -> Iterator[None]:
    """Print to a pipe; exit without a message if its reader has ended."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python prints an error at exit
        raise typer.Exit(READER_GONE) from None


class CommandGroup(TyperGroup):
    """The commands of the table, in panels."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands = {name: TyperCommand(name, short_help=listed.line) for name, listed in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import and return the requested command."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, rest  # None during shell completion of a name

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit properly if the reader of its output has ended."""
        with piped():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the panels, one below the other."""
        width = max(map(len, COMMANDS))
        for panel, listed in groupby(COMMANDS.items(), lambda item: item[1].panel):
            with formatter.section(panel):
                formatter.write_dl([(f"{name:{width}}", command.line) for name, command in listed])


def load_command(name: str) -> Any:
    """Import a command of the table, and return it as a typer command."""
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
    if isinstance(error, TableKeysDiffer):  # the feed or the named table is wrong
        return 2
    if isinstance(error, (FileFault, ObjectSuperseded, StillLoading)):
        return 3
    return 4 if isinstance(error, ServiceFault) else 2


def fail(code: str, sentence: str, exit_code: int, *, as_json: bool, file: str | None = None) -> int:
    """Print one sentence on stderr, or an error object on stdout; return the exit code.

    `file` is the file concerned, if a command has several.
    """
    if as_json:
        begin = {"file": file} if file else {}
        print(json.dumps(begin | {"error": {"code": code, "message": sentence}}, ensure_ascii=False))
    else:
        print(f"ingest: {file + ': ' if file else ''}{sentence}", file=sys.stderr)
    return exit_code


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
    epilog=f"Run `ingest COMMAND -h` for examples. Exit codes: {exit_codes('1 check found rejects')}",
)

INTERRUPTED = 130
_INTERRUPTED = {
    "load": " Rows written so far stay in the table; load the file again to finish.",
    "backfill": " Messages sent so far are in the queue; run it again for the rest.",
    "redrive": " Messages sent so far are in the queue, the others are still dead letters; run it again for the rest.",
    "retry": " Run it again to finish.",
    "undo": " Run it again to finish.",
}
WATCH = "2s"
# Arrow's allocator commits memory on first write, and in small pieces: 24 MB less at the peak.
ALLOCATOR = {"MIMALLOC_ARENA_EAGER_COMMIT": "0", "MIMALLOC_ARENA_RESERVE": "64MiB"}
_DURATION = re.compile(r"\d+(\.\d+)?[a-z]*")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"ingest {project_version()}")
        raise typer.Exit


def project_version() -> str:
    """Return the version of the installed package, or of this checkout."""
    import tomllib
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("csv-ingest")
    except PackageNotFoundError:
        pyproject = Path(__file__).parents[2] / "pyproject.toml"
        return f"{tomllib.loads(pyproject.read_text())['project']['version']} (a checkout)"


@app.callback()
def ingest(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Load CSV files into DynamoDB. Add --debug to any command to see tracebacks."""


def main() -> None:
    """Run the command line; every fault becomes one sentence and an exit code."""
    _lighten_process()
    debug = "--debug" in sys.argv
    sys.exit(run([argument for argument in sys.argv[1:] if argument != "--debug"], debug=debug))


def _lighten_process() -> None:
    """Make this process start and end faster, with less memory; docs/decisions/0023 has the reasons.

    Only here, because it affects the whole process, and only a process of this command is ours. Neither feeds nor
    commands run users' own code, which could need numpy.
    """
    gc.set_threshold(250_000)  # imports create half as many objects and no garbage; the default ran 150 collections
    atexit.register(gc.freeze)  # runs after all other handlers: no final collection over every module's objects
    sys.modules["numpy"] = None  # type: ignore[assignment]  # pyarrow imports it if possible; nothing here needs it
    for name, value in ALLOCATOR.items():  # read by pyarrow when it is imported
        os.environ.setdefault(name, value)


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; return its exit code."""
    as_json = "--json" in arguments
    try:
        code = app(with_watch_value(arguments), prog_name="ingest", standalone_mode=False)
        if code == INTERRUPTED:  # typer's return value for Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except IngestError as error:
        if debug:
            raise
        return fail(error.code, str(error), exit_code(error), as_json=as_json)
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage: "):  # no command was given, so this is the help
            print(message, file=sys.stderr)
            return 2
        sentence = f"{message if message.endswith(('.', '?')) else message + '.'} See {_asked(arguments)} --help."
        return fail("bad_settings", sentence, 2, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        sentence = "Interrupted." + _INTERRUPTED.get(arguments[0], "")
        return fail("interrupted", sentence, INTERRUPTED, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        sentence = f"Internal error: {type(error).__name__}. Run the command with --debug and report the traceback."
        return fail("internal_fault", sentence, 70, as_json=as_json)


def with_watch_value(arguments: list[str]) -> list[str]:
    """Return the command line with a value for --watch, which users may omit.

    >>> with_watch_value(["status", "--watch", "--feed", "orders"])
    ['status', '--watch', '2s', '--feed', 'orders']
    """
    filled: list[str] = []
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        filled.append(argument)
        if argument == "--watch" and not _DURATION.fullmatch(following):
            filled.append(WATCH)
    return filled


def _asked(arguments: list[str]) -> str:
    """Return the command of an invalid command line."""
    name, sub = [*arguments, "", ""][:2]
    if name not in COMMANDS:
        return "ingest"
    return f"ingest {name} {sub}" if name == "feeds" and sub in ("check", "schema") else f"ingest {name}"
