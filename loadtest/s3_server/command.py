"""`python -m loadtest s3-server FOLDER`: an S3 endpoint as a process of its own, so that its CPU is not counted."""

import argparse
import json
import signal
from pathlib import Path

from loadtest.s3_server.server import ObjectServer

_ENDS = (signal.SIGINT, signal.SIGTERM)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser all settings of an object endpoint."""
    parser.add_argument("folder", type=Path, help="holds a folder for each bucket")
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any that is free")
    parser.add_argument("--tls", action="store_true", help="the second line printed is the file clients are to trust")
    parser.add_argument("--cut-share", type=float, default=0.0, help="share of answers that end in their middle")
    parser.add_argument("--seed", type=int, default=1, help="which answers are cut")


def run(arguments: argparse.Namespace) -> int:
    """Run an endpoint until Ctrl-C or SIGTERM: its URL at the start, its counts as JSON at the end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    settings = {name: getattr(arguments, name) for name in ("cut_share", "seed", "tls", "port")}
    with ObjectServer(arguments.folder, **settings) as server:
        print(server.url, flush=True)
        if server.ca_file:
            print(server.ca_file, flush=True)
        signal.sigwait(_ENDS)
    print(json.dumps(server.counts), flush=True)
    return 0
