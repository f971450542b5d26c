"""What ministack 1.5 cannot hold, and is therefore left out of the template locally. Each entry says why."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """A kind of resource that is left out."""

    what: str
    why: str
    matches: Callable[[Resource], bool]


def _is_metric_math_alarm(resource: Resource) -> bool:
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource.get("Properties", {})


TABLE = (
    LeftOut(
        what="alarm on metric math",
        why="ministack refuses its CloudFormation form and would roll the stack back",
        matches=_is_metric_math_alarm,
    ),
)


def without_what_is_refused(template: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the template without what the table names, and one line for each resource left out."""
    kept = copy.deepcopy(template)
    left_out = []
    for logical_id, resource in template["Resources"].items():
        for entry in TABLE:
            if entry.matches(resource):
                del kept["Resources"][logical_id]
                left_out.append(f"{logical_id} ({entry.what}): {entry.why}")
    return kept, left_out
