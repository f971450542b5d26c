"""Speed and memory compared with other tools, measured in whole processes: `python -m loadtest bench` and `hostile`.

In each module `run` measures and `judge` yields the goals. A missed goal is a result, not a failure.

Not in here: the files (`loadtest.workload` makes them) and the endpoints (`loadtest.simulator`, `loadtest.s3_server`).
"""
