"""The function in its own process: imports the handler, builds its parts, handles events; prints when each happened."""

import time

MOMENTS = {"started": (time.monotonic(), time.process_time())}


def now() -> tuple[float, float]:
    """Return the clock's time and the CPU time so far, in seconds."""
    return time.monotonic(), time.process_time()


def main() -> None:
    """Handle the events in files. Arguments: the folder with the feeds file, then MOMENT=FILE, ...

    Where FILE is `-`, it reports that on stderr and continues when standard input ends.
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
