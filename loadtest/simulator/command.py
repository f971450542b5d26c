"""`python -m loadtest simulator`: it runs as a process of its own, so that a benchmark does not count its CPU."""

import argparse
import json
import signal
from typing import Any, get_args

from loadtest.simulator.capacity import Simulation
from loadtest.simulator.server import Simulator
from loadtest.simulator.settings import Fault, Faults, Keep, Key, Latency, Settings, Table

_ENDS = (signal.SIGINT, signal.SIGTERM)
_CAPACITY = Simulation()  # what is not asked for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser all settings of a simulator; without any it takes everything and counts it."""
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any that is free")
    parser.add_argument("--tls", action="store_true", help="the second line printed is the file clients are to trust")
    parser.add_argument("--table", type=_table, action="append", metavar="NAME:PK[=TYPE][,SK[=TYPE]]", help="repeat")
    parser.add_argument("--keep", choices=get_args(Keep), default="nothing")
    parser.add_argument("--sequence", metavar="ATTRIBUTE", help="a number that must not fall for the same key")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--jitter-ms", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1, help="of faults and jitter")
    _add_capacity(parser.add_argument_group("capacity of each table; without any, it takes everything"))
    faults = ", ".join(Fault)
    parser.add_argument("--fault", type=_fault, action="append", default=[], metavar="NAME=SHARE", help=faults)
    parser.add_argument("--throttled-items", type=float, default=0, metavar="SHARE", help="that find no capacity")
    parser.add_argument("--slow-s", type=float, default=Faults().slow_s, help="how long a slow answer takes")


def _add_capacity(group: Any) -> None:
    group.add_argument("--provisioned", type=float, metavar="WCU")
    group.add_argument("--on-demand", type=float, metavar="WCU", help="warm throughput; a new table has 4000")
    group.add_argument("--burst-s", type=float, default=_CAPACITY.burst_s, help="seconds of unused capacity kept")
    group.add_argument("--growth-interval-s", type=float, default=_CAPACITY.growth_interval_s)
    group.add_argument("--max-on-demand", type=float, metavar="WCU")
    group.add_argument("--account-limit", type=float, default=_CAPACITY.account_units_per_s, metavar="WCU")
    group.add_argument("--partitions", type=int, help="default: as many as the capacity needs")


def run(arguments: argparse.Namespace) -> int:
    """Run a simulator until Ctrl-C or SIGTERM: its URL at the start, its statistics as JSON at the end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with Simulator(settings(arguments)) as simulator:
        print(simulator.url, flush=True)
        if simulator.settings.tls:
            print(simulator.ca_file, flush=True)
        signal.sigwait(_ENDS)
    print(json.dumps(_reported(simulator)), flush=True)
    return 0


def settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings the arguments ask for."""
    return Settings(
        tables=dict(arguments.table) if arguments.table else None,
        simulation=_simulation(arguments),
        faults=_faults(arguments),
        latency=Latency(fixed_s=arguments.latency_ms / 1000, jitter_s=arguments.jitter_ms / 1000, seed=arguments.seed),
        keep=arguments.keep,
        sequence=arguments.sequence,
        tls=arguments.tls,
        port=arguments.port,
    )


def _simulation(arguments: argparse.Namespace) -> Simulation | None:
    if arguments.provisioned is None and arguments.on_demand is None:
        return None
    return Simulation(
        mode="on_demand" if arguments.provisioned is None else "provisioned",
        provisioned_units_per_s=arguments.provisioned or _CAPACITY.provisioned_units_per_s,
        warm_units_per_s=arguments.on_demand or _CAPACITY.warm_units_per_s,
        burst_s=arguments.burst_s,
        growth_interval_s=arguments.growth_interval_s,
        max_on_demand_units_per_s=arguments.max_on_demand,
        account_units_per_s=arguments.account_limit,
        partitions=arguments.partitions,
    )


def _faults(arguments: argparse.Namespace) -> Faults | None:
    if not (arguments.fault or arguments.throttled_items):
        return None
    storm = arguments.throttled_items
    return Faults(seed=arguments.seed, slow_s=arguments.slow_s, throttled_items=storm, **dict(arguments.fault))


def _table(text: str) -> tuple[str, Table]:
    name, colon, keys = text.partition(":")
    partition, _, sort = keys.partition(",")
    if not (name and colon and partition):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:PK[=TYPE][,SK[=TYPE]]")
    return name, Table(_key(partition), _key(sort) if sort else None)


def _key(text: str) -> Key:
    name, _, kind = text.partition("=")
    if kind not in {"", "S", "N", "B"}:
        raise argparse.ArgumentTypeError(f"a key's type is S, N or B, not {kind!r}")
    return Key(name, kind or "S")


def _fault(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return str(Fault(name)), float(share)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SHARE with one of {', '.join(Fault)}") from error


def _reported(simulator: Simulator) -> dict[str, Any]:
    """Return the statistics, and what is known of the items taken."""
    written = simulator.written_items
    names = (simulator.settings.tables or {}) if simulator.settings.keeps_keys else {}
    held = {name: {"items": written.keys(name), "checksum": written.checksum_of(name)} for name in names}
    wrong = {name: getattr(written, name) for name in ("doubled", "overwritten", "out_of_order")}
    return {**simulator.statistics.document(), **wrong, "tables": held}
