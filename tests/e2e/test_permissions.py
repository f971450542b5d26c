"""What the function may do, held by the emulator's IAM: all that loading needs, and nothing it does not need."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.ministack import REGION
from infra.local.stack import local_stack
from ingest.aws.clock import Clock
from ingest.contract import RECONCILE_MESSAGE, Env, Output
from ingest.errors import SettingsFault, StillLoading
from ingest.ledger.store import TableLedger
from ingest.recovery.undo import Undo
from ingest.worker.ports import Services
from tests.e2e import partner
from tests.e2e.conftest import FEEDS
from tests.e2e.stack_under_test import StackUnderTest
from tests.support.fakes import FakeObjects, RecordingEvents, RecordingMetrics, RecordingQueue

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("permissions")]

HEADER = b"order_id,customer_id,quantity,unit_price,gift\n"
MIXED = HEADER + b"O-1,permitted,1,2.50,yes\nO-2,permitted,x,1,no\n"  # one row for the table, one for the rejects
REJECTED = (
    HEADER + b"O-2,permitted,x,1,no\n"
)  # nothing is written: without a place for the reject it comes back at once
THEIRS = b"id,total\na,1\n"  # for a table of another account
# Files of the feeds that write in other ways, as tests/e2e/feeds.toml says, with something new in each. One operation
# writes each: where a part of a file could be written, its message would be handed over instead of coming back.
MODES = {
    "members/": b"id,name\nm1,Ada\n",
    "prices/": b"sku,changed,price,note\np1,2026-11-22T10:00:00Z,5,\n",
    "assortment/": b"sku,price\ns1,%d\n",
    "changes/put-": b"op,id,lsn,total\nI,c1,1,1\nD,c3,3,\n",
    "changes/update-": b"op,id,lsn,total\nU,c2,2,2\n",
    "journal/put-": b"op,id,a\nI,j1,1\n",
    "journal/update-": b"op,id,a\nU,j2,1\n",
}
UNDONE = "members/"  # whose file is undone, too
SEGMENT_BYTES = 4_096
LARGE = HEADER + b"".join(b"O-%d,permitted,1,2,no\n" % n for n in range(400))

# What ministack 1.5 does itself, without asking whether the role may. tests/infra/test_security.py holds that these
# are granted on this stack's log and queue alone.
NOT_ASKED_FOR = {
    "logs:CreateLogStream": "the emulator writes the log itself",
    "logs:PutLogEvents": "the emulator writes the log itself",
    "sqs:ReceiveMessage": "the emulator's poller takes messages from the queue as itself",
    "dynamodb:DeleteItem": "a share of a write budget is given back: none of these files goes to a table that has one",
    "s3:ListBucketVersions": "asked for only where S3 forbids to read a version, which may have been deleted",
}
# Without the first messages come back too early, or late: the ledger knows whose they are, and the function goes on.
# Without the second a table of other keys refuses each row, instead of failing the file: the log says so.
# Without the third the answer deletes messages, as the queue does with those of any function.
GOES_ON_WITHOUT = {"sqs:ChangeMessageVisibility", "dynamodb:DescribeTable", "sqs:DeleteMessage"}
KEPT_BY_A_FUNCTION = {"sts:AssumeRole", "dynamodb:DescribeTable"}  # it asks once, and again when that was long ago


@dataclass(frozen=True)
class Tried:
    """Which messages came back, each with the code of its error, and what was logged of being denied something."""

    failed: dict[str, str]
    denials: list[str]

    def was_denied(self, action: str) -> bool:
        names = (f"perform: {action} ", f"perform: {action}Batch ")
        return any(name in line for line in self.denials for name in names)


# ministack 1.5 answers a ranged read of a version with the whole object, and the function does not take that for it.
WITH_ALL_GRANTS = Tried({"versioned": "service_fault"}, [])


class Desk:
    """Invokes the function with one batch of every kind of message, under the role's policy or less than that.

    No one else does: the mapping is off and the bucket sends no notifications. Segments are small, and nothing is too
    young to be stuck or lost.
    """

    def __init__(self, stack_client: StackUnderTest) -> None:
        client = stack_client.stack.client
        self._stack_client, self._iam, self._lambda, self._s3 = (
            stack_client,
            client("iam"),
            client("lambda"),
            client("s3"),
        )
        self._function = stack_client.stack.outputs[Output.FUNCTION]
        self.role_arn = self._lambda.get_function_configuration(FunctionName=self._function)["Role"]
        self._role = self.role_arn.rpartition("/")[2]
        (self._policy,) = self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]
        self.document = self._iam.get_role_policy(RoleName=self._role, PolicyName=self._policy)["PolicyDocument"]
        self._numbers = itertools.count()

    def prepare(self) -> None:
        enabled = {"Status": "Enabled"}
        self._s3.put_bucket_versioning(Bucket=self._stack_client.bucket, VersioningConfiguration=enabled)
        known = self._lambda.get_function_configuration(FunctionName=self._function)["Environment"]["Variables"]
        self._variables = known | {Env.STUCK_S: "0", Env.SEGMENT_BYTES: str(SEGMENT_BYTES)}
        partner.make_table(self._stack_client.stack)
        partner.make_role(self._stack_client.stack, self.role_arn)
        self._gather_grants()
        self.start_anew()

    def _gather_grants(self) -> None:
        """Put what the managed policies of the role grant into its own, from which a test takes one grant at a time."""
        for attached in self._iam.list_attached_role_policies(RoleName=self._role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            self.document["Statement"] += found["Statement"]
            self._iam.detach_role_policy(RoleName=self._role, PolicyArn=arn)
        self._put(self.document)

    def start_anew(self) -> None:
        """Let the next call be a function's first: it forgets what it keeps, as the credentials of assumed roles."""
        changed = self._variables | {"INGEST_TEST_START": str(next(self._numbers))}
        self._lambda.update_function_configuration(FunctionName=self._function, Environment={"Variables": changed})

    @contextmanager
    def without(self, place: int, action: str) -> Iterator[None]:
        """Take one action out of one statement of the role for the length of the block."""
        document = json.loads(json.dumps(self.document))
        statement = document["Statement"][place]
        statement["Action"] = [a for a in statement["Action"] if a.removesuffix("Batch") != action]
        if not statement["Action"]:
            del document["Statement"][place]
        self._put(document)
        try:
            yield
        finally:
            self._put(self.document)

    def try_everything(self) -> Tried:
        """Let the function load, reject, split, look for what was lost, and dead-letter what it does not know."""
        number = next(self._numbers)
        name = f"orders/{number}"
        modes = {begin: data.replace(b"%d", b"%d" % number) for begin, data in MODES.items()}
        version_id = self._drop(f"{name}/versioned.csv", MIXED)
        self._drop(f"{name}/plain.csv", MIXED)
        self._drop(f"{name}/rejected.csv", REJECTED)
        self._drop(f"{name}/large.csv", LARGE)
        self._drop(f"{name}/lost.csv", MIXED)
        self._drop(f"partner/{name}.csv", THEIRS)
        for begin, data in modes.items():
            self._drop(f"{begin}{name}.csv", data)
        event = self._stack_client.notification
        bodies = {
            "versioned": _of_version(event(f"{name}/versioned.csv", sequencer="01", size=len(MIXED)), version_id),
            "plain": self._of(f"{name}/plain.csv", MIXED),
            "rejected": self._of(f"{name}/rejected.csv", REJECTED),
            "large": self._of(f"{name}/large.csv", LARGE),
            "partner": self._of(f"partner/{name}.csv", THEIRS),
            **{begin: self._of(f"{begin}{name}.csv", data) for begin, data in modes.items()},
            "unknown": '{"hello": "world"}',
            "reconcile": RECONCILE_MESSAGE,
        }
        before = len(self._stack_client.log_lines())
        names = self._answer(bodies) + self._answer(self._undo(f"{UNDONE}{name}.csv"))
        logged = self._stack_client.log_lines()[before:]
        return Tried(
            _codes(logged, names),
            [line for line in logged if "not authorized to perform" in line],
        )

    def _answer(self, bodies: dict[str, str]) -> list[str]:
        """Let the function take some messages; return the names of those that come back."""
        answer = self._lambda.invoke(FunctionName=self._function, Payload=json.dumps(_batch(bodies)))
        reply = json.loads(answer["Payload"].read())
        assert "batchItemFailures" in reply, reply
        return [failure["itemIdentifier"] for failure in reply["batchItemFailures"]]

    def _undo(self, key: str) -> dict[str, str]:
        """Begin the undo of a file, and return its message; none where the file was not loaded."""
        queue, ledger = RecordingQueue(), TableLedger(table=self._ledger_table(), clock=Clock())
        run = Undo(_operator(ledger, queue), find=lambda file: file)
        attempts = list(ledger.queries.versions(self._stack_client.bucket, key))
        with contextlib.suppress(StillLoading, SettingsFault):
            if attempts:
                run.run(run.look(attempts))
        return {f"undo {number}": message.body for number, message in enumerate(queue.sent)}

    def _ledger_table(self) -> Any:
        stack = self._stack_client.stack
        known = stack.environment()
        session = boto3.Session(known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
        endpoint_url, verify = stack.endpoint_url, str(stack.emulator.ca_bundle)
        tables = session.resource("dynamodb", endpoint_url=endpoint_url, verify=verify, config=Config(proxies={}))
        return tables.Table(stack.outputs[Output.LEDGER_TABLE])

    def _drop(self, key: str, data: bytes) -> str:
        return str(self._s3.put_object(Bucket=self._stack_client.bucket, Key=key, Body=data)["VersionId"])

    def _of(self, key: str, data: bytes) -> str:
        etag = self._s3.head_object(Bucket=self._stack_client.bucket, Key=key)["ETag"].strip('"')
        return self._stack_client.notification(key, sequencer="01", size=len(data), etag=etag)

    def _put(self, document: Any) -> None:
        self._iam.put_role_policy(RoleName=self._role, PolicyName=self._policy, PolicyDocument=json.dumps(document))


def _operator(ledger: Any, queue: Any) -> Services:
    """Return the services of an operator, as far as an undo needs them."""
    return Services(
        ledger=ledger,
        listing=FakeObjects({}),
        queue=queue,
        rejects_url=lambda file: "",
        metrics=RecordingMetrics(),
        events=RecordingEvents(),
        clock=Clock(),
        log=lambda message, fields: None,
    )


def _codes(logged: list[str], message_ids: list[str]) -> dict[str, str]:
    """Return why each message comes back."""
    lines = [json.loads(line) for line in logged if '"message will be retried"' in line]
    codes = {line["message_id"]: str(line["code"]) for line in lines if "code" in line}
    if missing := set(message_ids) - set(codes):
        print(missing, *logged, sep="\n")
    return {name: codes.get(name, "") for name in message_ids}


def _of_version(body: str, version_id: str) -> str:
    document = json.loads(body)
    thing = document["Records"][0]["s3"]["object"]
    del thing["eTag"]
    thing["versionId"] = version_id
    return json.dumps(document)


def _batch(bodies: dict[str, str]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": name,
                "receiptHandle": name,
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
            }
            for name, body in bodies.items()
        ]
    }


@pytest.fixture(scope="module")
def held() -> Iterator[StackUnderTest]:
    """A stack whose function is held to its role."""
    with local_stack(FEEDS, iam=True) as deployed:
        yield StackUnderTest(deployed)


@pytest.fixture(scope="module")
def desk(held: StackUnderTest) -> Iterator[Desk]:
    """The same, when only the test calls the function."""
    with held.function_off(), held.without_notifications():
        desk = Desk(held)
        desk.prepare()
        yield desk


def test_a_mixed_load_comes_to_its_end_with_what_the_role_allows(held: StackUnderTest) -> None:
    held.drop("orders/mixed.csv", MIXED)
    held.drop("orders/wrong.csv", b"a;b\n1;2\n")
    held.send('{"hello": "world"}')
    entry = held.final_entry("orders/mixed.csv")
    assert (entry["status"], entry["rows_written"], entry["rows_rejected"]) == ("COMPLETE", 1, 1)
    assert held.final_entry("orders/wrong.csv")["status"] == "FAILED"
    assert [reject["reason"] for reject in held.rejects(entry["rejects"])] == ["bad_number"]
    assert held.wait_for_dead_letter("hello")["MessageAttributes"]["code"]["StringValue"] == "unknown_message"
    held.wait_until_quiet()
    assert [line for line in held.log_lines() if "access_denied" in line] == []


def test_the_function_is_denied_nothing_and_a_grant_that_is_missing_shows(desk: Desk) -> None:
    assert desk.try_everything() == WITH_ALL_GRANTS
    (place,) = [place for place, s in enumerate(desk.document["Statement"]) if s["Action"] == ["s3:PutObject"]]
    with desk.without(place, "s3:PutObject"):
        tried = desk.try_everything()
    assert tried.was_denied("s3:PutObject")
    assert "rejected" in tried.failed


@pytest.mark.nightly
def test_the_function_needs_each_grant_that_it_has(desk: Desk) -> None:
    """A grant that is new is in the list of tests/infra/test_stack.py first: there, in each run, they are all named."""
    grants = [(place, action) for place, s in enumerate(desk.document["Statement"]) for action in single(s["Action"])]
    needless, silent = set(), set()
    for place, action in grants:
        with desk.without(place, action):
            if action in KEPT_BY_A_FUNCTION:
                desk.start_anew()
            tried = desk.try_everything()
        if not tried.was_denied(action):
            needless.add((place, action))
        elif tried.failed == WITH_ALL_GRANTS.failed:
            silent.add(action)
    assert {action for _, action in needless} == set(NOT_ASKED_FOR), needless
    assert silent == GOES_ON_WITHOUT
    assert len(grants) > len(needless) + 10
    assert desk.try_everything() == WITH_ALL_GRANTS


def single(actions: list[str]) -> list[str]:
    return [action for action in actions if not action.endswith("Batch")]


# --- what it may not do

Case = tuple[str, str, dict[str, Any]]  # service, call, arguments


class Role:
    """Clients that are who the function is."""

    def __init__(self, held: StackUnderTest, role_arn: str) -> None:
        answer = held.stack.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        self._session = boto3.Session(
            aws_access_key_id=answer["AccessKeyId"],
            aws_secret_access_key=answer["SecretAccessKey"],
            aws_session_token=answer["SessionToken"],
            region_name=REGION,
        )
        self._emulator = held.stack.emulator
        self._clients: dict[str, Any] = {}

    def may(self, service: Any, call: str, arguments: dict[str, Any]) -> bool:
        """Make a call, and return whether it was allowed. It must not fail for another reason."""
        client = self._clients.get(service) or self._clients.setdefault(service, self._client(service))
        try:
            getattr(client, call)(**arguments)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"), (call, error)
            return False
        return True

    def _client(self, service: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        ca_bundle, url = str(self._emulator.ca_bundle), self._emulator.endpoint_url
        return self._session.client(service, endpoint_url=url, verify=ca_bundle, config=config)


def made_places(held: StackUnderTest) -> dict[str, str]:
    """What a request can be about: the stack's own resources, and some beside them."""
    client, outputs = held.stack.client, held.stack.outputs
    client("dynamodb").create_table(
        TableName="Elsewhere",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("s3").put_object(Bucket=held.bucket, Key="elsewhere/a.csv", Body=MIXED)
    client("s3").put_object(Bucket=held.bucket, Key="orders/there.csv", Body=MIXED)
    client("s3").put_object(Bucket=outputs[Output.REJECTS_BUCKET], Key="orders/there.jsonl", Body=b"{}")
    (logs,) = [b["Name"] for b in client("s3").list_buckets()["Buckets"] if "accesslogs" in b["Name"]]
    role = client("lambda").get_function_configuration(FunctionName=outputs[Output.FUNCTION])["Role"]
    partner.make_role(held.stack, role, name="another")  # it trusts the function, which is not to use it
    return {
        "landing": held.bucket,
        "rejects": outputs[Output.REJECTS_BUCKET],
        "access_logs": logs,
        "queue": held.queue_url,
        "dead_letters": held.dead_letter_url,
        "other_queue": client("sqs").create_queue(QueueName="elsewhere")["QueueUrl"],
        "ledger": outputs[Output.LEDGER_TABLE],
        "function": outputs[Output.FUNCTION],
        "log": outputs[Output.LOG_GROUP],
        "role": role.rpartition("/")[2],
        "role_arn": role,
    }


KEY = {"id": {"S": "1"}}
ORDER = {"customer_id": {"S": "permitted"}, "order_id": {"S": "O-1"}}
FILE = {"pk": {"S": "a"}, "sk": {"S": "HEAD"}}
SHARE = {"pk": {"S": "BUDGET#Orders"}, "sk": {"S": "WORKER#w"}}
ALLOWED: list[Case] = [
    ("s3", "get_object", {"Bucket": "{landing}", "Key": "orders/there.csv"}),
    ("s3", "list_objects_v2", {"Bucket": "{landing}", "Prefix": "orders/"}),
    ("s3", "list_object_versions", {"Bucket": "{landing}", "Prefix": "orders/"}),
    ("s3", "put_object", {"Bucket": "{rejects}", "Key": "orders/a.jsonl"}),
    ("dynamodb", "batch_write_item", {"RequestItems": {"Orders": [{"PutRequest": {"Item": ORDER}}]}}),
    ("dynamodb", "put_item", {"TableName": "Members", "Item": KEY}),
    ("dynamodb", "delete_item", {"TableName": "Members", "Key": KEY}),
    ("dynamodb", "update_item", {"TableName": "Prices", "Key": {"sku": {"S": "1"}}}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"Assortment": {"Keys": [{"sku": {"S": "1"}}]}}}),
    ("dynamodb", "update_item", {"TableName": "Journal", "Key": KEY}),
    ("dynamodb", "describe_table", {"TableName": "Orders"}),
    ("dynamodb", "get_item", {"TableName": "{ledger}", "Key": FILE}),
    ("dynamodb", "delete_item", {"TableName": "{ledger}", "Key": SHARE}),
    ("sqs", "send_message", {"QueueUrl": "{dead_letters}", "MessageBody": "allowed"}),
]
DENIED: list[Case] = [
    # dropped files: other prefixes are not read or listed, and nothing is written or deleted
    ("s3", "get_object", {"Bucket": "{landing}", "Key": "elsewhere/a.csv"}),
    ("s3", "head_object", {"Bucket": "{landing}", "Key": "elsewhere/a.csv"}),
    ("s3", "list_objects_v2", {"Bucket": "{landing}", "Prefix": "elsewhere/"}),
    ("s3", "list_objects_v2", {"Bucket": "{landing}"}),
    ("s3", "list_object_versions", {"Bucket": "{landing}", "Prefix": "elsewhere/"}),
    ("s3", "put_object", {"Bucket": "{landing}", "Key": "orders/new.csv"}),
    ("s3", "delete_object", {"Bucket": "{landing}", "Key": "orders/there.csv"}),
    ("s3", "put_bucket_policy", {"Bucket": "{landing}", "Policy": "{{}}"}),
    # rejects: written, never read or deleted
    ("s3", "get_object", {"Bucket": "{rejects}", "Key": "orders/there.jsonl"}),
    ("s3", "list_objects_v2", {"Bucket": "{rejects}", "Prefix": "orders/"}),
    ("s3", "delete_object", {"Bucket": "{rejects}", "Key": "orders/there.jsonl"}),
    # the record of who reached into the buckets
    ("s3", "put_object", {"Bucket": "{access_logs}", "Key": "landing/a"}),
    ("s3", "get_object", {"Bucket": "{access_logs}", "Key": "landing/a"}),
    ("s3", "list_buckets", {}),
    # rows: written as their feed says, and in no other way
    ("dynamodb", "batch_write_item", {"RequestItems": {"Members": [{"PutRequest": {"Item": KEY}}]}}),
    ("dynamodb", "update_item", {"TableName": "Members", "Key": KEY}),
    ("dynamodb", "get_item", {"TableName": "Members", "Key": KEY}),
    ("dynamodb", "delete_item", {"TableName": "Prices", "Key": {"sku": {"S": "1"}}}),
    ("dynamodb", "put_item", {"TableName": "Prices", "Item": {"sku": {"S": "1"}}}),
    ("dynamodb", "put_item", {"TableName": "Assortment", "Item": {"sku": {"S": "1"}}}),
    ("dynamodb", "delete_item", {"TableName": "Changes", "Key": KEY}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"Orders": {"Keys": [ORDER]}}}),
    ("dynamodb", "batch_write_item", {"RequestItems": {"Elsewhere": [{"PutRequest": {"Item": KEY}}]}}),
    ("dynamodb", "put_item", {"TableName": "Elsewhere", "Item": KEY}),
    ("dynamodb", "put_item", {"TableName": "Orders", "Item": ORDER}),
    ("dynamodb", "delete_item", {"TableName": "Orders", "Key": ORDER}),
    ("dynamodb", "get_item", {"TableName": "Orders", "Key": ORDER}),
    ("dynamodb", "scan", {"TableName": "Orders"}),
    ("dynamodb", "delete_table", {"TableName": "Orders"}),
    # the ledger: changed item by item, never written past the conditions of a change, or read whole. That nothing but
    # entries of write budgets is deleted is held by tests/infra/test_stack.py: ministack 1.5 knows no LeadingKeys
    ("dynamodb", "put_item", {"TableName": "{ledger}", "Item": FILE}),
    ("dynamodb", "batch_write_item", {"RequestItems": {"{ledger}": [{"PutRequest": {"Item": FILE}}]}}),
    ("dynamodb", "scan", {"TableName": "{ledger}"}),
    # queues
    ("sqs", "send_message", {"QueueUrl": "{other_queue}", "MessageBody": "a"}),
    ("sqs", "purge_queue", {"QueueUrl": "{queue}"}),
    ("sqs", "set_queue_attributes", {"QueueUrl": "{queue}", "Attributes": {"Policy": ""}}),
    ("sqs", "receive_message", {"QueueUrl": "{dead_letters}"}),
    ("sqs", "delete_message", {"QueueUrl": "{dead_letters}", "ReceiptHandle": "a"}),
    # itself
    ("lambda", "invoke", {"FunctionName": "{function}"}),
    ("lambda", "get_function", {"FunctionName": "{function}"}),
    ("logs", "filter_log_events", {"logGroupName": "{log}"}),
    ("logs", "delete_log_group", {"logGroupName": "{log}"}),
    ("iam", "put_role_policy", {"RoleName": "{role}", "PolicyName": "a", "PolicyDocument": "{{}}"}),
    ("iam", "list_roles", {}),
    ("sts", "assume_role", {"RoleArn": "{role_arn}", "RoleSessionName": "again"}),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{partner.ACCOUNT}:role/another", "RoleSessionName": "again"}),
    ("cloudformation", "delete_stack", {"StackName": "ingest-local"}),
]


def with_places(value: Any, places: dict[str, str]) -> Any:
    """Put the names of the stack's resources where they are asked for."""
    if isinstance(value, dict):
        return {with_places(name, places): with_places(inner, places) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_places(inner, places) for inner in value]
    return value.format(**places) if isinstance(value, str) else value


def test_whoever_is_the_function_may_do_what_loading_needs_and_nothing_else(held: StackUnderTest) -> None:
    places = made_places(held)
    role = Role(held, places["role_arn"])
    outcome = [(case, role.may(case[0], case[1], with_places(case[2], places))) for case in (*ALLOWED, *DENIED)]
    assert [case for case, is_allowed in outcome if is_allowed] == ALLOWED
