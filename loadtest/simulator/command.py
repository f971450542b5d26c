"""`python -m loadtest simulator`: run it in its own process, so that a benchmark does not count its CPU."""

import argparse
from typing import Any

import msgspec

from loadtest.simulator.endpoint import serve
from loadtest.simulator.server import Simulator
from loadtest.simulator.settings import Settings
from loadtest.simulator.written_items import checksum

EXAMPLE = """example: a table of 1,000 write units a second, and one request in ten that fails
  {"tables": {"Orders": {"partition": {"name": "customer"}, "sort": {"name": "number", "type": "N"}}},
   "simulation": {"mode": "provisioned", "provisioned_units_per_s": 1000}, "faults": {"internal_error": 0.1}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings of a simulator; by default it accepts everything and counts it."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLE
    what = "JSON with the fields of loadtest/simulator/settings.py (default {}: all is taken, and counted)"
    parser.add_argument("settings", nargs="?", type=_settings, default=Settings(), metavar="SETTINGS", help=what)


def run(arguments: argparse.Namespace) -> int:
    """Run a simulator until Ctrl-C or SIGTERM; print its statistics."""
    simulator = Simulator(arguments.settings)
    return serve(simulator, lambda: _reported(simulator))


def _settings(text: str) -> Settings:
    try:
        return msgspec.json.decode(text, type=Settings, dec_hook=lambda kind, value: kind(value))
    except (msgspec.DecodeError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} are not settings: {error}") from error


def _reported(simulator: Simulator) -> dict[str, Any]:
    written = simulator.written_items
    names = [name for name in simulator.settings.tables or () if simulator.settings.keeps(name)]
    tables = {name: written.items(name) for name in names}
    held = {name: {"items": len(items), "checksum": checksum(items)} for name, items in tables.items()}
    wrong = {name: getattr(written, name) for name in ("doubled", "out_of_order")}
    return {**simulator.statistics.document(), **wrong, "tables": held}
