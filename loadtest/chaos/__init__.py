"""Runs in which workers are killed and services fail: many small files (`chaos`), and files of gigabytes (`huge`).

Not in here: what stands around the workers (`harness.testbed`), how files are made (`workload`), and who judges what
came of them (`checker`).
"""
