"""The CDK app: settings and feeds in, a CloudFormation template out. It makes no AWS calls and works offline."""

import json
import sys
from pathlib import Path

from aws_cdk import App

from infra import bundle, nag
from infra.settings import Settings, read_settings
from infra.stack import IngestStack
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds


def main() -> None:
    """Synthesise the stack of the stage and feeds named in the context."""
    app = App()
    settings = _settings(app)
    feeds_path = Path(app.node.try_get_context("feeds") or "feeds.toml")
    feeds = read_feeds(feeds_path)
    built = app.node.try_get_context("code")  # the local stack has its zip already
    code = Path(built) if built else bundle.build(bundle.ARM64, feeds_path)
    stack = IngestStack(app, settings.name, settings=settings, feeds=feeds, code=code)
    nag.watch(app, stack, feeds)
    app.synth()


def _settings(app: App) -> Settings:
    """Return the settings of the stage; a project of its own has a file of those that differ."""
    stages, stage = app.node.try_get_context("stages"), app.node.try_get_context("stage") or "default"
    path = app.node.try_get_context("settings")
    if path is None:
        return read_settings(stages, stage)
    try:
        own = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsFault(f"{path} cannot be read: {error}.") from error
    if not isinstance(own, dict):
        raise SettingsFault(f'{path} is not a JSON object of settings, as {{"name": "ingest"}}.')
    return read_settings({stage: {**(stages or {}).get(stage, {}), **own}}, stage, origin=path)


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
