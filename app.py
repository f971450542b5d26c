"""The CDK app: settings and feeds in, a CloudFormation template out. It makes no AWS calls and works offline."""

import sys
from pathlib import Path

from aws_cdk import App

from infra import bundle, nag
from infra.settings import read_settings
from infra.stack import IngestStack
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds


def main() -> None:
    """Synthesise the stack of the stage and feeds named in the context."""
    app = App()
    settings = read_settings(app.node.try_get_context("stages"), app.node.try_get_context("stage") or "default")
    feeds_path = Path(app.node.try_get_context("feeds") or "feeds.toml")
    feeds = read_feeds(feeds_path)
    built = app.node.try_get_context("code")  # the local stack has its zip already
    code = Path(built) if built else bundle.build(bundle.ARM64, feeds_path)
    stack = IngestStack(app, settings.name, settings=settings, feeds=feeds, code=code)
    nag.watch(app, stack, feeds)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
    except RuntimeError as error:
        if not str(error).startswith("ValidationFailed"):
            raise
        sys.exit(
            "error: cdk-nag reported the findings above; fix them, or acknowledge them with a reason in infra/nag.py."
        )
