"""The `ingest` command: inspect files, load them without the stack, and operate the deployed stack."""

import atexit
import gc
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli.commands import COMMANDS, SETTINGS, CommandGroup, exit_code, exit_codes, fail
from ingest.errors import IngestError

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
    epilog=f"`ingest COMMAND -h` has examples. Exit codes: {exit_codes('1 check found rejects')}",
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
# Of Arrow's allocator: memory is taken as it is written to, and in small pieces: 24 MB less at the peak.
ALLOCATOR = {"MIMALLOC_ARENA_EAGER_COMMIT": "0", "MIMALLOC_ARENA_RESERVE": "64MiB"}
_DURATION = re.compile(r"\d+(\.\d+)?[a-z]*")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"ingest {project_version()}")
        raise typer.Exit


def project_version() -> str:
    """Return the version of the installed package, or that of the checkout this is."""
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
    """Make this process start and end sooner, in less memory; docs/decisions/0023 has the reasons.

    Here alone: what is done holds for a whole process, and only a process of this command is ours. No feed or command
    names a user's own code, which could miss numpy.
    """
    gc.set_threshold(250_000)  # imports make half of that and no garbage, which was looked for 150 times
    atexit.register(gc.freeze)  # after all other handlers: no look at every object of every module at the end
    sys.modules["numpy"] = None  # type: ignore[assignment]  # pyarrow imports it if it can, and nothing here needs it
    for name, value in ALLOCATOR.items():  # read by pyarrow when it is imported
        os.environ.setdefault(name, value)


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; return its exit code."""
    as_json = "--json" in arguments
    try:
        code = app(with_watch_value(arguments), prog_name="ingest", standalone_mode=False)
        if code == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except IngestError as error:
        if debug:
            raise
        return fail(error.code, str(error), exit_code(error), as_json=as_json)
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage: "):  # there was no command, so this is the help
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
    """Return a command line where --watch has a value; users may leave it out.

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
    """Return the command a wrong command line is of."""
    name, sub = [*arguments, "", ""][:2]
    if name not in COMMANDS:
        return "ingest"
    return f"ingest {name} {sub}" if name == "feeds" and sub in ("check", "schema") else f"ingest {name}"
