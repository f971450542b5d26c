"""Runs the function's zip as Lambda will: on an emulated arm64 processor, in Python 3.14, by Lambda's runtime client.

And reads from the libraries in it what they need of the machine. Not in here: the zip, which is `infra.bundle`'s.
"""
