"""`python -m loadtest transcript`: an operator's day in the local stack, as a page for the docs."""

import argparse
import tempfile
from pathlib import Path

from loadtest.demo_script.page import page
from loadtest.demo_script.run import in_a_process, report

PAGE = Path(__file__).parents[2] / "docs" / "transcript.md"
HEAD = """# An operator's day

Written by `python -m loadtest transcript`: each output below was printed by a real command, in a terminal of 80
columns, against the stack deployed to the local emulator, with tables that take 1,200 write units a second each in
place of the emulator's, which have no limit. `tests/e2e/test_transcript.py` runs the same steps and checks what each
command says and does. More about each command is in [operations.md](operations.md) and
[operations-plan-top.md](operations-plan-top.md); what to do when an alarm fires, in [runbook.md](runbook.md)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of a run."""
    parser.add_argument("--out", type=Path, default=PAGE, help="the page (default docs/transcript.md)")


def run(arguments: argparse.Namespace) -> int:
    """Run the script and write the page."""
    with tempfile.TemporaryDirectory(prefix="transcript-") as name:
        folder = Path(name)
        script, _ = report(folder, lambda stack: in_a_process(stack, folder))
    arguments.out.write_text(page(HEAD, script.parts), encoding="utf-8")
    print(f"{len(script.steps)} commands were run; the page is {arguments.out}.")
    return 0
