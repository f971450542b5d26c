"""`python -m infra.lint`: synthesises each stage, which cdk-nag watches, and shows the template to cfn-lint."""

import json
import sys
from pathlib import Path

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.local.ministack import EmulatorFault
from infra.local.synth import ROOT, synthesise

REGIONS = ["us-east-1", "eu-central-1"]
IGNORED = {"W3005": "The CDK lets the function wait for its role as well as for the role's policy, which implies it."}


def findings(template: str) -> list[str]:
    """Return what cfn-lint has against a template, a line each."""
    config = ManualArgs(regions=REGIONS, ignore_checks=list(IGNORED))
    return [str(match) for match in lint(template, config=config)]


def main() -> int:
    """Print what is found in any stage; return 1 if there is anything."""
    feeds = ROOT / "feeds.toml"
    code = 0
    for stage in json.loads((ROOT / "cdk.json").read_text())["context"]["stages"]:
        (path,) = synthesise(feeds, stage=stage).glob("*.template.json")
        for line in findings(Path(path).read_text()):
            print(f"stage {stage}: {line}")
            code = 1
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EmulatorFault as fault:
        sys.exit(f"error: {fault}")
