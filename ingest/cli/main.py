"""The `ingest` command: inspect files, load them without the stack, and operate the deployed stack.

Exit codes: 0 success; 1 check found rejects; 2 wrong option or setting; 3 the file cannot be loaded, does not exist, or
is being loaded; 4 a service failed; 70 internal error; 130 interrupted.
"""

import json
import sys
from collections.abc import Callable

import typer

from ingest.cli.backfill import backfill
from ingest.cli.estimate import plan
from ingest.cli.history import history
from ingest.cli.load import check, load
from ingest.cli.output import fail
from ingest.cli.pause import pause, resume
from ingest.cli.preview import preview
from ingest.cli.reconcile import reconcile
from ingest.cli.redrive import redrive
from ingest.cli.rejects import rejects
from ingest.cli.retry import retry
from ingest.cli.sniff import sniff
from ingest.cli.status.command import status, with_watch_value
from ingest.cli.top.command import top
from ingest.errors import FileFault, IngestError, ObjectSuperseded, ServiceFault, StillLoading
from ingest.feeds.parse import json_schema

app = typer.Typer(
    help="Load CSV files into DynamoDB. Add --debug to any command to see tracebacks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=str(__doc__).partition("\n\n")[2].replace("\n", " "),
)
_LOOK: tuple[Callable[..., None], ...] = (preview, check, plan, load, sniff, status, top, history, rejects)
_ACT: tuple[Callable[..., None], ...] = (retry, reconcile, redrive, backfill, pause, resume)
for command in (*_LOOK, *_ACT):
    app.command()(command)
feeds_app = typer.Typer(help="Work with feeds.toml.", no_args_is_help=True)
app.add_typer(feeds_app, name="feeds")

INTERRUPTED = 130
_INTERRUPTED = {
    "load": " Rows written so far stay in the table; load the file again to finish.",
    "backfill": " Messages sent so far are in the queue; run it again for the rest.",
    "redrive": " Messages sent so far are in the queue, the others are still dead letters; run it again for the rest.",
    "retry": " Run it again to finish.",
}


@feeds_app.command()
def schema() -> None:
    """Print the JSON Schema of feeds.toml, for completion and validation in editors."""
    print(json.dumps(json_schema(), indent=2))


def main() -> None:
    """Run the command line; every fault becomes one sentence and an exit code."""
    debug = "--debug" in sys.argv
    sys.exit(run([argument for argument in sys.argv[1:] if argument != "--debug"], debug=debug))


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
        return fail(error.code, str(error), _exit_code(error), as_json=as_json)
    except typer.TyperException as error:
        message = error.format_message()  # empty where help was printed because there was no command
        return fail("bad_settings", f"{message} See ingest --help.", 2, as_json=as_json) if message else 2
    except (KeyboardInterrupt, typer.Abort):
        sentence = "Interrupted." + _INTERRUPTED.get(arguments[0], "")
        return fail("interrupted", sentence, INTERRUPTED, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        sentence = f"Internal error: {type(error).__name__}. Run the command with --debug and report the traceback."
        return fail("internal_fault", sentence, 70, as_json=as_json)


def _exit_code(error: IngestError) -> int:
    if isinstance(error, (FileFault, ObjectSuperseded, StillLoading)):
        return 3
    return 4 if isinstance(error, ServiceFault) else 2
