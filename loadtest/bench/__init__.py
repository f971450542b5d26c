"""Speed and memory beside other tools, measured in whole processes: `python -m loadtest bench` and `hostile`.

Not in here: the files (`loadtest.workload` makes them) and the endpoints (`loadtest.simulator`, `loadtest.s3_server`).
"""
