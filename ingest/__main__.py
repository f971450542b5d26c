"""`python -m ingest`: the same as the command `ingest`."""

from ingest.cli.main import main

main()
