"""Scenarios: files that are generated, loaded by the product on a target, measured and judged; and reports of runs.

Not in here: how a file is generated (`loadtest.workload`) and how results are judged (`loadtest.checker`).
"""
