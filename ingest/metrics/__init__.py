"""Metrics and events out (EMF, EventBridge), and CloudWatch metrics and logs in.

Not in here: names and units of the metrics (`ingest.contract`), alarms and the dashboard (`infra.monitoring`).
"""
