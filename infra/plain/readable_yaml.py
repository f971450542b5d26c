"""Writes a template as readable YAML: short forms, text instead of joins, long text as blocks. Pure."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

WIDTH = 110
SECTIONS = ("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs")
_NAME, _NAME_IN_LIST = re.compile(r"[A-Za-z0-9.]+(::[A-Za-z]+)?"), re.compile(r"[A-Za-z0-9.]+")
LONG = 200  # JSON and multi-line text of at least this many characters become a block


@dataclass(frozen=True)
class Short:
    """An intrinsic function in its short form: `!Ref Queue`."""

    name: str
    value: Any


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    def ignore_aliases(self, data: Any) -> bool:
        return True  # CloudFormation does not support aliases

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def choose_scalar_style(self) -> Any:
        """Omit quotes after a tag: `!Ref Queue`, where PyYAML would write `!Ref 'Queue'`."""
        chosen = super().choose_scalar_style()
        name = _NAME_IN_LIST if self.flow_level else _NAME
        is_name = self.event.tag and self.event.tag.startswith("!") and name.fullmatch(self.event.value)
        return "" if is_name and chosen == "'" else chosen


def as_yaml(template: dict[str, Any], *, header: str = "") -> str:
    """Return the template as YAML, with `header` as a comment at the top."""
    ordered = {name: template[name] for name in SECTIONS if name in template}
    ordered |= template  # all other sections come last
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    text = yaml.dump(short(ordered), Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return f"{comment}{text}"


def short(value: Any) -> Any:
    """Return a template with short forms in place of its intrinsic functions.

    >>> short({"Fn::Join": ["", ["a/", {"Ref": "B"}, "/", {"Fn::GetAtt": ["C", "Arn"]}, "${x}"]]})
    Short(name='Sub', value='a/${B}/${C.Arn}${!x}')
    """
    if isinstance(value, list):
        return [short(each) for each in value]
    if isinstance(value, dict):
        return _function(value) or {name: short(inside) for name, inside in value.items()}
    return value


def _function(value: dict[str, Any]) -> Short | None:
    """Return the short form of an intrinsic function; None for any other value."""
    name, inside = next(iter(value.items()), ("", []))
    if len(value) > 1 or not (name == "Ref" or name.startswith("Fn::")):
        return None
    if name == "Fn::Join" and (text := _joined(inside)) is not None:
        return Short("Sub", text)
    if name == "Fn::GetAtt":
        return Short("GetAtt", ".".join(inside))
    return Short(name.removeprefix("Fn::"), short(inside))


def _joined(arguments: list[Any]) -> str | None:
    """Return a join as the text of a Sub; None unless it has only text and references."""
    separator, parts = arguments
    texts = [_part(part) for part in parts] if separator == "" and isinstance(parts, list) else [None]
    return None if None in texts else "".join(map(str, texts))


def _part(part: Any) -> str | None:
    if isinstance(part, str):
        return part.replace("${", "${!")
    if set(part) == {"Ref"}:
        return f"${{{part['Ref']}}}"
    if set(part) == {"Fn::GetAtt"}:
        return f"${{{'.'.join(part['Fn::GetAtt'])}}}"
    return None


def _represent_short(dumper: yaml.SafeDumper, data: Short) -> yaml.Node:
    tag = f"!{data.name}"
    if isinstance(data.value, list):
        return dumper.represent_sequence(tag, data.value, flow_style=_is_small(data.value))
    if isinstance(data.value, dict):
        return dumper.represent_mapping(tag, data.value)
    return dumper.represent_scalar(tag, str(data.value), style=_style(str(data.value)))


def _is_small(values: list[Any]) -> bool:
    return all(not isinstance(value, list | dict) for value in values) and len(str(values)) < 2 * WIDTH


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=_style(data))


def _style(text: str) -> str | None:
    return "|" if len(text) > LONG and ('"' in text or "\n" in text) else None


_Dumper.add_representer(Short, _represent_short)
_Dumper.add_representer(str, _represent_text)
