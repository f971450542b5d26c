"""Runs the function's zip as Lambda does: on an emulated arm64 processor, in Python 3.14, by Lambda's runtime client.

It also reads the requirements of the libraries in the zip. Not in here: building the zip (`infra.bundle`).
"""
