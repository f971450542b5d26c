"""Read the plain template as CloudFormation does: short forms are intrinsic functions."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """SafeLoader, with CloudFormation's tags."""


def _intrinsic(loader: Any, name: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def long_form(text: str) -> dict[str, Any]:
    """Return a template without short forms."""
    template: dict[str, Any] = yaml.load(text, Loader=_Loader)
    return template
