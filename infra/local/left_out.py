"""Resources that ministack 1.5 does not support: the local template leaves them out. Each entry has the reason."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """A kind of resource to leave out."""

    what: str
    why: str
    matches: Callable[[Resource], bool]


def _is_metric_math_alarm(resource: Resource) -> bool:
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource.get("Properties", {})


TABLE = (
    LeftOut(
        what="alarm on metric math",
        why="ministack rejects it and would roll the stack back",
        matches=_is_metric_math_alarm,
    ),
)


def without_unsupported(template: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the template without unsupported resources, and one line for each of them."""
    kept = copy.deepcopy(template)
    left_out = []
    for logical_id, resource in template["Resources"].items():
        for entry in TABLE:
            if entry.matches(resource):
                del kept["Resources"][logical_id]
                left_out.append(f"{logical_id} ({entry.what}): {entry.why}")
    return kept, left_out
