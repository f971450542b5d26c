"""What AWS would refuse of a stack with a hundred feeds of long names, measured on the templates; and long stack names.

The limits are AWS's own, from the quotas pages of IAM, SQS, S3, EventBridge, CloudWatch and CloudFormation.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra import lint
from infra.existing import Existing
from infra.landing import as_filter
from infra.monitoring.template import alarms_of, lines_of
from infra.names import shortened
from infra.plain.readable_yaml import as_yaml
from infra.plain.template import plain_template
from infra.policies import MANAGED_CHARACTERS, portions
from infra.settings import Settings
from ingest.errors import SettingsFault
from ingest.feeds.parse import parse_feeds

Template = dict[str, Any]
MANY = 100
ROLE = "arn:aws:iam::444455556666:role/writes-the-tables-of-the-partner-"
LONG_NAME = "a" + "-stack-with-a-long-name" * 4 + "-ofall"  # 99 characters
PSEUDO = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-12",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "s" * 128,
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::StackId": f"arn:aws-us-gov:cloudformation:ap-southeast-12:111122223333:stack/{'s' * 128}/{'0' * 36}",
    "MaxConcurrency": "1000",
}


def feeds_of(count: int, *, prefix: str = "incoming/a folder/of=the sender/feed-{}/", table: str = "") -> str:
    """Return a feeds file; each tenth feed writes with a role of its own."""
    table = table or "MyCompany-Production-A-Table-With-A-Long-Name-{}"
    sections = []
    for n in range(count):
        role = f'role = "{ROLE}{n:03}"\nexisting = true\n' if n % 10 == 9 else ""
        names = f'prefix = "{prefix.format(f"{n:03}")}"\ntable = "{table.format(f"{n:03}")}"\n'
        sections.append(f'[feeds.a_feed_with_a_name_{n:03}]\n{names}partition_key = "id"\n{role}')
    return "\n".join(sections)


@pytest.fixture(scope="module")
def many(synthesised: Callable[..., Template]) -> Template:
    return synthesised(Settings(name=LONG_NAME), feeds_of(MANY))


@pytest.fixture(scope="module")
def plain() -> Template:
    return plain_template(Settings(), parse_feeds(feeds_of(MANY)))


@pytest.fixture(scope="module")
def by_rule(synthesised: Callable[..., Template]) -> Template:
    existing = Existing(landing_bucket="their-drops", subnets=SUBNETS, security_groups=("sg-0a1b2c3d",), kms_key=KEY)
    return synthesised(Settings(name=LONG_NAME, existing=existing), feeds_of(MANY))


SUBNETS = tuple(f"subnet-0a1b2c3d4e5f6a7{n:x}" for n in range(6))
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in ("many", "plain")]  # nine seconds each


@pytest.fixture(params=["many", "plain", "by_rule"])
def template(request: pytest.FixtureRequest) -> Template:
    made: Template = request.getfixturevalue(request.param)
    return made


def of_kind(template: Template, kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def deployed(template: Template, value: Any) -> Any:
    """Return a value with its references replaced by the longest text that they can become."""
    if isinstance(value, list):
        return [deployed(template, each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return PSEUDO.get(value["Ref"], "b" * 63)
    if "Fn::GetAtt" in value:
        return _arn(template["Resources"][value["Fn::GetAtt"][0]])
    inside = {name: deployed(template, each) for name, each in value.items()}
    ((name, arguments),) = inside.items() if len(inside) == 1 else [("", None)]
    return FUNCTIONS[name](arguments) if name in FUNCTIONS else inside


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::Join": lambda arguments: arguments[0].join(map(str, arguments[1])),
    "Fn::Split": lambda arguments: arguments[1].split(arguments[0]),
    "Fn::Select": lambda arguments: arguments[1][arguments[0]],
    "Fn::If": lambda arguments: max(arguments[1:], key=lambda choice: len(str(choice))),
}


def _arn(resource: Any) -> str:
    """Return the longest ARN; a name that CloudFormation makes has at most 80 characters, a bucket's 63."""
    if resource["Type"] == "AWS::S3::Bucket":
        return f"arn:aws-us-gov:s3:::{'b' * 63}"
    name = resource["Properties"].get("TableName", "n" * 80)
    return f"arn:aws-us-gov:dynamodb:ap-southeast-12:111122223333:table/{name}"


def characters(template: Template, document: Any) -> int:
    """Return how many characters IAM counts of a policy: white space does not count."""
    return len(re.sub(r"\s", "", json.dumps(deployed(template, document), separators=(",", ":"))))


# --- policies


def test_the_functions_policies_are_within_iams_sizes(template: Template) -> None:
    inline = [characters(template, p["PolicyDocument"]) for p in of_kind(template, "AWS::IAM::Policy").values()]
    managed = [characters(template, p["PolicyDocument"]) for p in of_kind(template, "AWS::IAM::ManagedPolicy").values()]
    assert sum(inline) <= 10_240
    assert max(managed) <= 6_144
    assert 2 <= len(managed) <= 10


def statements(template: Template) -> Iterator[Any]:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in of_kind(template, kind).values():
            yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_together_they_grant_each_feed_its_own_and_nothing_by_a_wider_wildcard(template: Template) -> None:
    feeds = parse_feeds(feeds_of(MANY)).feeds.values()
    granted: dict[str, list[str]] = {}
    for statement in statements(template):
        for action in listed(statement["Action"]):
            granted.setdefault(action, []).extend(deployed(template, listed(statement.get("Resource", []))))
    objects = [arn.partition(":s3:::")[2].partition("/")[2] for arn in granted["s3:GetObject"]]
    assert objects == [f"{feed.prefix}*" for feed in feeds]
    tables = [arn.partition("table/")[2] for arn in granted["dynamodb:BatchWriteItem"]]
    assert tables == [feed.table for feed in feeds if not feed.role]
    assert granted["sts:AssumeRole"] == [feed.role for feed in feeds if feed.role]
    conditions = [s["Condition"]["StringLike"]["s3:prefix"] for s in statements(template) if is_listing(s)]
    assert [prefix for prefixes in conditions for prefix in listed(prefixes)] == [f"{feed.prefix}*" for feed in feeds]


def is_listing(statement: Any) -> bool:
    return "s3:ListBucket" in listed(statement["Action"])


def test_the_function_waits_for_its_policies(template: Template) -> None:
    (function,) = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert set(of_kind(template, "AWS::IAM::ManagedPolicy")) <= set(function["DependsOn"])


def test_few_feeds_need_no_policy_but_the_roles_own(synthesised: Callable[..., Template]) -> None:
    assert of_kind(synthesised(), "AWS::IAM::ManagedPolicy") == {}


@pytest.mark.parametrize("length", [1, 60, 300])
def test_what_a_portion_of_feeds_is_estimated_to_have_is_never_too_little(length: int) -> None:
    feeds = parse_feeds(feeds_of(30, prefix="ü$*" + "x" * length + "{}/", table="T" * min(length, 240) + "{}"))
    found = portions(feeds.feeds.values())
    assert [feed for portion in found for feed in portion.feeds] == list(feeds.feeds.values())
    assert max(portion.characters for portion in found) <= MANAGED_CHARACTERS


def test_feeds_that_no_role_has_room_for_are_refused_in_one_sentence() -> None:
    feeds = parse_feeds(feeds_of(MANY, prefix="p" * 700 + "{}/", table="T" * 240 + "{}"))
    with pytest.raises(SettingsFault, match=r"need 34 managed policies .* IAM attaches 20 to a role at most"):
        portions(feeds.feeds.values())


def test_the_queues_policy_is_within_that_of_sqs(template: Template) -> None:
    for policy in of_kind(template, "AWS::SQS::QueuePolicy").values():
        document = policy["PolicyDocument"]
        keys = [key for s in document["Statement"] for test in s.get("Condition", {}).values() for key in test]
        assert characters(template, document) <= 8_192
        assert len(document["Statement"]) <= 20
        assert len(keys) <= 10


# --- the template


def test_the_template_is_within_cloudformations_limits(template: Template) -> None:
    assert len(template["Resources"]) < 500
    assert len(template["Outputs"]) <= 200
    assert len(template.get("Parameters", {})) <= 200
    assert len(json.dumps(template)) < 1_000_000
    assert len(as_yaml(template).encode()) < 1_000_000


@pytest.mark.parametrize("template", ["by_rule", *NIGHTLY], indirect=True)
def test_cfn_lint_finds_nothing(template: Template) -> None:
    assert lint.findings(json.dumps(template)) == []


def test_more_tables_than_outputs_are_refused_in_one_sentence(synthesised: Callable[..., Template]) -> None:
    with pytest.raises(SettingsFault, match=r"feeds\.toml names 191 tables; a stack has room for 190"):
        synthesised(Settings(), feeds_of(191))


# --- dashboard and alarms


def test_the_dashboard_is_within_cloudwatchs_limits(template: Template) -> None:
    (dashboard,) = of_kind(template, "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(deployed(template, dashboard["DashboardBody"]))["widgets"]
    lines = [lines_of(widget["properties"]) for widget in widgets]
    assert len(widgets) <= 500
    assert max(map(len, lines)) <= 500
    assert sum(map(len, lines)) <= 2_500
    assert max(len(line.expression) for each in lines for line in each) <= 2_048


def test_no_alarm_looks_at_more_than_a_day(synthesised: Callable[..., Template]) -> None:
    for minutes in (1, 480):
        for alarm in alarms_of(synthesised(Settings(reconcile_minutes=minutes))):
            periods = [alarm.get("Period"), *(m.get("MetricStat", {}).get("Period") for m in alarm.get("Metrics", []))]
            assert max(period for period in periods if period) * alarm["EvaluationPeriods"] <= 86_400


# --- names


def names(template: Template, kind: str, field: str) -> list[str]:
    return [deployed(template, p[field]) for p in of_kind(template, kind).values() if field in p]


def test_queues_and_buckets_have_names_that_fit_whatever_the_stack_is_called(template: Template) -> None:
    (queue,) = names(template, "AWS::SQS::Queue", "QueueName")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", queue)
    for bucket in names(template, "AWS::S3::Bucket", "BucketName"):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    for alarm in names(template, "AWS::CloudWatch::Alarm", "AlarmName"):
        assert len(alarm) <= 255
    (dashboard,) = names(template, "AWS::CloudWatch::Dashboard", "DashboardName")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", dashboard)


def test_a_stack_that_is_made_again_has_another_queue(template: Template) -> None:
    """SQS refuses the name of a queue for 60 s after its deletion, as a rolled back deployment leaves it."""
    (queue,) = [p for p in of_kind(template, "AWS::SQS::Queue").values() if "QueueName" in p]
    assert '{"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}' in json.dumps(queue["QueueName"])


def test_a_short_name_stays_and_a_long_one_differs_from_all_others() -> None:
    assert shortened("x" * 26, 26) == "x" * 26
    long = [shortened(f"{'x' * 40}{end}", 26) for end in "ab"]
    assert len(set(long)) == 2
    assert [len(name) for name in long] == [26, 26]
    assert shortened("x" * 40 + "a", 26) == long[0]


# --- notifications


def test_our_own_bucket_has_one_notification_of_every_object_for_each_event(many: Template) -> None:
    (notified,) = [b["NotificationConfiguration"] for b in of_kind(many, "AWS::S3::Bucket").values() if is_landing(b)]
    assert [set(queue) for queue in notified["QueueConfigurations"]] == [{"Event", "Queue"}] * 2


def is_landing(bucket: Any) -> bool:
    return "NotificationConfiguration" in bucket


def test_an_existing_bucket_notifies_by_rules_whose_patterns_eventbridge_takes(by_rule: Template) -> None:
    rules = {name: r for name, r in of_kind(by_rule, "AWS::Events::Rule").items() if "EventPattern" in r}
    assert len(rules) > 1
    assert max(len(json.dumps(rule["EventPattern"])) for rule in rules.values()) <= 2_048
    prefixes = [key["prefix"] for rule in rules.values() for key in rule["EventPattern"]["detail"]["object"]["key"]]
    assert prefixes == [feed.prefix for feed in parse_feeds(feeds_of(MANY)).feeds.values()]
    policies = of_kind(by_rule, "AWS::SQS::QueuePolicy").values()
    text = json.dumps([s["Condition"] for p in policies for s in p["PolicyDocument"]["Statement"]])
    assert [name for name in rules if f'"{name}"' not in text] == []


def test_a_hundred_filters_are_all_that_an_existing_bucket_takes(synthesised: Callable[..., Template]) -> None:
    by_command = Settings(existing=Existing(landing_bucket="their-drops", notified_by="s3"))
    with pytest.raises(SettingsFault, match="S3 takes 100 notifications of a bucket"):
        synthesised(by_command, feeds_of(MANY + 1))


@pytest.mark.parametrize(
    ("prefix", "filter_value"),
    [
        ("orders/", "orders/"),
        ("daily orders/", "daily+orders/"),
        ("year=2026/", "year%3D2026/"),
        ("a+b/", "a%2Bb/"),
        ("Bücher/", "B%C3%BCcher/"),
        ("a~b:c@d&e,f;g?/", "a%7Eb%3Ac%40d%26e%2Cf%3Bg%3F/"),
        ("it's (safe)!-_.*/", "it's (safe)!-_.*/".replace(" ", "+")),
        ("100%/", "100%25/"),
    ],
)
def test_a_filter_of_s3_has_the_prefix_url_encoded(prefix: str, filter_value: str) -> None:
    assert as_filter(prefix) == filter_value
