"""What stands between a load test and the product: the stack's client, workers, a proxy that fails, and results.

`testbed` puts them together. Not in here: the simulated services themselves (`simulator`, `s3_server`), and what is
expected of a run (`checker`).
"""
