"""One cold start: import the handler, build its parts, answer an event, and another. Prints when each was done."""

import time

MOMENTS = {"started": (time.monotonic(), time.process_time())}


def now() -> tuple[float, float]:
    """Return the clock's time and the CPU time so far, in seconds."""
    return time.monotonic(), time.process_time()


def main() -> None:
    """Answer the two events in the files that the command line names, with the feeds file in the folder it names."""
    from ingest.worker import handler

    MOMENTS["imported"] = now()
    import json
    import os
    import sys
    from pathlib import Path

    root, *events = sys.argv[1:]
    function = handler.build(os.environ, Path(root))
    MOMENTS["built"] = now()
    for path, moment in zip(events, ("first", "second"), strict=True):
        reply = function.answer(json.loads(Path(path).read_text()), left_s=60)
        if reply["batchItemFailures"]:
            raise RuntimeError(f"the {moment} message comes back")
        MOMENTS[moment] = now()
    print(json.dumps(MOMENTS))


if __name__ == "__main__":
    main()
