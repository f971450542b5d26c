"""Runs with killed workers and failing services: many small files (`chaos`), and files of gigabytes (`huge`).

Not in here: the workers' environment (`harness.testbed`), how files are made (`workload`), and how results are judged
(`checker`).
"""
