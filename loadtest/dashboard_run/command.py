"""`python -m loadtest observe`: a mixed load in the local stack, kept second by second for the dashboard's picture."""

import argparse
import json

from loadtest.dashboard_run.run import observe
from loadtest.harness.results import origin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of a run."""
    parser.add_argument("--seconds", type=float, default=100.0, help="how long files are dropped (default 100)")
    parser.add_argument("--patience-s", type=float, default=120.0, help="how long the queue may take to be empty then")


def run(arguments: argparse.Namespace) -> int:
    """Run, and write what was reported: one metric a line."""
    observed = observe(
        seconds=arguments.seconds,
        seed=arguments.seed,
        patience_s=arguments.patience_s,
        say=lambda line: print(line, flush=True),
    )
    command = f"python -m loadtest observe --seconds {arguments.seconds:g} --seed {arguments.seed}"
    document = {**origin(command=command, seed=arguments.seed), **observed}
    arguments.out.write_text(_text(document))
    files, metrics = len(observed["log"]["closed"]), len(observed["metrics"])
    print(f"{observed['seconds']:.0f} s: {files} files ended, {metrics} metrics; kept in {arguments.out}.")
    return 0


def _text(document: dict[str, object]) -> str:
    """Return JSON with a line for each field, and for each member of a list: short, and a change of one shows."""
    fields = []
    for name, value in document.items():
        rows = ",\n  ".join(json.dumps(member) for member in value) if isinstance(value, list) else ""
        fields.append(f" {json.dumps(name)}: " + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    return "{\n" + ",\n".join(fields) + "\n}\n"
