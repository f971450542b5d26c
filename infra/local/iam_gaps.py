"""Translates the template's grants for ministack 1.5, which requires other permissions than AWS in some cases."""

import copy
from typing import Any

Statement = dict[str, Any]

# In AWS the permission for single messages covers batches; ministack requires an action that IAM does not have.
IN_BATCHES = ("sqs:SendMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage")
# ministack does not set these keys on requests, so a condition on them is never met.
UNKNOWN_KEYS = {"events:source"}


def as_ministack_asks(template: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the template with its roles' policies translated, and one line for each condition removed."""
    translated = copy.deepcopy(template)
    dropped = []
    for logical_id, resource in translated["Resources"].items():
        if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                statement["Action"] = _with_batches(statement["Action"])
                dropped += [f"{logical_id} (condition on {key}): {REASON}" for key in _drop_unknown(statement)]
    return translated, dropped


REASON = "ministack does not support this key and would deny every request"


def _with_batches(action: str | list[str]) -> list[str]:
    """Return the actions and those for batches.

    >>> _with_batches("sqs:SendMessage")
    ['sqs:SendMessage', 'sqs:SendMessageBatch']
    """
    actions = [action] if isinstance(action, str) else action
    return [*actions, *(f"{action}Batch" for action in actions if action in IN_BATCHES)]


def _drop_unknown(statement: Statement) -> list[str]:
    conditions: dict[str, dict[str, Any]] = statement.get("Condition", {})
    unknown = sorted({key for tests in conditions.values() for key in tests if key in UNKNOWN_KEYS})
    known = {test: {key: value for key, value in of.items() if key not in unknown} for test, of in conditions.items()}
    statement["Condition"] = {test: of for test, of in known.items() if of}
    if not statement["Condition"]:
        del statement["Condition"]
    return unknown
