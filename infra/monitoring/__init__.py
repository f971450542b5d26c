"""Alarms, their topic and the dashboard, and the picture of the dashboard in the docs.

Not in here: the table of metrics (`ingest.contract`) and what to do when an alarm is raised (docs/runbook.md).
"""
