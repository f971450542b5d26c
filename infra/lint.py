"""`python -m infra.lint`: synthesise each stage, which runs cdk-nag, and check the template with cfn-lint."""

import json
import sys
from pathlib import Path

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.local.ministack import EmulatorFault
from infra.local.synth import ROOT, synthesise

REGIONS = ["us-east-1", "eu-central-1"]
IGNORED = {"W3005": "The CDK makes the function depend on its role as well as on the role's policy, which implies it."}


def findings(template: str) -> list[str]:
    """Return cfn-lint's findings on a template, one line for each."""
    config = ManualArgs(regions=REGIONS, ignore_checks=list(IGNORED))
    return [str(match) for match in lint(template, config=config)]


def main() -> int:
    """Print the findings of all stages; return 1 if there are any."""
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
