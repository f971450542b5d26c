"""Chaos runs: the product in a local stack, with its workers killed and its services failing, judged from outside."""
