"""What a security reviewer asks of the template; what cdk-nag finds; and that docs/security.md says what is so."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import audit, lint
from infra.local.iam_gaps import as_ministack_asks
from infra.settings import Settings
from ingest.feeds.parse import parse_feeds
from tests.infra.conftest import FEEDS

Template = dict[str, Any]
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def of_kind(template: Template, kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def statements(template: Template) -> Iterator[tuple[str, Any]]:
    """Yield each statement of each policy in the template, with the resource it stands in."""
    for name, resource in template["Resources"].items():
        for part in ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy"):
            for statement in resource.get("Properties", {}).get(part, {}).get("Statement", []):
                yield name, statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def grants(template: Template) -> list[Any]:
    (policy,) = of_kind(template, "AWS::IAM::Policy").values()
    return list(policy["PolicyDocument"]["Statement"])


# --- policies


def test_no_grant_has_a_wildcard_for_its_action_or_is_for_everything(template: Template) -> None:
    keys = of_kind(template, "AWS::KMS::Key")
    allowed = [s for name, s in statements(template) if s["Effect"] == "Allow" and name not in keys]
    assert len(allowed) > 10
    for statement in allowed:
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        assert "*" not in listed(statement.get("Resource", []))


def test_a_keys_policy_lets_in_its_account_and_else_a_service_for_this_accounts_own_alarms(template: Template) -> None:
    """In the policy of a key, the resource `*` is that key; the account's own statement is what lets IAM decide."""
    let_in = [s for name, s in statements(template) if name in of_kind(template, "AWS::KMS::Key")]
    account, service = let_in
    assert account["Action"] == "kms:*"
    assert list(account["Principal"]) == ["AWS"]
    assert service["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert service["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "alarm:*" in str(service["Condition"]["ArnLike"]["aws:SourceArn"])


def test_there_is_one_role_and_only_lambda_may_take_it(template: Template) -> None:
    (role,) = of_kind(template, "AWS::IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    assert "Policies" not in role


@pytest.mark.parametrize("kind", ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"])
def test_a_service_is_let_in_only_for_one_source_in_this_account(template: Template, kind: str) -> None:
    let_in = [s for name, s in statements(template) if name in of_kind(template, kind) and s["Effect"] == "Allow"]
    assert len(let_in) == 2
    for statement in let_in:
        assert list(statement["Principal"]) == ["Service"]
        keys = {key: value for test in statement["Condition"].values() for key, value in test.items()}
        assert "aws:SourceArn" in keys
        if statement["Principal"]["Service"] == "events.amazonaws.com":  # the rule's own ARN has the account
            assert [set(arn) for arn in keys.pop("aws:SourceArn")] == [{"Fn::GetAtt"}]
            assert keys == {}
        else:
            assert keys["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_what_the_emulator_does_not_ask_for_is_granted_on_the_stacks_own_log_and_queue(template: Template) -> None:
    by_action = {action: listed(s["Resource"]) for s in grants(template) for action in listed(s["Action"])}
    for service, place in (("logs:", "WorkerLog"), ("sqs:Receive", "BufferQueue"), ("sqs:Delete", "BufferQueue")):
        found = [on for action, ons in by_action.items() if action.startswith(service) for on in ons]
        assert found
        assert all(on["Fn::GetAtt"][0].startswith(place) for on in found)


# --- access logs


def test_s3_logs_who_reaches_into_each_bucket_but_the_one_of_the_logs(template: Template) -> None:
    buckets = of_kind(template, "AWS::S3::Bucket")
    (logs,) = [name for name in buckets if name.startswith("AccessLogs")]
    others = {name: bucket["LoggingConfiguration"] for name, bucket in buckets.items() if name != logs}
    assert "LoggingConfiguration" not in buckets[logs]
    assert {logging["LogFilePrefix"] for logging in others.values()} == {"landing/", "rejects/"}
    assert all(logging["DestinationBucketName"] == {"Ref": logs} for logging in others.values())


def test_access_logs_are_kept_for_as_long_as_is_set(synthesised: Callable[..., Template]) -> None:
    buckets = of_kind(synthesised(Settings(access_logs_expire_days=400)), "AWS::S3::Bucket")
    (logs,) = [bucket for name, bucket in buckets.items() if name.startswith("AccessLogs")]
    (rule,) = logs["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 400


def test_the_function_cannot_reach_the_access_logs(template: Template) -> None:
    assert "AccessLogs" not in json.dumps(grants(template))


# --- cdk-nag and cfn-lint


@pytest.fixture
def made(zip_path: Path) -> Any:
    """An app with the stack of four feeds in it."""
    from aws_cdk import App

    from infra.stack import IngestStack

    app, feeds = App(), parse_feeds(FEEDS)
    return app, IngestStack(app, "ingest", settings=Settings(), feeds=feeds, code=zip_path), feeds


def found(scope: Any) -> set[str]:
    from cdk_nag import AwsSolutionsChecks

    return {violation.rule_name for violation in AwsSolutionsChecks().validate_scope(scope).violations}


def test_cdk_nag_finds_what_is_acknowledged_and_nothing_else(made: Any) -> None:
    from infra import nag

    app, stack, feeds = made
    assert found(stack) == {known.finding for known in nag.acknowledged(stack, feeds)}
    nag.watch(app, stack, feeds)
    assert found(stack) == set()
    app.synth()


def test_what_cdk_nag_finds_fails_the_synth(made: Any) -> None:
    from aws_cdk import aws_s3 as s3

    from infra import nag

    app, stack, feeds = made
    s3.Bucket(stack, "Careless")
    nag.watch(app, stack, feeds)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert "AwsSolutions-S1" in found(stack)


def test_the_page_gives_the_reason_of_each_acknowledgement(made: Any) -> None:
    from infra import nag

    _, stack, feeds = made
    for known in nag.acknowledged(stack, feeds):
        assert known.finding.partition("[")[0] in PAGE
        assert known.reason in " ".join(PAGE.split())


def test_cfn_lint_would_find_something() -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "for a while"}}
    (finding,) = lint.findings(json.dumps({"Resources": {"Queue": queue}}))
    assert "'for a while' is not of type 'integer'" in finding


@pytest.mark.parametrize(("rule", "reason"), lint.IGNORED.items())
def test_the_page_gives_the_reason_of_each_rule_of_cfn_lint_that_is_ignored(rule: str, reason: str) -> None:
    assert rule in PAGE
    assert reason in " ".join(PAGE.split())


# --- the page and the template

PLACES = {
    "WorkerLog": "log group",
    "LandingBucket": "landing bucket",
    "StoreRejects": "rejects bucket",
    "StoreTable": "feeds' tables",
    "StoreLedger": "ledger",
    "BufferQueue": "queue",
    "BufferDeadLetters": "dead-letter queue",
}


def place_of(resource: Any) -> str:
    text = json.dumps(resource)
    names = {said for prefix, said in PLACES.items() if f'"{prefix}' in text}
    if ":event-bus/default" in text:
        names = {"default event bus"}
    if ":table/Legacy" in text:
        names = {"feeds' tables"}
    (name,) = names
    return name


def test_the_page_lists_each_grant_of_the_function_and_no_other(template: Template) -> None:
    granted = {
        (action, place_of(resource))
        for statement in grants(template)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    rows = [row for row in PAGE.splitlines() if row.startswith("| `") and row.count("|") == 5]
    reported = {
        (action, row.split("|")[2].strip().partition(",")[0])
        for row in rows
        for action in re.findall(r"`(\w+:\w+)`", row.split("|")[1])
    }
    assert reported == granted


# --- the emulator's IAM


def policy(*granted: Any, kind: str) -> Template:
    document = {"Statement": list(granted)}
    return {"Resources": {"P": {"Type": kind, "Properties": {"PolicyDocument": document}}}}


@pytest.mark.parametrize("kind", ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"])
def test_ministack_is_reported_of_batches_and_not_of_conditions_it_does_not_know(kind: str) -> None:
    sending = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "q"}
    reporting = {"Effect": "Allow", "Action": "events:PutEvents", "Condition": {"StringEquals": {"events:source": "a"}}}
    listing = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Condition": {"StringLike": {"s3:prefix": ["a/*"]}}}
    template = policy(sending, reporting, listing, kind=kind)
    translated, dropped = as_ministack_asks(template)
    assert translated == policy(
        sending | {"Action": ["sqs:SendMessage", "sqs:SendMessageBatch"]},
        {"Effect": "Allow", "Action": ["events:PutEvents"]},
        listing,
        kind=kind,
    )
    assert dropped == [
        "P (condition on events:source): ministack does not support this key and would deny every request"
    ]
    assert "Condition" in template["Resources"]["P"]["Properties"]["PolicyDocument"]["Statement"][1]


# --- the audit of dependencies


def test_a_package_that_could_not_be_looked_up_is_not_called_clean() -> None:
    clean = {"name": "a", "version": "1", "vulns": []}
    assert audit.result([clean, {"name": "b", "skip_reason": "not found"}]) == (
        2,
        ["1 of 2 packages could not be looked up in PyPI's advisory database: b."],
    )


def test_an_advisory_is_reported_with_the_version_that_fixes_it() -> None:
    advisory = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}
    code, lines = audit.result([{"name": "a", "version": "1", "vulns": [advisory]}, {"name": "b", "skip_reason": ""}])
    assert code == 1
    assert lines[0] == "a 1: PYSEC-2026-1; fixed in 1.1"


def test_all_that_is_pinned_is_audited() -> None:
    pinned = set(ROOT.glob("requirements-*.txt")) | set((ROOT / "infra").rglob("requirements*.txt"))
    assert set(audit.PINS) == pinned
