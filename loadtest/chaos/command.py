"""`python -m loadtest chaos`: one run, its figures, and what is wrong."""

import argparse

from loadtest.chaos.run import perform
from loadtest.chaos.settings import ChaosSettings
from loadtest.harness.results import command_line, write_result

_SHOWN = ("kills", "deliveries", "hand_overs", "files", "segments", "rows", "lost", "doubled", "wrong", "stuck")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of a run that are worth changing."""
    parser.add_argument("--minutes", type=float, default=3.0, help="how long files are dropped and workers killed")
    parser.add_argument("--kill-every-s", type=float, default=5.0, help="mean time between two kills (default 5)")
    parser.add_argument("--throttled", type=float, default=0.3, help="share of writes that is throttled (default 0.3)")
    parser.add_argument("--max-receive-count", type=int, default=15, help="deliveries before the dead-letter queue")
    parser.add_argument("--patience-s", type=float, default=600.0, help="how long all may take to settle then")


def run(arguments: argparse.Namespace) -> int:
    """Run; return 1 if anything is wrong."""
    settings = ChaosSettings(
        seconds=60 * arguments.minutes,
        seed=arguments.seed,
        kill_every_s=arguments.kill_every_s,
        throttled=arguments.throttled,
        max_receive_count=arguments.max_receive_count,
        patience_s=arguments.patience_s,
    )
    figures = perform(settings, lambda line: print(line, flush=True))
    for name in _SHOWN:
        print(f"{name:>12}: {figures[name]:,}")
    for problem in figures["problems"]:
        print(f"WRONG: {problem}")
    write_result(arguments.out, command=command_line(), seed=arguments.seed, figures=figures)
    print("result: " + ("WRONG" if figures["problems"] else "all rows accounted for"))
    return 1 if figures["problems"] else 0
