"""The help parts of docs/commands.md: usage, arguments and options of each command, and the exit codes."""

from collections.abc import Iterator
from typing import Any

from ingest.cli.main import COMMANDS, EXIT_CODES, load_command
from tests.docs.pages.markdown import table


def parts() -> dict[str, str]:
    """Return a part for each command, as "help check" or "help feeds check", and the table of exit codes."""
    codes = table(("exit code", "means"), ((f"{code}", meaning) for code, meaning in EXIT_CODES.items()))
    return {f"help {name}": _help(name, command) for name, command in commands()} | {"exit codes": codes}


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command with its name."""
    for name in COMMANDS:
        command = load_command(name)
        if inner := getattr(command, "commands", None):
            yield from ((f"{name} {one}", found) for one, found in inner.items())
        else:
            yield name, command


def _help(name: str, command: Any) -> str:
    return usage(name, command) + table(("argument or option", "meaning"), _rows(command))


def options(command: Any) -> set[str]:
    """Return all spellings of a command's options."""
    return {spelled for param in command.params for spelled in (*param.opts, *param.secondary_opts)}


def usage(name: str, command: Any) -> str:
    """Return the usage line."""
    arguments = " ".join(str(param.metavar) for param in _of_kind(command, "argument"))
    return f"`ingest {name} {arguments}`".replace(" `", "`") + "\n\n"


def _rows(command: Any) -> list[tuple[str, str]]:
    arguments = [(f"{param.metavar}", param.help) for param in _of_kind(command, "argument")]
    return arguments + [_option(param) for param in _of_kind(command, "option")]


def _option(param: Any) -> tuple[str, str]:
    value = "" if param.is_flag else f" {param.metavar or 'VALUE'}"
    default = "" if param.default in (None, False, (), []) else f" ({param.default})"
    return f"`{', '.join(param.opts)}{value}`", f"{param.help}{default}"


def _of_kind(command: Any, kind: str) -> list[Any]:
    return [param for param in command.params if param.param_type_name == kind and param.name != "help"]
