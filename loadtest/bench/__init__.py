"""Speed and memory beside other tools, measured in whole processes: `python -m loadtest bench` and `hostile`.

Of each, `run` measures and `judge` yields the goals; missing one is a result, not a failure.

Not in here: the files (`loadtest.workload` makes them) and the endpoints (`loadtest.simulator`, `loadtest.s3_server`).
"""
