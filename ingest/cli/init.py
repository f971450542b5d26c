"""`ingest init`: a project of one's own, so that no one edits inside the checkout."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli.options import AsJson
from ingest.cli.output import console_on
from ingest.errors import SettingsFault

CHECKOUT = Path(__file__).parents[2]
FEEDS = """\
# What the files under each key prefix mean, and the table their rows go to.
# `ingest sniff FILE >> feeds.toml` proposes a feed; `ingest feeds check` checks this file.

# [feeds.orders]                    # the feed's name
# prefix = "orders/"                # object keys that begin so belong to it
# table = "Orders"                  # the table: the stack makes it,
# existing = false                  # or true: it is there already
# partition_key = "customer_id"     # a column, or a template: "CUSTOMER#{customer_id}"
# sort_key = "order_id"             # leave it out if the table has none
#
# [feeds.orders.columns]            # columns that are not listed are strings
# quantity = "N"
# gift = "BOOL"
"""
SETTINGS = {"name": "ingest", "max_concurrency": 10}
MAKEFILE = """\
INGEST ?= {checkout}
synth deploy destroy:
\t$(MAKE) -C $(INGEST) $@ FEEDS=$(CURDIR)/feeds.toml SETTINGS=$(CURDIR)/settings.json
"""
NOT_A_CHECKOUT = "../csv-ingest"  # where a clone is expected by those who installed the command line alone


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The project's directory; it is made.")],
    as_json: AsJson = False,
) -> None:
    """Write a project: feeds.toml, settings, and a Makefile that deploys.

    settings.json has the settings that differ from those of the stage `default` in cdk.json, by the same names.

    Examples:
        ingest init shop && cd shop
        ingest sniff orders.csv >> feeds.toml
        ingest check orders.csv && make deploy
    """
    written = {
        directory / "feeds.toml": FEEDS,
        directory / "settings.json": json.dumps(SETTINGS, indent=2) + "\n",
        directory / "Makefile": MAKEFILE.format(checkout=_checkout()),
    }
    _refuse_existing(written)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsFault(f"{directory} cannot be written to: {error.strerror}; name another directory.") from error
    if as_json:
        print(json.dumps({"directory": str(directory), "files_written": [str(path) for path in written]}))
    else:
        for line in (f"Wrote {', '.join(path.name for path in written)} to {directory}.", *_next_steps(directory)):
            console_on(sys.stdout).print(line, soft_wrap=True)


def _checkout() -> str:
    """Return where make's targets are: this checkout, or where one is expected."""
    return str(CHECKOUT) if (CHECKOUT / "app.py").exists() else NOT_A_CHECKOUT


def _refuse_existing(paths: dict[Path, str]) -> None:
    found = next((path for path in paths if path.exists()), None)
    if found:
        raise SettingsFault(f"{found} exists already, and nothing was written; name another directory.")


def _next_steps(directory: Path) -> tuple[str, ...]:
    return (f"Next: cd {directory}; ingest sniff FILE >> feeds.toml; check its keys; ingest check FILE; make deploy.",)
