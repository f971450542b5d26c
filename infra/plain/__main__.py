"""`python -m infra.plain`: write the template and the zip that the `aws` command line deploys, without the CDK."""

import argparse
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import bundle, node
from infra.settings import read_settings
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds

TEMPLATE, CODE = "pipeline-template.yml", "ingest.zip"
MAX_BYTES = 1_000_000  # what CloudFormation takes from S3
MAX_INLINE_BYTES = 51_200  # what it takes in the request itself
HEADER = """\
CSV files dropped in S3 land in DynamoDB. Made by `make template`; change cdk.json or feeds.toml, not this file.
Stage {stage} of cdk.json; feeds: {feeds} (they are in the zip, too). How to deploy it: docs/deploy.md"""


@dataclass(frozen=True)
class Written:
    """Where template and zip are."""

    template: Path
    code: Path

    @property
    def key(self) -> str:
        """A key for the zip in S3 that is another for other code."""
        return f"ingest-{hashlib.sha256(self.code.read_bytes()).hexdigest()[:12]}.zip"


def write(out: Path, *, stage: str = "default", feeds: Path = bundle.ROOT / "feeds.toml") -> Written:
    """Write both files to a folder and return where they are.

    Raises:
        SettingsFault: a setting is wrong, or a file would be too large.
    """
    os.environ.update(node.environment())  # the CDK starts Node.js on its first use
    from infra.plain.template import plain_template
    from infra.plain.text import as_yaml

    settings, declared = read_settings(_stages(), stage), read_feeds(feeds)
    header = HEADER.format(stage=stage, feeds=", ".join(declared.feeds))
    text = as_yaml(plain_template(settings, declared), header=header)
    if len(text.encode()) > MAX_BYTES:
        raise SettingsFault(
            f"The template has {len(text.encode()):,} bytes; CloudFormation takes {MAX_BYTES:,}. Declare fewer feeds."
        )
    out.mkdir(parents=True, exist_ok=True)
    written = Written(out / TEMPLATE, out / CODE)
    written.template.write_text(text, encoding="utf-8")
    shutil.copyfile(bundle.build(bundle.ARM64, feeds), written.code)
    return written


def _stages() -> dict[str, Any]:
    context = json.loads((bundle.ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return dict(context["stages"])


def _report(written: Written) -> None:
    size = written.template.stat().st_size
    zipped, unpacked = bundle.sizes_mb(written.code)
    print(f"{written.template}: {size:,} bytes of at most {MAX_BYTES:,}")
    print(f"{written.code}: {zipped:.1f} MB of at most {bundle.MAX_ZIPPED_MB}, {unpacked:.0f} MB unpacked")
    print(
        f"\nTo deploy, with a bucket of yours in the same region as BUCKET:\n"
        f"  aws s3 cp {written.code} s3://BUCKET/{written.key}\n"
        f"  aws cloudformation deploy --template-file {written.template} --stack-name ingest --s3-bucket BUCKET \\\n"
        f"    --capabilities CAPABILITY_IAM --parameter-overrides CodeBucket=BUCKET CodeKey={written.key}"
    )
    if size <= MAX_INLINE_BYTES:
        print("  (--s3-bucket may be left out: the template is small enough to be sent as it is)")


def main() -> int:
    """Write the files, print their sizes and the commands that deploy them."""
    parser = argparse.ArgumentParser(prog="python -m infra.plain", description=__doc__)
    parser.add_argument("--stage", default="default", help="stage of cdk.json (default: default)")
    parser.add_argument("--feeds", type=Path, default=Path("feeds.toml"), help="feeds file (default: feeds.toml)")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder to write to (default: dist)")
    arguments = parser.parse_args()
    try:
        _report(write(arguments.out, stage=arguments.stage, feeds=arguments.feeds))
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
