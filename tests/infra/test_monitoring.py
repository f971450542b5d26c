"""Alarms and dashboard use only emitted metrics, alarms notify the right topic, and each has a runbook section."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.alarm_settings import Alarms
from infra.monitoring.template import (
    MetricName,
    Plot,
    alarms_of,
    lines_of,
    lines_of_alarm,
    text_of,
    watched,
    widgets_of,
)
from infra.price_settings import Prices
from infra.settings import Settings
from ingest.contract import METRIC_NAMESPACE, Dimension, Metric, Output
from tests.support.rare_metrics import reported_rarely

Template = dict[str, Any]
Synthesised = Callable[..., Template]
ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
KINDS = {
    ("AWS/SQS", "QueueName"): "AWS::SQS::Queue",
    ("AWS/Lambda", "FunctionName"): "AWS::Lambda::Function",
    ("AWS/DynamoDB", "TableName"): "AWS::DynamoDB::Table",
}
LISTED = re.findall(r"^\| \[(\w+)\]\(#([a-z-]+)\)", RUNBOOK, flags=re.MULTILINE)
ALARMS = [name for name, _ in LISTED]
WITHOUT_ALARM = "write-budgets"  # a section for whoever asks why a load takes long


def by_name(template: Template, name: str = "ingest") -> dict[str, Any]:
    return {alarm["AlarmName"].removeprefix(f"{name}-"): alarm for alarm in alarms_of(template)}


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def sections() -> dict[str, str]:
    """Return the runbook's sections, one for each alarm, by anchor."""
    _, *parts = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)
    found = {anchor(part.partition("\n")[0]): part for part in parts}
    return {name: part for name, part in found.items() if name != WITHOUT_ALARM}


# --- the alarms


def test_the_runbook_lists_all_alarms_in_their_order(template: Template) -> None:
    assert len(ALARMS) >= 11
    assert list(by_name(template)) == ALARMS


def test_alarms_of_two_stages_have_different_names(synthesised: Synthesised) -> None:
    assert set(by_name(synthesised(Settings(name="ingest-test")), "ingest-test")) == set(ALARMS)


def test_every_alarm_has_its_section_in_the_runbook_and_every_section_its_alarm(template: Template) -> None:
    pointed_at = [alarm["AlarmDescription"].rpartition("docs/runbook.md#")[2] for alarm in alarms_of(template)]
    assert sorted(pointed_at) == sorted(sections())


def test_an_alarm_says_in_one_sentence_what_is_wrong(template: Template) -> None:
    for alarm in alarms_of(template):
        assert re.fullmatch(r"[A-Z][^.]+\. What to do: docs/runbook\.md#[a-z-]+", alarm["AlarmDescription"])
        assert len(alarm["AlarmDescription"]) <= 1024


@pytest.mark.parametrize("section", sections().values(), ids=sections())
def test_a_section_says_what_it_means_where_to_look_what_to_do_and_when_to_escalate(section: str) -> None:
    parts = re.findall(r"^\*\*(.+?)[.*]", section, flags=re.MULTILINE)
    wanted = ["What it means", "First look", "What to do", "When it is harmless", "Escalate"]
    assert [part for part in parts if part in wanted] == wanted
    assert "`" in section


def test_the_runbooks_list_and_links_point_at_its_sections() -> None:
    assert [pointed_at for _, pointed_at in LISTED] == list(sections())
    inside = set(re.findall(r"\]\(#([a-z-]+)\)", RUNBOOK))
    assert inside <= set(sections())


def test_an_alarm_notifies_the_topic_on_alarm_and_on_ok(template: Template) -> None:
    topic = template["Outputs"][Output.ALARM_TOPIC]["Value"]
    for name, alarm in by_name(template).items():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([topic], [topic])
        assert alarm.get("InsufficientDataActions") == ([topic] if name == "OldestFile" else None)


def test_missing_data_is_treated_as_decided(template: Template) -> None:
    decided = dict.fromkeys(ALARMS, "notBreaching") | {"DeadLetters": "ignore", "OldestFile": "missing"}
    assert {name: alarm["TreatMissingData"] for name, alarm in by_name(template).items()} == decided


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Alarms)])
def test_each_threshold_is_a_setting_that_changes_an_alarm(synthesised: Synthesised, name: str) -> None:
    other = {"mail": "ops@example.com", "stalled_minutes": 20, "throttled_minutes": 60}.get(name)
    changed = Alarms(**{name: other or getattr(Alarms(), name) + 1})
    before, after = synthesised(), synthesised(Settings(alarms=changed))
    watched = ("AWS::CloudWatch::Alarm", "AWS::SNS::Subscription")
    assert [of_kinds(before, watched) == of_kinds(after, watched)] == [False]


def of_kinds(template: Template, kinds: tuple[str, ...]) -> dict[str, Any]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] in kinds}


def test_a_function_that_works_until_it_hands_over_does_not_alarm(template: Template) -> None:
    settings, alarm = Settings(), by_name(template)["FunctionDuration"]
    hands_over_ms = 1000 * (settings.timeout_s - settings.stop_before_end_s)
    assert hands_over_ms < alarm["Threshold"] < 1000 * settings.timeout_s


def test_a_message_in_flight_until_the_timeout_does_not_alarm(template: Template) -> None:
    assert by_name(template)["OldestMessage"]["Threshold"] > Settings().timeout_s


# --- whom they notify


def topic_and_key(template: Template) -> tuple[Any, list[Any], list[Any]]:
    topic, policy, key = (
        next(iter(of_kinds(template, (kind,)).values()))["Properties"]
        for kind in ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::KMS::Key")
    )
    return topic, policy["PolicyDocument"]["Statement"], key["KeyPolicy"]["Statement"]


def test_the_topic_is_encrypted_with_a_key_that_alarms_may_use(template: Template) -> None:
    topic, _, about_key = topic_and_key(template)
    (key,) = of_kinds(template, ("AWS::KMS::Key",))
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    (allowed,) = [s for s in about_key if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(allowed["Action"])
    assert template["Resources"][key]["Properties"]["EnableKeyRotation"] is True


def test_only_alarms_of_this_account_may_publish_and_only_by_tls(template: Template) -> None:
    _, about_topic, about_key = topic_and_key(template)
    deny, allow = about_topic
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (allow["Effect"], allow["Action"]) == ("Allow", "sns:Publish")
    for statement in (allow, about_key[-1]):
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert text_of(statement["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":alarm:*")


def test_alarms_are_mailed_if_there_is_an_address(synthesised: Synthesised, template: Template) -> None:
    assert of_kinds(template, ("AWS::SNS::Subscription",)) == {}
    mailed = synthesised(Settings(alarms=Alarms(mail="ops@example.com")))
    ((_, subscription),) = of_kinds(mailed, ("AWS::SNS::Subscription",)).items()
    reported = subscription["Properties"]
    assert (reported["Protocol"], reported["Endpoint"]) == ("email", "ops@example.com")
    assert reported["TopicArn"] == mailed["Outputs"][Output.ALARM_TOPIC]["Value"]


# --- what is watched


def test_of_our_metrics_only_those_the_code_knows_are_watched_by_stack_or_by_a_feed(template: Template) -> None:
    names = set(Metric)
    ours = {metric for metric in watched(template) if metric.namespace == METRIC_NAMESPACE}
    assert {metric.name for metric in ours} <= names
    feeds = [((Dimension.FEED, feed), (Dimension.STACK, "ingest")) for feed in ("orders", "returns", "events", "old")]
    assert {metric.dimensions for metric in ours} == {((Dimension.STACK, "ingest"),), *feeds}


def test_of_aws_metrics_only_those_of_the_stacks_resources_are_watched(template: Template) -> None:
    for metric in {metric for metric in watched(template) if metric.namespace != METRIC_NAMESPACE}:
        (dimension, value), *_ = sorted(metric.dimensions, key=lambda pair: pair[0] == "GlobalSecondaryIndexName")
        kind = KINDS[metric.namespace, dimension]
        logical_id = value.removeprefix("${").partition(".")[0].removesuffix("}")
        if value != "Legacy":  # a table that exists already
            assert template["Resources"][logical_id]["Type"] == kind, metric


def groups(template: Template) -> list[list[Plot]]:
    """Return the lines of each widget, and of each alarm."""
    return [
        *(lines_of(widget["properties"]) for widget in widgets_of(template)),
        *map(lines_of_alarm, alarms_of(template)),
    ]


def test_every_name_in_an_expression_is_one_that_is_defined_beside_it(template: Template) -> None:
    for lines in groups(template):
        ids = [line.id for line in lines if line.id]
        assert len(ids) == len(set(ids))
        for line in lines:
            assert line.names() <= set(ids), line.expression


def test_whatever_is_only_there_for_an_expression_is_used_in_one(template: Template) -> None:
    for lines in groups(template):
        used = set().union(*(line.names() for line in lines))
        assert [line for line in lines if line.options.get("visible") is False and line.id not in used] == []


def test_a_metric_that_is_not_reported_would_be_found(template: Template) -> None:
    text = json.dumps(template).replace("FilesFailed", "FilesFaild")
    assert MetricName(METRIC_NAMESPACE, "FilesFaild", ((Dimension.STACK, "ingest"),)) in set(watched(json.loads(text)))


def test_metrics_a_short_run_does_not_emit_have_the_same_names_in_the_reporter() -> None:
    reported = [(one.stack, name) for one in reported_rarely("ingest") for name, value in one.values.items() if value]
    rare = {Metric.FILES_UNBALANCED, Metric.FILES_UNDONE, Metric.HAND_OVERS}
    rare |= {Metric.THROTTLED_BY_ACCOUNT, Metric.THROTTLED_BY_MAXIMUM, Metric.THROTTLED_BY_OTHER}
    assert {("ingest", name) for name in rare} <= set(reported)


# --- the dashboard


def test_the_page_is_read_from_top_to_bottom(template: Template) -> None:
    headings = [w for w in widgets_of(template) if w["type"] == "text"]
    titles = [w["properties"]["markdown"].partition("\n")[0] for w in headings]
    assert titles == [
        "## ingest: health", "## Lag", "## Throughput", "## Errors", "## Function", "## Cost", "## Log",
    ]  # fmt: skip
    assert [w["y"] for w in headings] == sorted(w["y"] for w in headings)
    assert all(len(w["properties"]["markdown"].partition("\n")[2]) > 40 for w in headings)


def test_widgets_neither_overlap_nor_leave_the_page(template: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets_of(template):
        cells = {
            (widget["x"] + across, widget["y"] + down)
            for across in range(widget["width"])
            for down in range(widget["height"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells


def test_the_page_begins_with_the_state_of_every_alarm(template: Template) -> None:
    shown = next(w for w in widgets_of(template) if w["type"] == "alarm")["properties"]["alarms"]
    assert shown == [f"${{{name}.Arn}}" for name in of_kinds(template, ("AWS::CloudWatch::Alarm",))]


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Prices)])
def test_each_price_is_a_setting_that_changes_the_dashboard(synthesised: Synthesised, name: str) -> None:
    changed = Prices(**{name: getattr(Prices(), name) * 2})
    assert widgets_of(synthesised()) != widgets_of(synthesised(Settings(prices=changed)))


def test_prices_are_written_as_metric_math_accepts_them(template: Template) -> None:
    expressions = [line.expression for lines in groups(template) for line in lines if line.expression]
    assert [text for text in expressions if re.search(r"\de-?\d", text)] == []
    assert any("0.000000625 * (" in text for text in expressions)


def test_the_dashboard_and_the_topic_can_be_found_by_the_stacks_outputs(template: Template) -> None:
    ((dashboard, _),) = of_kinds(template, ("AWS::CloudWatch::Dashboard",)).items()
    assert template["Outputs"][Output.DASHBOARD]["Value"] == {"Ref": dashboard}
    assert len(json.dumps(widgets_of(template))) < 100_000


def test_undone_files_stand_beside_failed_ones_as_both_leave_fewer_rows_than_were_dropped(template: Template) -> None:
    (names,) = (
        {line.metric.name for line in lines_of(widget["properties"]) if line.metric}
        for widget in widgets_of(template)
        if widget["properties"].get("title") == "Failed and undone files, dead letters"
    )
    assert {Metric.FILES_FAILED, Metric.FILES_UNDONE} <= names


def test_the_dashboard_has_a_line_for_each_write_budget_but_not_for_shares(synthesised: Synthesised) -> None:
    feeds = (
        '[feeds.a]\nprefix = "a/"\ntable = "Orders"\npartition_key = "id"\n'
        '[feeds.b]\nprefix = "b/"\ntable = "Legacy"\npartition_key = "id"\nexisting = true\n'
        '[tables.Orders]\nwrite_units = 2000\nhours = { "07-19" = 500 }\n[tables.Legacy]\nwrite_units = "60%"\n'
    )
    text = json.dumps(widgets_of(synthesised(feeds=feeds)))
    assert text.count("budget of Orders") == 2
    assert '"value": 500' in text
    assert "budget of Legacy" not in text
