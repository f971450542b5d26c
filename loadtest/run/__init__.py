"""Runs scenarios: makes the files, drops them on a target, watches, judges, and writes all of it down."""
