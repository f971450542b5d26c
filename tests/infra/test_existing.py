"""What is there before the stack: a bucket, a key, a network. Each by setting, each seen in the template."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.existing import Existing
from infra.settings import Settings, read_settings
from ingest import contract
from ingest.errors import SettingsFault
from ingest.feeds.parse import parse_feeds
from ingest.queue.messages import NewFiles, Restored, read_notification

Template = dict[str, Any]
Synthesised = Callable[..., Template]
ROOT = Path(__file__).parents[2]
PREFIXES = ["orders/", "returns/", "in*coming/", "old/"]
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = KEY.replace("1234abcd", "0000aaaa")

BY_RULE = Existing(landing_bucket="their-drops")
BY_COMMAND = Existing(landing_bucket="their-drops", notified_by="s3")
KEYED = Existing(kms_key=KEY)
NETWORKED = Existing(subnets=("subnet-0a1b2c3d", "subnet-4e5f6a7b"), security_groups=("sg-0a1b2c3d",))


def template_with(synthesised: Synthesised, existing: Existing) -> Template:
    return synthesised(Settings(existing=existing))


def resources(template: Template, kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def statements(template: Template) -> list[Any]:
    """Return the statements of the function's role."""
    (policy,) = resources(template, "AWS::IAM::Policy").values()
    return list(policy["PolicyDocument"]["Statement"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """Return an intrinsic as text."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(flat, value["Fn::Join"][1]))
    return str(value) if isinstance(value, str) else json.dumps(value)


def queue_policy(template: Template) -> list[Any]:
    (found,) = [
        p for name, p in resources(template, "AWS::SQS::QueuePolicy").items() if name.startswith("BufferPolicy")
    ]
    return list(found["PolicyDocument"]["Statement"])


# --- a bucket


@pytest.mark.parametrize("existing", [BY_RULE, BY_COMMAND])
def test_an_existing_bucket_is_used_and_neither_made_nor_changed(synthesised: Synthesised, existing: Existing) -> None:
    template = template_with(synthesised, existing)
    made = synthesised()
    assert not [name for name in resources(template, "AWS::S3::Bucket") if name.startswith("Landing")]
    assert len(resources(made, "AWS::S3::Bucket")) - len(resources(template, "AWS::S3::Bucket")) == 1
    assert not [name for name in template["Resources"] if name.startswith("LandingBucket")]
    assert template["Outputs"][contract.Output.LANDING_BUCKET]["Value"] == "their-drops"
    (function,) = resources(template, "AWS::Lambda::Function").values()
    assert function["Environment"]["Variables"][contract.Env.LANDING_BUCKET] == "their-drops"


@pytest.mark.parametrize("existing", [BY_RULE, BY_COMMAND])
def test_of_an_existing_bucket_the_function_reads_the_feeds_prefixes_only(
    synthesised: Synthesised, existing: Existing
) -> None:
    template = template_with(synthesised, existing)
    (reading,) = [s for s in statements(template) if "s3:GetObject" in listed(s["Action"])]
    prefixes = ["orders/*", "returns/*", "in${*}coming/*", "old/*"]
    assert [flat(arn).partition(":s3:::")[2] for arn in reading["Resource"]] == [f"their-drops/{p}" for p in prefixes]


def test_eventbridge_brings_each_new_or_restored_object_under_a_feeds_prefix(synthesised: Synthesised) -> None:
    rule = rule_of_s3(template_with(synthesised, BY_RULE))
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Restore Completed"],
        "detail": {
            "bucket": {"name": ["their-drops"]},
            "object": {"key": [{"prefix": prefix} for prefix in PREFIXES]},
        },
    }
    (target,) = rule["Targets"]
    assert flat(target["Arn"]).startswith('{"Fn::GetAtt": ["BufferQueue')
    assert "Input" not in target  # the message is the event itself, which the dispatcher reads


def rule_of_s3(template: Template) -> Any:
    (rule,) = [r for r in resources(template, "AWS::Events::Rule").values() if "EventPattern" in r]
    return rule


@pytest.mark.parametrize(("number", "kind"), [(0, NewFiles), (1, Restored)])
def test_what_the_rule_lets_through_is_what_the_dispatcher_understands(
    synthesised: Synthesised, number: int, kind: type[NewFiles] | type[Restored]
) -> None:
    rule = rule_of_s3(template_with(synthesised, BY_RULE))
    pattern = rule["EventPattern"]
    thing = {"key": "orders/a b.csv", "size": 3, "etag": "0" * 32, "sequencer": "00"}
    event = {
        "source": pattern["source"][0],
        "detail-type": pattern["detail-type"][number],
        "time": "2026-11-22T10:00:00Z",
        "detail": {"bucket": {"name": pattern["detail"]["bucket"]["name"][0]}, "object": thing},
    }
    notified = read_notification(event)
    assert isinstance(notified, kind)
    (file,) = notified.files if isinstance(notified, NewFiles) else (notified.file,)
    assert (file.bucket, file.key) == ("their-drops", "orders/a b.csv")


def test_by_eventbridge_only_the_stacks_own_rules_may_send_and_s3_may_not(synthesised: Synthesised) -> None:
    template = template_with(synthesised, BY_RULE)
    allowed = [s for s in queue_policy(template) if s["Effect"] == "Allow"]
    assert {s["Principal"]["Service"] for s in allowed} == {"events.amazonaws.com"}
    assert {key for s in allowed for key in s["Condition"]} == {"ArnEquals"}
    named = [arn["Fn::GetAtt"][0] for s in allowed for arn in s["Condition"]["ArnEquals"]["aws:SourceArn"]]
    assert set(named) == set(resources(template, "AWS::Events::Rule"))
    assert len(named) == 2


def test_by_s3_the_bucket_may_send_and_the_command_that_makes_it_do_so_is_printed(synthesised: Synthesised) -> None:
    template = template_with(synthesised, BY_COMMAND)
    (allow,) = [s for s in queue_policy(template) if s.get("Principal") == {"Service": "s3.amazonaws.com"}]
    assert flat(allow["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":s3:::their-drops")
    parts = template["Outputs"][contract.NOTIFY_COMMAND_OUTPUT]["Value"]["Fn::Join"][1]
    words = shlex.split("".join(part if isinstance(part, str) else "QUEUE" for part in parts))
    assert words[:5] == ["aws", "s3api", "put-bucket-notification-configuration", "--bucket", "their-drops"]
    said = json.loads(words[-1])["QueueConfigurations"]
    assert [(q["QueueArn"], q["Events"]) for q in said] == [
        ("QUEUE", ["s3:ObjectCreated:*", "s3:ObjectRestore:Completed"])
    ] * 4
    assert [q["Filter"]["Key"]["FilterRules"] for q in said] == [[{"Name": "prefix", "Value": p}] for p in PREFIXES]
    assert len({q["Id"] for q in said}) == 4


def test_no_one_is_asked_to_run_a_command_where_the_stack_does_it(synthesised: Synthesised) -> None:
    for existing in (Existing(), BY_RULE):
        assert contract.NOTIFY_COMMAND_OUTPUT not in template_with(synthesised, existing)["Outputs"]


def test_objects_under_a_key_of_the_buckets_owner_can_be_read_and_the_key_used_for_nothing_else(
    synthesised: Synthesised,
) -> None:
    template = template_with(synthesised, Existing(landing_bucket="their-drops", landing_bucket_key=OTHER_KEY))
    assert key_statements(template) == [({"kms:Decrypt"}, OTHER_KEY, "s3")]


# --- a key


def key_statements(template: Template) -> list[tuple[set[str], Any, str]]:
    """Return actions, key and the service by way of which, of each statement about keys."""
    found = [s for s in statements(template) if all(a.startswith("kms:") for a in listed(s["Action"]))]
    via = [flat(s["Condition"]["StringEquals"]["kms:ViaService"]).partition(".")[0] for s in found]
    return [(set(listed(s["Action"])), s["Resource"], service) for s, service in zip(found, via, strict=True)]


def test_the_key_encrypts_whatever_the_stack_makes(synthesised: Synthesised) -> None:
    template = template_with(synthesised, KEYED)
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        if name.startswith("AccessLogs"):  # S3 writes access logs with its own kind of encryption only
            continue
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        expected = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
        assert (rule["ServerSideEncryptionByDefault"], rule["BucketKeyEnabled"]) == (expected, True), name
    for queue in resources(template, "AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == KEY
        assert "SqsManagedSseEnabled" not in queue
    for table in resources(template, "AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    (function,) = resources(template, "AWS::Lambda::Function").values()
    assert function["KmsKeyArn"] == KEY
    (topic,) = resources(template, "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == KEY
    assert resources(template, "AWS::KMS::Key") == {}
    for group in resources(template, "AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == KEY


def test_the_function_uses_the_key_by_way_of_a_service_only_and_never_administers_it(synthesised: Synthesised) -> None:
    granted = key_statements(template_with(synthesised, KEYED))
    assert [(key, service) for _, key, service in granted] == [(KEY, s) for s in ("s3", "sqs", "dynamodb", "lambda")]
    actions = set().union(*(actions for actions, _, _ in granted))
    assert "kms:Decrypt" in actions
    assert not [a for a in actions if "*" in a or a.startswith(("kms:Put", "kms:Create", "kms:Schedule"))]


def test_without_a_key_no_grant_is_about_one(template: Template) -> None:
    assert key_statements(template) == []
    assert KEY not in json.dumps(template)


# --- a network


def test_the_function_runs_in_the_subnets_with_the_security_groups(synthesised: Synthesised) -> None:
    (function,) = resources(template_with(synthesised, NETWORKED), "AWS::Lambda::Function").values()
    assert function["VpcConfig"] == {
        "SubnetIds": list(NETWORKED.subnets),
        "SecurityGroupIds": list(NETWORKED.security_groups),
    }


def test_interfaces_are_made_in_these_subnets_with_these_groups_only(synthesised: Synthesised) -> None:
    (create,) = [s for s in network_statements(synthesised) if s["Action"] == "ec2:CreateNetworkInterface"]
    named = [flat(arn).rpartition(":")[2] for arn in create["Resource"]]
    wanted = ["network-interface/*", *(f"subnet/{id}" for id in NETWORKED.subnets), "security-group/sg-0a1b2c3d"]
    assert named == wanted


def test_what_lambda_may_do_with_interfaces_the_functions_code_may_not(synthesised: Synthesised) -> None:
    *allowed, denied = network_statements(synthesised)
    assert denied["Effect"] == "Deny"
    assert list(denied["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]
    assert set(listed(denied["Action"])) == {a for s in allowed for a in listed(s["Action"])}
    assert {"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"} <= set(
        listed(denied["Action"])
    )
    assert denied["Resource"] == "*"


def network_statements(synthesised: Synthesised) -> list[Any]:
    template = template_with(synthesised, NETWORKED)
    (role,) = resources(template, "AWS::IAM::Role").values()
    assert "ManagedPolicyArns" not in role
    return [s for s in statements(template) if all(a.startswith("ec2:") for a in listed(s["Action"]))]


def test_without_a_network_the_role_knows_nothing_of_interfaces(template: Template) -> None:
    assert "ec2:" not in json.dumps(template)


# --- together


ALL = Existing(
    landing_bucket="their-drops",
    landing_bucket_key=OTHER_KEY,
    kms_key=KEY,
    subnets=NETWORKED.subnets,
    security_groups=NETWORKED.security_groups,
)


@pytest.mark.parametrize("existing", [BY_COMMAND, ALL])
def test_cfn_lint_finds_nothing(synthesised: Synthesised, existing: Existing) -> None:
    text = json.dumps(synthesised(Settings(existing=existing), (ROOT / "feeds.toml").read_text()))
    config = ManualArgs(regions=["us-east-1", "eu-central-1"], ignore_checks=["W3005"])
    assert [str(match) for match in lint(text, config=config)] == []


def test_a_stage_of_cdk_json_can_name_all_of_it() -> None:
    section = {
        "landing_bucket": "their-drops",
        "notified_by": "eventbridge",
        "kms_key": KEY,
        "subnets": ["subnet-0a1b2c3d"],
        "security_groups": ["sg-0a1b2c3d"],
    }
    existing = read_settings({"prod": {"existing": section}}, "prod").existing
    assert existing.notifies_by_rule
    assert existing.subnets == ("subnet-0a1b2c3d",)


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"landing_bucket": "s3://drops"}, "`stages.prod.existing.landing_bucket` = 's3://drops' is wrong"),
        ({"notified_by": "s3"}, "it applies to an existing bucket"),
        ({"landing_bucket_key": KEY}, "it applies to an existing bucket"),
        ({"landing_bucket": "drops", "notified_by": "sns"}, "accepted is 'eventbridge', 's3'"),
        ({"kms_key": "alias/mine"}, "`stages.prod.existing.kms_key` = 'alias/mine' is wrong"),
        ({"kms_key": KEY.replace("key/", "alias/")}, "`stages.prod.existing.kms_key`"),
        ({"subnets": ["subnet-0a1b2c3d"]}, "wrong without `stages.prod.existing.security_groups`"),
        ({"security_groups": ["sg-0a1b2c3d"]}, "wrong without `stages.prod.existing.subnets`"),
        ({"subnets": ["eu-central-1a"], "security_groups": ["sg-0a1b2c3d"]}, "`stages.prod.existing.subnets`"),
        ({"vpc": "vpc-1"}, "unknown field `stages.prod.existing.vpc`"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(section: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsFault) as fault:
        read_settings({"prod": {"existing": section}}, "prod")
    assert sentence in str(fault.value)


# --- tables of others

FOREIGN = """
[feeds.mine]
prefix = "mine/"
table = "Mine"
partition_key = "id"

[feeds.theirs]
prefix = "theirs/"
table = "Theirs"
partition_key = "id"
existing = true
role = "arn:aws:iam::444455556666:role/writes-theirs"

[feeds.also_theirs]
prefix = "also/"
table = "AlsoTheirs"
partition_key = "id"
existing = true
role = "arn:aws:iam::444455556666:role/writes-theirs"
region = "eu-west-1"

[feeds.away]
prefix = "away/"
table = "Away"
partition_key = "id"
existing = true
region = "eu-west-1"
"""


def test_a_table_of_a_role_is_written_to_by_that_role_alone(synthesised: Synthesised) -> None:
    granted = statements(synthesised(feeds=FOREIGN))
    (assume,) = [s for s in granted if s["Action"] == "sts:AssumeRole"]
    assert assume["Resource"] == "arn:aws:iam::444455556666:role/writes-theirs"
    (write,) = [s for s in granted if "dynamodb:BatchWriteItem" in s["Action"]]
    assert "Theirs" not in json.dumps(write)


def test_a_table_of_another_region_is_granted_there(synthesised: Synthesised) -> None:
    (write,) = [s for s in statements(synthesised(feeds=FOREIGN)) if "dynamodb:BatchWriteItem" in s["Action"]]
    mine, away = map(flat, write["Resource"])
    assert "StoreTableMine" in mine
    assert away.endswith(':dynamodb:eu-west-1:{"Ref": "AWS::AccountId"}:table/Away')


def test_with_nothing_but_tables_of_others_the_function_may_write_to_no_table(synthesised: Synthesised) -> None:
    only_theirs = FOREIGN[FOREIGN.index("[feeds.theirs]") : FOREIGN.index("[feeds.also_theirs]")]
    assert "BatchWriteItem" not in json.dumps(statements(synthesised(feeds=only_theirs)))


def test_tables_of_others_are_named_in_the_outputs_and_not_made(synthesised: Synthesised) -> None:
    template = synthesised(feeds=FOREIGN)
    assert {t.get("TableName") for t in resources(template, "AWS::DynamoDB::Table").values()} == {"Mine", None}
    named = {name: output["Value"] for name, output in template["Outputs"].items() if name.startswith("Table")}
    assert {n: v for n, v in named.items() if isinstance(v, str)} == {
        "TableTheirs": "Theirs",
        "TableAlsoTheirs": "AlsoTheirs",
        "TableAway": "Away",
    }


@pytest.mark.parametrize("existing", [BY_RULE, BY_COMMAND, ALL])
def test_cdk_nag_finds_only_what_is_acknowledged(zip_path: Path, existing: Existing) -> None:
    from aws_cdk import App

    from infra import nag
    from infra.stack import IngestStack
    from tests.infra.test_security import PAGE, found

    app, feeds = App(), parse_feeds(FOREIGN)
    stack = IngestStack(app, "ingest", settings=Settings(existing=existing), feeds=feeds, code=zip_path)
    known = list(nag.acknowledged(stack, feeds))
    assert found(stack) == {each.finding for each in known}
    assert [each.reason for each in known if each.reason not in " ".join(PAGE.split())] == []
    nag.watch(app, stack, feeds)
    app.synth()
