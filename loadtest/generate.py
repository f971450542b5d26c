"""`python -m loadtest generate`: a CSV file of any size for a feed, and its known outcome in a file beside it."""

import argparse
import json
import os
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import fill, indent
from typing import Any, get_type_hints

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from loadtest.harness.targets import known_outcome_path, write_to
from loadtest.workload.checksum import KnownOutcome
from loadtest.workload.distributions import FORMS
from loadtest.workload.recipe import CHOICES, REJECTED, UNUSUAL, BadRecipe, Recipe, recipe_of
from loadtest.workload.stream import Generation

INTERRUPTED, BROKEN_PIPE = 130, 141
_OTHERS = {"size": str | int, "columns": dict, "defects": dict}  # types that differ from those of `Recipe`
FIELDS: dict[str, Any] = {"feed": str} | get_type_hints(Recipe) | _OTHERS  # of a recipe file
del FIELDS["schema"], FIELDS["text_bytes"]
_RecipeFile = msgspec.defstruct(
    "_RecipeFile", [(name, kind, None) for name, kind in FIELDS.items()], forbid_unknown_fields=True
)
_FORMS = "".join(f"  {form}\n" for form in FORMS)
EPILOG = f"""distributions ("?0.1" behind one leaves a tenth of the cells empty):
{_FORMS}
rows that are rejected, as --defects KIND=SHARE of the rows:
{indent(fill(", ".join(REJECTED), 100), "  ")}
what is unusual: {", ".join(UNUSUAL)}
  (quotes and line_breaks are shares of the cells of free text)

examples:
  python -m loadtest generate --feed orders --size 10GB --out s3://BUCKET/orders/large.csv
  python -m loadtest generate --feed orders --rows 100000 --defects ragged_row=0.01 --defects duplicates=0.05
  python -m loadtest generate --feed orders --size 1GB --column city=zipf:1.1:5000 --key-order hot --compression gzip

docs/loadtest.md says what is exact of what must be found.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for each field of a recipe, and for the targets."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--recipe", type=Path, help="a TOML file with these settings; options given beside it count more")
    add("--feeds", type=Path, default=Path("feeds.toml"), help="the feeds file (default feeds.toml)")
    add("--feed", help="the feed whose columns, types and keys the file has")
    add("--rows", type=int, help="how many rows; or:")
    add("--size", help="how large the file is before compression: 10KB, 1.5GB, 64MiB (the last row that fits ends it)")
    add("--out", default="generated.csv", help="a path, - for stdout, or s3://bucket/key (default generated.csv)")
    add("--expected", type=Path, help="file of what must be found (default: beside the file; here for S3; none for -)")
    add("--seed", type=int, help="the same seed gives the same bytes (default 1)")
    add("--column", action="append", metavar="NAME=DISTRIBUTION", help="repeat; new names are more columns")
    add("--defects", action="append", metavar="KIND=SHARE", help="repeat; see below")
    add("--key-order", choices=CHOICES["key_order"], help="hot: 9 of 10 rows share a partition (default random)")
    add("--compression", choices=CHOICES["compression"], help="default none")
    add("--quoting", choices=CHOICES["quoting"], help="all: every cell is quoted (default: where needed)")
    add("--bom", dest="byte_order_mark", action="store_true", default=None, help="begin with a byte order mark")
    add("--line-end", choices=CHOICES["line_end"], help="default lf")
    add("--file", type=int, help="files of other numbers have other keys (default 0)")
    add("--segment-mb", type=float, help="what the loader keeps in order at least (default 64)")


def recipe_from(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe from the options and, if given, the recipe file, or raise BadRecipe."""
    fields = read_recipe(arguments.recipe) if arguments.recipe else {}
    given = {name: value for name, value in vars(arguments).items() if name in FIELDS and value is not None}
    if "rows" in given or "size" in given:
        fields |= {"rows": None, "size": None}
    fields |= given | {
        "columns": fields.get("columns", {}) | _pairs(arguments.column, "NAME=DISTRIBUTION"),
        "defects": fields.get("defects", {}) | _pairs(arguments.defects, "KIND=SHARE"),
    }
    if arguments.segment_mb is not None:
        fields["segment_bytes"] = int(arguments.segment_mb * 2**20)
    if "feed" not in fields:
        raise BadRecipe("name the feed with --feed NAME.")
    return recipe_of(arguments.feeds, fields.pop("feed"), **fields)


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the fields of a recipe file, as `recipe_of` takes them."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        msgspec.convert(raw, _RecipeFile)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRecipe(f"{path} is not a recipe that can be read: {error}.") from error
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path}: {error}; a recipe has the fields {', '.join(FIELDS)}.") from error
    return raw


def _pairs(texts: list[str] | None, form: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or []]
    if not all(mark for _, mark, _ in pairs):
        raise BadRecipe(f"{', '.join(texts or [])}: the form is {form}.")
    return {name: value for name, _, value in pairs}


def run(arguments: argparse.Namespace) -> int:
    """Make one file; return the exit code."""
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        recipe = recipe_from(arguments)
        known_outcome = generate(recipe, arguments.out, client=_s3)
    except BadRecipe as error:
        return _fail(str(error), 2)
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports an error at exit
        return BROKEN_PIPE
    except (BotoCoreError, ClientError, OSError) as error:
        return _fail(f"{arguments.out} cannot be written: {error}. Nothing was left there.", 4)
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was left behind.", INTERRUPTED)
    _report(known_outcome, recipe, arguments)
    return 0


def generate(recipe: Recipe, target: str, *, client: Callable[[], Any]) -> KnownOutcome:
    """Write a file to a target, with a progress bar on a terminal; return its known outcome."""
    generation = Generation(recipe)
    write_to(target, _watched(generation), most_bytes=generation.most_bytes, client=client)
    return generation.known_outcome


def _watched(generation: Generation) -> Iterator[bytes]:
    """Yield the file's portions and advance a progress bar."""
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("generating", total=generation.likely_bytes)
        for portion in generation:
            yield portion
            bar.update(task, completed=generation.known_outcome.text_bytes)


def _report(known_outcome: KnownOutcome, recipe: Recipe, arguments: argparse.Namespace) -> None:
    """Write the known outcome to its file, and print a line about it."""
    path = arguments.expected or known_outcome_path(arguments.out)
    made = {"target": arguments.out, "feed": recipe.schema.feed, "table": recipe.schema.table}
    document = {"made": {**made, "seed": recipe.seed, "file": recipe.file}, **known_outcome.document()}
    if not path:
        print(json.dumps(document), file=sys.stderr)
        return
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(
        f"{arguments.out}: {known_outcome.bytes:,} bytes, {known_outcome.rows:,} rows = "
        f"{known_outcome.rows_kept:,} good + {known_outcome.rows_rejected:,} to be rejected; "
        f"{known_outcome.items:,} items; what must be found is in {path}.",
        file=sys.stderr,
    )


def _fail(sentence: str, code: int) -> int:
    print(f"generate: {sentence}", file=sys.stderr)
    return code


def _s3() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 10}))
