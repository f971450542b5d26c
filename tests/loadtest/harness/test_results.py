import sys

import pytest

from loadtest.harness.results import command_line


def test_a_result_says_with_which_command_it_is_made_again_wherever_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["loadtest/__main__.py", "chaos", "--out", "a.json", "--minutes", "8"])
    assert command_line() == "python -m loadtest chaos --minutes 8"
