"""Fuzz the reading of files: python -m tests.fuzz.fuzz_reading --runs 100000

Guided by coverage where atheris is installed (pip install -e .[fuzz]); finds are kept in build/fuzz. Without it, inputs
are random mutations of the corpus. An input that breaks something is printed, and the exit status is not 0.
"""

import argparse
import random
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["ingest"]) if atheris else nullcontext():
    from tests.fuzz.reading import CORPUS, SEED_BYTES, check

FINDS = Path("build/fuzz")
LONGEST = 400
SECONDS = 10  # more for one input is a hang
TOKENS = (
    b'"',
    b"'",
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\\",
    b"^",
    b"#",
    b"//",
    b'""',
    b"a",
    b" ",
    b"\0",
    b"\xff",
    b"\xc3\xbc",
)


def main(arguments: list[str]) -> None:
    """Run the target on `--runs` inputs."""
    parser = argparse.ArgumentParser(description="Fuzz the reading of files.")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    seed = random.randrange(2**31) if options.seed is None else options.seed
    (_guided if atheris else mutated)(options.runs, seed)


def _guided(runs: int, seed: int) -> None:
    FINDS.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(CORPUS):
        (FINDS / f"seed-{number:02}").write_bytes(data)
    limits = [f"-runs={runs}", f"-seed={seed or 1}", f"-max_len={LONGEST}", f"-timeout={SECONDS}"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={FINDS}/", str(FINDS)], check)
    atheris.Fuzz()


def mutated(runs: int, seed: int, target: Callable[[bytes], None] = check) -> None:
    """Run the target on mutations of the corpus, each within bounded time."""
    chance = random.Random(seed)
    signal.signal(signal.SIGALRM, _too_long)
    for number in range(runs):
        data = CORPUS[number] if number < len(CORPUS) else _mutation(chance)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            target(data)
        except BaseException:
            print(f"input {number} of seed {seed}: {data!r}", file=sys.stderr)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{runs} inputs, seed {seed}: nothing broke and no byte was lost")


def _too_long(signum: int, frame: Any) -> None:
    raise TimeoutError(f"one input took more than {SECONDS} s")


def _mutation(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(CORPUS))
    data[:SEED_BYTES] = chance.randbytes(SEED_BYTES)
    for _ in range(chance.randint(1, 12)):
        at = chance.randint(SEED_BYTES, len(data))
        until = min(len(data), at + chance.randint(0, 12))
        data[at:until] = chance.choice(
            [chance.choice(TOKENS), chance.choice(TOKENS), data[at:until] * 2, b"", chance.randbytes(1)]
        )
    return bytes(data[:LONGEST])


if __name__ == "__main__":
    main(sys.argv[1:])
