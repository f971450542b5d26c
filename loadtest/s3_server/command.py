"""`python -m loadtest s3-server FOLDER`: an S3 endpoint as a process of its own, so that its CPU is not counted."""

import argparse
from pathlib import Path

from loadtest.s3_server.server import ObjectServer
from loadtest.simulator.command import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser all settings of an object endpoint."""
    parser.add_argument("folder", type=Path, help="holds a folder for each bucket")
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any that is free")
    parser.add_argument("--tls", action="store_true", help="the second line printed is the file clients are to trust")
    parser.add_argument("--cut-share", type=float, default=0.0, help="share of answers that end in their middle")
    parser.add_argument("--seed", type=int, default=1, help="which answers are cut")


def run(arguments: argparse.Namespace) -> int:
    """Run an endpoint until Ctrl-C or SIGTERM; print what it counted."""
    settings = {name: getattr(arguments, name) for name in ("cut_share", "seed", "tls", "port")}
    server = ObjectServer(arguments.folder, **settings)
    return serve(server, lambda: server.counts)
