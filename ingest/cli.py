"""The `ingest` command: look at a file, check it, load it. The same pipeline as the function's, without the queue.

Exit codes: 0 done; 1 check found rejects; 2 wrong option or setting; 3 the file cannot be loaded as it is;
4 a service failed; 70 a bug; 130 interrupted.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli_dialect import read_dialect
from ingest.cli_source import Source, open_source, open_table
from ingest.cli_view import PreviewWriter, RejectTally, fail, print_check, print_load, progress
from ingest.core.books import Books
from ingest.edges.dynamodb import NullWriter
from ingest.edges.files import RejectFile
from ingest.errors import FileFault, IngestError, ObjectSuperseded, ServiceFault, SettingsFault
from ingest.feeds import Feed
from ingest.feeds_file import json_schema, read_feeds
from ingest.pipeline import Load
from ingest.ports import ItemWriter, RejectSink

app = typer.Typer(
    help="Bulk CSV files into DynamoDB. Add --debug to any command to see tracebacks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=str(__doc__).partition("\n\n")[2].replace("\n", " "),
)
feeds_app = typer.Typer(help="Work with feeds.toml.", no_args_is_help=True)
app.add_typer(feeds_app, name="feeds")

FeedsPath = Annotated[Path, typer.Option("--feeds", help="The feeds file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
FeedName = Annotated[str, typer.Option("--feed", help="The feed the file belongs to.")]
DEFAULT_FEEDS = Path("feeds.toml")
INTERRUPTED = 130


@app.command()
def preview(
    file: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: Annotated[str | None, typer.Option("--feed", help="Without it, every column is a string.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All rows, not the first few.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many rows, without --all.")] = 10,
    form: Annotated[str, typer.Option("--format", help="csv or jsonl (DynamoDB JSON).")] = "csv",
    delimiter: Annotated[str | None, typer.Option(help=r"One character; \t and \x01 are understood.")] = None,
    quote: Annotated[str | None, typer.Option(help="One character, or none.")] = None,
    escape: Annotated[str | None, typer.Option(help="One character, or none.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Any text encoding Python knows.")] = None,
    header: Annotated[str | None, typer.Option(help="How many header lines, or none.")] = None,
    columns: Annotated[str | None, typer.Option(help="Names in place of the header's: a,b,c.")] = None,
    skip_lines: Annotated[int | None, typer.Option(min=0, help="Lines before the header.")] = None,
    footer_lines: Annotated[int | None, typer.Option(min=0, help="Lines at the end that are no data.")] = None,
    null_values: Annotated[list[str] | None, typer.Option("--null", help="A cell that is no value; repeat.")] = None,
    ragged: Annotated[str | None, typer.Option(help="pad, trim or reject.")] = None,
    comment: Annotated[str | None, typer.Option(help="Lines that begin so are no data.")] = None,
    trim: Annotated[bool | None, typer.Option("--trim", help="Take white space around cells away.")] = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Print the accepted rows as they would be written; say on stderr what would be rejected.

    With --feed the dialect is the feed's; without it, that of the flags.
    """
    flags: dict[str, object] = {
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        "encoding": encoding,
        "header": header,
    }
    flags |= {"columns": columns, "skip_lines": skip_lines, "footer_lines": footer_lines, "ragged": ragged}
    flags |= {"null_values": null_values, "comment": comment, "trim": trim}
    given = [name for name, value in flags.items() if value is not None]
    if feed and given:
        raise SettingsFault(
            f"--feed and --{given[0].replace('_', '-')} exclude each other: the feed tells the dialect."
        )
    if form not in ("csv", "jsonl"):
        raise SettingsFault(f"--format {form!r} is wrong: accepted are csv and jsonl.")
    chosen = read_feeds(feeds).named(feed) if feed else Feed("", "", "", csv=read_dialect(flags))  # without keys
    writer = PreviewWriter(sys.stdout, form="jsonl" if as_json else form, limit=None if every else rows)
    tally = RejectTally(keep=5)
    load = _run(open_source(file), chosen, writer, tally, stop=lambda: writer.is_full)
    writer.finish()
    print_check(file, load.books, tally, as_json=as_json, stream=sys.stderr)


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: FeedName,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Read all of a file and write nothing: counts, reasons, first rejects. Exits with 1 if any row is rejected."""
    tally = RejectTally(keep=20)
    load = _run(open_source(file), read_feeds(feeds).named(feed), NullWriter(), tally, show="checking")
    print_check(file, load.books, tally, as_json=as_json, stream=sys.stdout)
    raise typer.Exit(1 if load.books.rows_rejected else 0)


@app.command()
def load(
    source: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: FeedName,
    table: Annotated[str | None, typer.Option("--table", help="Another table than the feed's.")] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where rejects go. [default: FILE.rejects.jsonl here]")
    ] = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Load a file into its feed's table, without queue or stack, and print the books."""
    chosen = read_feeds(feeds).named(feed)
    opened = open_source(source)
    path = rejects or Path(f"{Path(source).name}.rejects.jsonl")
    begun_s = time.monotonic()
    sink = RejectFile(path, source=source)
    writer = open_table(table or chosen.table, chosen)
    done = _run(opened, chosen, writer, sink, show=None if as_json else "loading")
    print_load(done.books, time.monotonic() - begun_s, sink, as_json=as_json)


@app.command()
def sniff(
    file: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    name: Annotated[str | None, typer.Option("--name", help="The feed's name. [default: made from the file's]")] = None,
    as_json: AsJson = False,
) -> None:
    """Propose a section of feeds.toml for a file, from its first 4 MiB: dialect, keys, types. Writes nothing."""
    from ingest.cli_sniff import print_proposal  # the other commands start faster without it

    print_proposal(file, name, as_json=as_json)


@feeds_app.command()
def schema() -> None:
    """Print the JSON Schema of feeds.toml, so that editors complete and check it."""
    print(json.dumps(json_schema(), indent=2))


def main() -> None:
    """Run the command line; every fault becomes one sentence and an exit code."""
    debug = "--debug" in sys.argv
    sys.exit(run([argument for argument in sys.argv[1:] if argument != "--debug"], debug=debug))


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; return its exit code."""
    as_json = "--json" in arguments
    try:
        code = app(arguments, prog_name="ingest", standalone_mode=False)
        if code == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except IngestError as error:
        if debug:
            raise
        return fail(error.code, str(error), _exit_code(error), as_json=as_json)
    except typer.TyperException as error:
        message = error.format_message()  # empty where help was printed because nothing was asked
        return fail("bad_settings", f"{message} See ingest --help.", 2, as_json=as_json) if message else 2
    except (KeyboardInterrupt, typer.Abort):
        sentence = "Interrupted; rows written so far stay. Load the file again to finish."
        return fail("interrupted", sentence, INTERRUPTED, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        sentence = f"The ingester failed with {type(error).__name__}; run it with --debug and send us the traceback."
        return fail("internal_fault", sentence, 70, as_json=as_json)


def _exit_code(error: IngestError) -> int:
    if isinstance(error, (FileFault, ObjectSuperseded)):
        return 3
    return 4 if isinstance(error, ServiceFault) else 2


class _EnoughRowsError(Exception):
    """A preview has all the rows it wants."""


def _run(
    source: Source,
    feed: Feed,
    writer: ItemWriter,
    rejects: RejectSink,
    *,
    show: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Load:
    """Return the load of a source, run to its end or until `stop`."""
    with progress(show, source.size_bytes) as advance:

        def after_block(books: Books) -> None:
            advance(books)
            if stop():
                raise _EnoughRowsError

        load = Load(
            feed=feed, writer=writer, rejects=rejects, file=source.name, now_s=time.time(), after_block=after_block
        )
        with contextlib.suppress(_EnoughRowsError):
            load.run(source.read)
    return load
