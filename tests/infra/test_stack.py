"""What the stack promises, stated one intent at a time; then one snapshot to catch surprises."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from infra import lint
from infra.settings import Settings
from ingest import contract
from ingest.queue.messages import Reconcile, read_message

Template = dict[str, Any]
ROOT = Path(__file__).parents[2]


def resources(template: Template, kind: str) -> dict[str, Any]:
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}


def properties(template: Template, kind: str) -> list[Any]:
    return [found["Properties"] for found in resources(template, kind).values()]


def only(template: Template, kind: str) -> Any:
    (found,) = properties(template, kind)
    return found


def logical_id(template: Template, path: str) -> str:
    """Return the one resource whose logical id begins so."""
    (found,) = [name for name in template["Resources"] if name.startswith(path)]
    return str(found)


def arn_of(template: Template, path: str) -> Any:
    return {"Fn::GetAtt": [logical_id(template, path), "Arn"]}


def under(arn: Any, key: str) -> Any:
    return {"Fn::Join": ["", [arn, key]]}


def grants(template: Template) -> list[tuple[set[str], list[Any], Any]]:
    """Return actions, resources and condition of each statement of the function's role."""
    policy = only(template, "AWS::IAM::Policy")
    return [
        (set(listed(s["Action"])), listed(s["Resource"]), s.get("Condition"))
        for s in policy["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- the queue


@pytest.mark.parametrize("settings", [Settings(), Settings(timeout_s=60, batching_window_s=0)])
def test_a_message_stays_hidden_for_six_timeouts_and_the_window(
    synthesised: Callable[..., Template], settings: Settings
) -> None:
    template = synthesised(settings)
    timeout_s = only(template, "AWS::Lambda::Function")["Timeout"]
    window_s = only(template, "AWS::Lambda::EventSourceMapping")["MaximumBatchingWindowInSeconds"]
    queue = template["Resources"][logical_id(template, "BufferQueue")]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * timeout_s + window_s


def test_dead_letters_are_kept_longer_than_any_message_can_have_waited(template: Template) -> None:
    queue = template["Resources"][logical_id(template, "BufferQueue")]["Properties"]
    dead = template["Resources"][logical_id(template, "BufferDeadLetters5")]["Properties"]
    day = 24 * 60 * 60
    assert dead["MessageRetentionPeriod"] == 14 * day
    assert queue["MessageRetentionPeriod"] <= 7 * day
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": arn_of(template, "BufferDeadLetters5"),
        "maxReceiveCount": Settings().max_receive_count,
    }


def test_only_our_queue_may_redrive_to_the_dead_letter_queue(template: Template) -> None:
    queue = template["Resources"][logical_id(template, "BufferQueue")]["Properties"]
    dead = template["Resources"][logical_id(template, "BufferDeadLetters5")]["Properties"]
    assert dead["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
    (source,) = dead["RedriveAllowPolicy"]["sourceQueueArns"]
    assert flat(source).endswith(f":{flat(queue['QueueName'])}")


def test_queues_are_encrypted_with_keys_s3_can_use(template: Template) -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in properties(template, "AWS::SQS::Queue"))


def test_s3_may_send_but_only_for_our_bucket_in_our_account(template: Template) -> None:
    bucket = only_landing(template)
    policy = template["Resources"][logical_id(template, "BufferPolicy")]["Properties"]
    (allow, by_schedule) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert allow["Principal"] == {"Service": "s3.amazonaws.com"}
    assert by_schedule["Principal"] == {"Service": "events.amazonaws.com"}
    (rule,) = resources(template, "AWS::Events::Rule")
    assert by_schedule["Condition"] == {"ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [rule, "Arn"]}]}}
    assert allow["Action"] == "sqs:SendMessage"
    assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", bucket["BucketName"]]]}
    assert flat(allow["Condition"]["ArnLike"]["aws:SourceArn"]) == flat(arn)


def test_each_queue_has_one_policy_for_a_second_would_overwrite_it(template: Template) -> None:
    named = [json.dumps(policy["Queues"]) for policy in properties(template, "AWS::SQS::QueuePolicy")]
    assert len(named) == len(set(named)) == len(resources(template, "AWS::SQS::Queue"))


# --- the buckets


def only_landing(template: Template) -> Any:
    return template["Resources"][logical_id(template, "LandingBucket6")]["Properties"]


@pytest.mark.parametrize("kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"])
def test_whoever_comes_without_tls_is_refused(template: Template, kind: str) -> None:
    of = {"AWS::S3::BucketPolicy": "AWS::S3::Bucket", "AWS::SQS::QueuePolicy": "AWS::SQS::Queue"}[kind]
    policies = properties(template, kind)
    assert len(policies) == len(resources(template, of)) >= 2
    for policy in policies:
        (deny,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert deny["Action"] in ("s3:*", "sqs:*")
        assert deny["Principal"] == {"AWS": "*"}


def test_buckets_are_private_encrypted_and_forget_unfinished_uploads(template: Template) -> None:
    for bucket in properties(template, "AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": Settings().abort_uploads_days}


def test_entries_of_the_ledger_expire(template: Template) -> None:
    ledger = template["Resources"][logical_id(template, "StoreLedger")]["Properties"]
    assert ledger["TimeToLiveSpecification"] == {"AttributeName": contract.LedgerKeys.EXPIRES, "Enabled": True}


def test_rejects_expire_and_dropped_files_do_not(template: Template) -> None:
    rejects = template["Resources"][logical_id(template, "StoreRejects8")]["Properties"]
    assert rejects["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == Settings().rejects_expire_days
    assert "ExpirationInDays" not in only_landing(template)["LifecycleConfiguration"]["Rules"][0]


def test_the_queue_is_notified_of_every_new_or_restored_object_and_nothing_else(template: Template) -> None:
    """Also of those under no feed's prefix: they fail as `no_feed`, and are seen."""
    notified = only_landing(template)["NotificationConfiguration"]
    events = ("s3:ObjectCreated:*", "s3:ObjectRestore:Completed")
    every = [{"Event": event, "Queue": arn_of(template, "BufferQueue")} for event in events]
    assert notified == {"QueueConfigurations": every}


def test_what_the_function_and_s3_write_notifies_no_one(template: Template) -> None:
    """Rejects and access logs are in buckets of their own."""
    notifying = [b for b in properties(template, "AWS::S3::Bucket") if "NotificationConfiguration" in b]
    assert notifying == [only_landing(template)]
    (writing,) = [on for actions, on, _ in grants(template) if "s3:PutObject" in actions]
    assert arn_of(template, "LandingBucket6") not in [on["Fn::Join"][1][0] for on in writing]


def test_the_bucket_waits_for_the_policy_s3_tries_when_the_notification_is_set(template: Template) -> None:
    bucket = template["Resources"][logical_id(template, "LandingBucket6")]
    assert bucket["DependsOn"] == [logical_id(template, "BufferPolicy")]


def test_there_is_one_function_and_no_custom_resource(template: Template) -> None:
    assert len(resources(template, "AWS::Lambda::Function")) == 1
    assert not [
        r for r in template["Resources"].values() if r["Type"].startswith(("Custom::", "AWS::CloudFormation::"))
    ]


# --- the tables


def tables(template: Template) -> dict[str, Any]:
    return {table.get("TableName", "ledger"): table for table in properties(template, "AWS::DynamoDB::Table")}


def test_feeds_get_the_tables_they_name_once_each_with_their_keys(template: Template) -> None:
    found = tables(template)
    assert set(found) == {"Orders", "my-events.v2", "ledger"}
    assert keys(found["Orders"]) == [("customer_id", "HASH", "S"), ("order_no", "RANGE", "N")]
    assert keys(found["my-events.v2"]) == [("pk", "HASH", "S")]
    ledger = contract.LedgerKeys
    assert keys(found["ledger"]) == [(ledger.PARTITION_KEY, "HASH", "S"), (ledger.SORT_KEY, "RANGE", "S")]


EXPIRING = """
[feeds.a]
prefix = "a/"
table = "Alpha"
partition_key = "id"
[feeds.a.columns]
n = "N"
[feeds.a.ttl]
after = "1d"
attribute = "gone"
[feeds.a.indexes.by_n]
partition_key = "place"
sort_key = "n"
"""


def test_a_feeds_table_forgets_expired_items_and_has_its_indexes(synthesised: Callable[..., Template]) -> None:
    table = tables(synthesised(feeds=EXPIRING))["Alpha"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "gone", "Enabled": True}
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("by_n", {"ProjectionType": "ALL"})
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"id": "S", "place": "S", "n": "N"}
    assert [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]] == [("place", "HASH"), ("n", "RANGE")]


@pytest.mark.parametrize("deletes_first", [True, False])
def test_a_table_whose_deleted_items_leave_tombstones_forgets_them(
    synthesised: Callable[..., Template], deletes_first: bool
) -> None:
    of = {name: f'[feeds.{name}]\nprefix = "{name}/"\ntable = "Alpha"\npartition_key = "id"\n' for name in "ab"}
    puts, deletes = f'{of["a"]}newest = "file"\n', f'{of["b"]}newest = "file"\nwrite = "delete"\ntombstone = "9d"\n'
    feeds = deletes + puts if deletes_first else puts + deletes
    table = tables(synthesised(feeds=feeds))["Alpha"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def keys(table: Any) -> list[tuple[str, str, str]]:
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    return [(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in table["KeySchema"]]


@pytest.mark.parametrize("protected", [True, False])
def test_tables_are_on_demand_encrypted_recoverable_and_protected_as_set(
    synthesised: Callable[..., Template], protected: bool
) -> None:
    for table in tables(synthesised(Settings(deletion_protection=protected))).values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is protected


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
def test_data_outlives_the_stack_as_set(synthesised: Callable[..., Template], keep: bool, policy: str) -> None:
    template = synthesised(Settings(keep_data=keep))
    kinds = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")
    kept = [resource for kind in kinds for resource in resources(template, kind).values()]
    assert {resource["DeletionPolicy"] for resource in kept} == {policy}


# --- the function


def test_the_function_runs_on_arm64_in_the_newest_python_with_its_time_and_memory(template: Template) -> None:
    function = only(template, "AWS::Lambda::Function")
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == "python3.14"
    assert function["Handler"] == contract.HANDLER
    assert (function["Timeout"], function["MemorySize"]) == (900, 1769)


def test_lambda_does_not_take_a_long_file_for_a_loop(template: Template) -> None:
    assert only(template, "AWS::Lambda::Function")["RecursiveLoop"] == "Allow"


def test_only_failed_messages_come_back_and_no_more_functions_run_than_set(template: Template) -> None:
    mapping = only(template, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": Settings().max_concurrency}
    assert mapping["EventSourceArn"] == arn_of(template, "BufferQueue")


def test_every_variable_the_handler_reads_is_set(template: Template) -> None:
    variables = only(template, "AWS::Lambda::Function")["Environment"]["Variables"]
    names = {value for name, value in vars(contract.Env).items() if name.isupper()}
    assert names <= set(variables)
    # And not POWERTOOLS_SERVICE_NAME, which would become a dimension of every metric.
    assert set(variables) - names == {"POWERTOOLS_LOG_LEVEL"}


def test_the_log_has_an_end_and_is_the_stacks_own(template: Template) -> None:
    group = logical_id(template, "WorkerLog")
    assert template["Resources"][group]["Properties"]["RetentionInDays"] == Settings().log_retention_days
    assert only(template, "AWS::Lambda::Function")["LoggingConfig"] == {"LogGroup": {"Ref": group}}


# --- what it may do


def test_the_function_may_do_exactly_what_loading_needs(template: Template) -> None:
    assert set().union(*(actions for actions, _, _ in grants(template))) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutObject",
        "dynamodb:BatchWriteItem",
        "dynamodb:DescribeTable",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "events:PutEvents",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
    }


def test_no_grant_has_a_wildcard_action_and_the_role_no_managed_policy(template: Template) -> None:
    assert not [action for actions, _, _ in grants(template) for action in actions if "*" in action]
    assert "ManagedPolicyArns" not in only(template, "AWS::IAM::Role")


def test_no_grant_is_on_everything(template: Template) -> None:
    assert "*" not in [resource for _, on, _ in grants(template) for resource in on]


def test_the_function_reads_objects_under_the_feeds_prefixes_only(template: Template) -> None:
    (reading,) = [on for actions, on, _ in grants(template) if "s3:GetObject" in actions]
    landing = arn_of(template, "LandingBucket6")
    prefixes = ["orders/*", "returns/*", "in${*}coming/*", "old/*"]
    assert reading == [under(landing, f"/{prefix}") for prefix in prefixes]
    ((_, on, condition),) = [grant for grant in grants(template) if "s3:ListBucket" in grant[0]]
    assert (on, condition) == ([landing], {"StringLike": {"s3:prefix": prefixes}})


def test_the_function_writes_objects_to_the_rejects_only_and_deletes_none(template: Template) -> None:
    (writing,) = [on for actions, on, _ in grants(template) if "s3:PutObject" in actions]
    assert writing == [under(arn_of(template, "StoreRejects8"), "/*")]
    others = ("sqs:DeleteMessage", "dynamodb:DeleteItem")
    assert not [a for actions, _, _ in grants(template) for a in actions if "Delete" in a and a not in others]


def test_the_function_writes_rows_to_the_feeds_tables_those_that_exist_too(template: Template) -> None:
    (writing,) = [on for actions, on, _ in grants(template) if "dynamodb:BatchWriteItem" in actions]
    account = [":", {"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    legacy = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":dynamodb", *account, ":table/Legacy"]]}
    assert [flat(arn) for arn in writing] == [
        flat(arn_of(template, "StoreTableOrders")),
        flat(arn_of(template, "StoreTableMyEventsV2")),
        flat(legacy),
    ]


def flat(value: Any) -> str:
    """Return an intrinsic as text, however its pieces were joined."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(flat, value["Fn::Join"][1]))
    return str(value) if isinstance(value, str) else json.dumps(value)


def test_the_function_reaches_the_ledger_and_the_queues_by_name(template: Template) -> None:
    by_actions = {frozenset(actions): on for actions, on, _ in grants(template)}
    ledger = frozenset(f"dynamodb:{operation}" for operation in contract.LEDGER_OPERATIONS)
    assert by_actions[ledger] == [arn_of(template, "StoreLedger")]
    assert by_actions[frozenset({"dynamodb:Query"})] == [under(arn_of(template, "StoreLedger"), "/index/listing")]
    (consuming,) = [on for actions, on in by_actions.items() if "sqs:ReceiveMessage" in actions]
    assert consuming == [arn_of(template, "BufferQueue")]
    sending = [on for actions, on, _ in grants(template) if actions == {"sqs:SendMessage"}]
    assert sending == [[arn_of(template, "BufferQueue")], [arn_of(template, "BufferDeadLetters5")]]


def test_the_function_deletes_nothing_of_the_ledger_but_entries_of_write_budgets(template: Template) -> None:
    ((actions, on, condition),) = [grant for grant in grants(template) if "dynamodb:DeleteItem" in grant[0]]
    assert (actions, on) == ({"dynamodb:DeleteItem"}, [arn_of(template, "StoreLedger")])
    assert condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["BUDGET#*"]}}


def test_the_function_reports_events_only_as_itself(template: Template) -> None:
    ((_, _, condition),) = [grant for grant in grants(template) if grant[0] == {"events:PutEvents"}]
    assert condition == {"StringEquals": {"events:source": "csv-ingest"}}


def test_a_schedule_has_the_queue_asked_to_look_for_what_is_stuck(template: Template) -> None:
    rule = only(template, "AWS::Events::Rule")
    assert rule["ScheduleExpression"] == "rate(15 minutes)"
    assert read_message(rule["Targets"][0]["Input"]) == Reconcile()


# --- the whole


def test_the_outputs_name_every_resource_a_person_may_look_for(template: Template) -> None:
    names = {value for name, value in vars(contract.Output).items() if name.isupper()}
    feeds_tables = {contract.table_output(table) for table in ("Orders", "my-events.v2", "Legacy")}
    assert set(template["Outputs"]) == names | feeds_tables
    assert template["Outputs"]["TableLegacy"]["Value"] == "Legacy"


def test_two_stages_can_live_in_one_account(synthesised: Callable[..., Template]) -> None:
    one, other = (fixed_names(synthesised(Settings(name=name))) for name in ("ingest", "ingest-test"))
    assert len(one) == len(other) == 2 + 1
    assert one & other == {'"Orders"', '"my-events.v2"'}  # the names that feeds.toml gives


def fixed_names(template: Template) -> set[str]:
    """Return the names that do not contain the id of the stack."""
    kinds = {
        "AWS::S3::Bucket": "BucketName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::DynamoDB::Table": "TableName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::IAM::Role": "RoleName",
    }
    names = [json.dumps(p[name]) for kind, name in kinds.items() for p in properties(template, kind) if name in p]
    return {name for name in names if "AWS::StackId" not in name}


def test_cfn_lint_finds_nothing(synthesised: Callable[..., Template]) -> None:
    assert lint.findings(json.dumps(synthesised(Settings(), (ROOT / "feeds.toml").read_text()))) == []


def test_the_template_is_the_one_last_reviewed(
    synthesised: Callable[..., Template], snapshot: SnapshotAssertion
) -> None:
    template = json.loads(json.dumps(synthesised(Settings(), (ROOT / "feeds.toml").read_text())))
    only(template, "AWS::Lambda::Function")["Code"]["S3Key"] = "masked.zip"
    assert template == snapshot(extension_class=JSONSnapshotExtension)


def test_tables_whose_names_are_alike_but_for_case_have_resources_and_outputs_of_their_own(
    synthesised: Callable[..., dict[str, Any]],
) -> None:
    feed = '[feeds.{name}]\nprefix = "{name}/"\ntable = "{name}"\npartition_key = "id"\n'
    template = synthesised(feeds=feed.format(name="a-bc") + feed.format(name="abc"))
    tables = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::DynamoDB::Table"]
    assert sorted(table["TableName"] for table in tables if "TableName" in table) == ["a-bc", "abc"]
    assert {"TableABc", "TableAbc"} <= template["Outputs"].keys()
