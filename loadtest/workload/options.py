"""The options of `python -m loadtest generate`, recipe files (TOML), and the recipe that both make."""

import argparse
import tomllib
from pathlib import Path
from textwrap import fill, indent
from typing import Any, get_args

from loadtest.workload.defects import REJECTED, UNUSUAL
from loadtest.workload.distribution import FORMS
from loadtest.workload.faults import BadRecipe
from loadtest.workload.recipe import SEGMENT_BYTES, Compression, KeyOrder, Quoting, Recipe, recipe_of

FIELDS: dict[str, tuple[type, ...]] = {
    "feed": (str,),
    "rows": (int,),
    "size": (str, int),
    "seed": (int,),
    "key_order": (str,),
    "compression": (str,),
    "quoting": (str,),
    "byte_order_mark": (bool,),
    "line_end": (str,),
    "segment_bytes": (int,),
    "columns": (dict,),
    "defects": (dict,),
}


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the fields of a recipe file, as `recipe_of` takes them.

    Raises:
        BadRecipe: it cannot be read, or a field is unknown or wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRecipe(f"{path} is not a recipe that can be read: {error}.") from error
    for name, value in raw.items():
        if name not in FIELDS:
            raise BadRecipe(f"{path}: unknown field `{name}`; accepted are {', '.join(FIELDS)}.")
        if not isinstance(value, FIELDS[name]) or (isinstance(value, bool) and bool not in FIELDS[name]):
            raise BadRecipe(f"{path}: `{name}` = {value!r} is wrong: accepted is {_kinds(FIELDS[name])}.")
    for table, kind in (("columns", str), ("defects", (int, float))):
        for name, value in raw.get(table, {}).items():
            if not isinstance(value, kind) or isinstance(value, bool):
                raise BadRecipe(f"{path}: `{table}.{name}` = {value!r} is wrong: accepted is {_kinds(kind)}.")
    return raw


def _kinds(kinds: type | tuple[type, ...]) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table"}
    return " or ".join(names[kind] for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))


_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}
_FORMS = "".join(f"  {form}\n" for form in FORMS.values())
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

docs/generator.md says what is exact of what must be found.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser all that a recipe can say, and where the file goes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--recipe", type=Path, help="a TOML file with these settings; options given beside it count more")
    add("--feeds", type=Path, default=Path("feeds.toml"), help="the feeds file (default feeds.toml)")
    add("--feed", help="the feed whose columns, types and keys the file has")
    add("--rows", type=int, help="how many rows; or:")
    add("--size", help="how large the file is before compression: 10KB, 1.5GB, 64MiB (the last row that fits ends it)")
    add("--out", default="generated.csv", help="a path, - for stdout, or s3://bucket/key (default generated.csv)")
    add(
        "--expected",
        dest="known_outcome",
        type=Path,
        help="where what must be found goes (default: beside the file; here for S3; no file for -)",
    )
    add("--seed", type=int, help="the same seed gives the same bytes (default 1)")
    add("--column", action="append", type=_pair, metavar="NAME=DISTRIBUTION", help="repeat; new names are more columns")
    add("--defects", action="append", type=_share, metavar="KIND=SHARE", help="repeat; see below")
    add("--key-order", choices=get_args(KeyOrder), help="hot: 9 of 10 rows share a partition (default random)")
    add("--compression", choices=get_args(Compression), help="default none")
    add("--quoting", choices=get_args(Quoting), help="all: every cell is quoted (default: where needed)")
    add("--bom", action="store_true", help="begin with a byte order mark")
    add("--line-end", choices=sorted(_LINE_ENDS), help="default lf")
    add("--file", type=int, default=0, help="files of other numbers have other keys (default 0)")
    add("--part", type=_part, metavar="FROM:TO", help="only these rows of the file, from 0; parts joined are the file")
    add("--segment-mb", type=float, help="what the loader keeps in order at least (default 64)")
    add("--quiet", action="store_true", help="no bar, and no line at the end")
    add("--endpoint-url", help="of S3, if it is not that of AWS")


def recipe_from(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe that the options, and the recipe file if there is one, make.

    Raises:
        BadRecipe: they make none.
    """
    fields = read_recipe(arguments.recipe) if arguments.recipe else {}
    given = {name: getattr(arguments, name) for name in ("feed", "seed", "key_order", "compression", "quoting")}
    fields |= {name: value for name, value in given.items() if value is not None}
    if arguments.rows is not None or arguments.size is not None:
        fields |= {"rows": arguments.rows, "size": arguments.size}
    fields["columns"] = fields.get("columns", {}) | dict(arguments.column or [])
    fields["defects"] = fields.get("defects", {}) | dict(arguments.defects or [])
    fields["byte_order_mark"] = arguments.bom or fields.get("byte_order_mark", False)
    line_end = arguments.line_end or fields.get("line_end", "lf")
    if line_end not in _LINE_ENDS:
        raise BadRecipe(f"line end {line_end!r}: accepted are {', '.join(_LINE_ENDS)}.")
    segment_mb = arguments.segment_mb
    fields["segment_bytes"] = (
        int(segment_mb * 2**20) if segment_mb is not None else fields.get("segment_bytes", SEGMENT_BYTES)
    )
    if "feed" not in fields:
        raise BadRecipe("name the feed with --feed NAME.")
    feed = fields.pop("feed")
    fields |= {"line_end": _LINE_ENDS[line_end], "file": arguments.file, "part": arguments.part}
    return recipe_of(arguments.feeds, feed, **fields)


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise argparse.ArgumentTypeError(f"{text!r}: the form is NAME=DISTRIBUTION")
    return name, value


def _share(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        return kind, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: the form is KIND=SHARE, as ragged_row=0.01") from None


def _part(text: str) -> tuple[int, int]:
    try:
        first, end = map(int, text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: the form is FROM:TO, as 0:1000") from None
    return first, end
