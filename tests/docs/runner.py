"""Runs the console examples of the documentation in a folder, against a local stack."""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.local.stack import LocalStack
from ingest.cli import main as cli
from tests.docs.examples import Command

GAP = "…"
SHOWN_LINES = 24
EXIT_CODE = re.compile(r"# .*exit code (\d+)")
# What differs from run to run: figures, versions and times; the width of columns follows them.
DIFFERS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-F]{16,}(\+\d+)?|([0-9a-f]{8,}-?)+|[0-9][0-9.,:TZ-]*|[ ─━═]+"
)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    lines: tuple[str, ...]


@dataclass
class Shell:
    """Runs commands in a folder; `ingest` in this process, `make deploy` on the local stack, the rest in bash."""

    folder: Path
    deploy: Callable[[Path], LocalStack]
    file: str = ""  # what FILE means in a command

    def run(self, command: Command) -> Ran:
        """Run a command and return what it printed."""
        text = re.sub(r"\bFILE\b", self.file, command.text).replace(".venv/bin/", "")
        words = [os.path.expandvars(word) for word in command.words]
        if words[:2] == ["make", "deploy"]:
            self.deploy(Path.cwd() / "feeds.toml")
            return Ran(0, ())
        if " && cd " in text:
            ran = self._bash(text.partition(" && cd")[0])
            os.chdir(text.partition(" && cd ")[2].split()[0])
            return ran
        if words[0].endswith("ingest") and "|" not in text:
            return self._ingest([self.file if word == "FILE" else word for word in words[1:]], _target(text))
        return self._bash(text)

    def _ingest(self, arguments: list[str], target: str) -> Ran:
        """Run `ingest` here: a tenth of the time that a process of its own takes."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(arguments)
        out.flush()
        printed = out.buffer.getvalue()  # type: ignore[attr-defined]
        if target:
            Path(target).write_bytes(printed)
            printed = b""
        return Ran(code, tuple((printed.decode() + err.getvalue()).splitlines()))

    def _bash(self, text: str) -> Ran:
        """Run anything else; variables that it sets stay set."""
        variables = self.folder / ".variables"
        script = f". {variables} 2>/dev/null; set -a -o pipefail\n{text}\ncode=$?; export -p > {variables}; exit $code"
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        environment = os.environ | path
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
        return Ran(done.returncode, tuple((done.stdout + done.stderr).splitlines()))


def _target(text: str) -> str:
    found = re.search(r" > (\S+)", text)
    return found[1] if found else ""


def is_compared(command: Command) -> bool:
    """Return whether what a command prints is compared: what depends on the moment is shown "for example"."""
    return bool(command.output) and "# for example" not in command.text


def expected_code(command: Command) -> int:
    """Return the exit code that a command's comment names, else 0."""
    found = EXIT_CODE.search(command.text)
    return int(found[1]) if found else 0


def is_shown_by(printed: Iterable[str], shown: Iterable[str]) -> bool:
    """Return whether what a page shows was printed, apart from figures; a line of … stands for any lines.

    >>> is_shown_by(["3 rows", "x", "y"], ["5 rows", "…", "y"]), is_shown_by(["3 rows"], ["3 files"])
    (True, False)
    """
    parts = [re.escape(_same(line)) if line.strip() != GAP else "(?:.*\n?)*?" for line in shown]
    pattern = "\n".join(parts).replace("(?:.*\n?)*?\n", "(?:.*\n)*?")
    return re.fullmatch(pattern + r"\s*", "\n".join(map(_same, printed)) + "\n") is not None


def _same(line: str) -> str:
    return DIFFERS.sub(" ", line).strip()


def cut(printed: tuple[str, ...]) -> list[str]:
    """Return what a page shows of an output: its first lines."""
    lines = [line.rstrip() for line in printed]
    return lines if len(lines) <= SHOWN_LINES else [*lines[: SHOWN_LINES - 4], GAP]
