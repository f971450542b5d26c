"""The stack on this machine: an AWS emulator, the template deployed to it, and the demo.

Not in here: the template itself (`infra.stack`) and its end-to-end tests (`tests/e2e`).
"""
