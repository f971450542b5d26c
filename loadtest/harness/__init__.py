"""What connects a load test to the product: the stack's client, workers, a proxy that injects faults, and results.

`testbed` combines them. Not in here: the simulated services themselves (`simulator`, `s3_server`), and what is
expected of a run (`checker`).
"""
