"""Scenarios: files that are made, dropped on the product in some place, measured and judged; and reports of such runs.

Not in here: how a file is generated (`loadtest.workload`) and how what was found is judged (`loadtest.checker`).
"""
