"""Every console example of the documentation is run in a local stack and prints what the page shows.

`pytest tests/docs/test_examples.py --write-examples` (part of `make docs`) writes what they print into the pages.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.ministack import running
from infra.local.stack import LocalStack, deployed
from ingest.contract import Env, Output
from ingest.queue import operating
from tests.docs.examples import Command, Example, examples
from tests.docs.pages.all import ROOT
from tests.docs.runner import Ran, Shell, cut, expected_code, is_compared, is_shown_by

# A command leaves its clients to the end of its process; here that is the test's.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

FEEDS = Path(__file__).with_name("feeds.toml")
HEADER = "order_id,customer_id,quantity,note\n"
COLUMNS = "100"
UNKNOWN = '{"hello": "world"}'  # a message of another system
# Pages in the order in which they are run, and the object that FILE means there.
FILES = {
    "README.md": "sample_data/sample_data.csv",
    "docs/commands.md": "orders/orders.csv",
    "docs/runbook.md": "stock/stock.csv",
}
BY_PAGE = {page: [example for example in examples() if str(example.page.relative_to(ROOT)) == page] for page in FILES}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A folder with the files of the examples, and a stack with their feeds."""
    _write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setattr(operating, "WAIT_S", 0)  # the emulator's queue answers with all it has
    with running() as emulator:

        def deploy(feeds: Path) -> LocalStack:
            stack = deployed(emulator, feeds)
            for name, value in _variables(stack).items():
                monkeypatch.setenv(name, value)
            return stack

        yield Shell(tmp_path, deploy)


def _variables(stack: LocalStack) -> dict[str, str]:
    outputs = {
        Env.QUEUE_URL: stack.outputs[Output.QUEUE_URL],
        Env.LANDING_BUCKET: stack.outputs[Output.LANDING_BUCKET],
    }
    return stack.environment() | {str(name): value for name, value in outputs.items()}


def _write_files(folder: Path) -> None:
    incoming = folder / "incoming"
    incoming.mkdir()
    rows = [f"O-{n},C-{n % 100},{n % 9 + 1},back door\n" for n in range(2000)]
    rows[3] = rows[812] = "O-3,C-3,many,back door\n"
    rows[1700] = "O-1700,C-0\n"
    (incoming / "orders.csv").write_text(HEADER + "".join(rows))
    (incoming / "fixed.csv").write_text(HEADER + "O-3,C-3,12,back door\nO-1700,C-0,1,\n")
    (incoming / "stock.csv").write_text("sku;pieces\n" + "".join(f"S-{n};{n}\n" for n in range(50)))
    large = "".join(f"v-{n % 100},{n},{'x' * 2000}\n" for n in range(2000))
    (incoming / "large.csv").write_text("visitor,at,page\n" + large)
    shutil.copy(FEEDS, folder / "feeds.toml")
    shutil.copy(ROOT / "sample_data.csv", folder)


def test_the_examples_of_the_readme_take_a_newcomer_to_a_loaded_file(
    shell: Shell, request: pytest.FixtureRequest
) -> None:
    assert_pages_show_what_is_printed(["README.md"], shell, request)


def test_the_examples_of_commands_and_runbook_print_what_the_pages_show(
    shell: Shell, request: pytest.FixtureRequest
) -> None:
    stack = shell.deploy(FEEDS)
    stack.client("sqs").send_message(QueueUrl=stack.outputs[Output.QUEUE_URL], MessageBody=UNKNOWN)
    assert_pages_show_what_is_printed(["docs/commands.md", "docs/runbook.md"], shell, request)


def assert_pages_show_what_is_printed(pages: list[str], shell: Shell, request: pytest.FixtureRequest) -> None:
    wrong = []
    for page in pages:
        shell.file = FILES[page]
        for example in BY_PAGE[page]:
            ran = [(command, shell.run(command)) for command in example.commands if not command.only_checked]
            if request.config.getoption("--write-examples"):
                _write(example, ran)
            wrong += [_difference(example, *one) for one in ran if not _is_as_shown(*one)]
    assert not wrong, "\n\n".join(wrong)


def _is_as_shown(command: Command, ran: Ran) -> bool:
    return ran.code == expected_code(command) and (not is_compared(command) or is_shown_by(ran.lines, command.output))


def _difference(example: Example, command: Command, ran: Ran) -> str:
    shown = "\n".join(command.output)
    return (
        f"{example}\n$ {command.text}\nexit code {ran.code}, printed:\n" + "\n".join(ran.lines) + f"\nshown:\n{shown}"
    )


def _write(example: Example, ran: list[tuple[Command, Ran]]) -> None:
    """Put what was printed in the place of what the page shows, where it shows anything."""
    text = example.page.read_text(encoding="utf-8")
    for command, result in ran:
        if command.output:
            old, new = "\n".join(command.output), "\n".join(cut(result.lines))
            text = text.replace(f"$ {command.text}\n{old}\n", f"$ {command.text}\n{new}\n")
    example.page.write_text(text, encoding="utf-8")


def test_pages_with_examples_to_run_are_all_run() -> None:
    pages = {str(e.page.relative_to(ROOT)) for e in examples() if not all(c.only_checked for c in e.commands)}
    assert pages == set(FILES)
