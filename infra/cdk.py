"""`python -m infra.cdk synth|deploy|destroy ...`: the pinned CDK command line, running app.py with this Python."""

import subprocess
import sys
from pathlib import Path

from infra import node
from ingest.errors import SettingsFault

# Not the newest: npm's `latest` is 3.0.0, which cannot read the output of aws-cdk-lib 2.275.
VERSION = "2.1148.1"
HOME = Path("build/cdk")


def main(arguments: list[str]) -> int:
    """Run the CDK and return its exit code."""
    environment = node.environment()
    cli = _installed(HOME, environment)
    # cdk.json has `python3 app.py`, for manual use; that Python may not have the CDK.
    command = [environment["JSII_NODE"], str(cli), *arguments, "--app", f'"{sys.executable}" app.py']
    return subprocess.run(command, env=environment, check=False).returncode


def _installed(home: Path, environment: dict[str, str]) -> Path:
    """Return the CLI's script, installed on first use. It is one package without dependencies: no lock file."""
    folder = home / VERSION
    script = folder / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        flags = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        install = [*node.npm(), "install", "--prefix", str(folder), *flags, f"aws-cdk@{VERSION}"]
        subprocess.run(install, env=environment, check=True)
    return script


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: npm could not install aws-cdk {VERSION} (exit code {error.returncode}).")
