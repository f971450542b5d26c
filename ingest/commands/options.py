"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

FeedsPath = Annotated[Path, typer.Option("--feeds", help="The feeds file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
FeedName = Annotated[str, typer.Option("--feed", help="The feed the file belongs to.")]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="The deployed stack (default: $INGEST_STACK, or ingest)."),
]
DEFAULT_FEEDS = Path("feeds.toml")
