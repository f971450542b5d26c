"""The function in a process of its own: imports the handler, builds its parts, answers events; prints when each was."""

import time

MOMENTS = {"started": (time.monotonic(), time.process_time())}


def now() -> tuple[float, float]:
    """Return the clock's time and the CPU time so far, in seconds."""
    return time.monotonic(), time.process_time()


def main() -> None:
    """Answer the events in files, as the command line says: the folder with the feeds file, MOMENT=FILE, ...

    Where the file is `-`, it says so on stderr, and goes on when standard input ends.
    """
    from ingest.worker import handler

    MOMENTS["imported"] = now()
    import json
    import os
    import sys
    from pathlib import Path

    function = handler.build(os.environ, Path(sys.argv[1]))
    MOMENTS["built"] = now()
    for moment, _, path in (argument.partition("=") for argument in sys.argv[2:]):
        if path == "-":
            print("ready", file=sys.stderr, flush=True)
            sys.stdin.read()
        for event in json.loads(Path(path).read_text()) if path != "-" else ():
            if failed := function.answer(event, left_s=600)["batchItemFailures"]:
                raise RuntimeError(f"of the {moment} events, messages come back: {failed}")
        MOMENTS[moment] = now()
    print(json.dumps(MOMENTS))


if __name__ == "__main__":
    main()
