"""The stack as one template that needs no CDK, with parameters for the code and the most common settings."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from aws_cdk import (
    Acknowledgment,
    App,
    Aws,
    CfnCondition,
    CfnParameter,
    CfnResource,
    DefaultStackSynthesizer,
    Fn,
    Stack,
    Token,
    Validations,
)
from aws_cdk import aws_sns as sns

from infra.names import landing_name_of_any_stack
from infra.plain.parameters import Parameter, parameters
from infra.settings import Settings
from infra.stack import IngestStack
from ingest.feeds.feed import Feeds

ID = "Pipeline"
NO_VERSION = "CloudFormation-Validate::F3033"  # the CDK validates the parameters' defaults and ignores AWS::NoValue
HAS_VERSION = "HasCodeVersion"
NAMES_BUCKET = "NamesLandingBucket"
PROTECTS = "ProtectsTables"
MAILS, MAIL = "MailsAlarms", "AlarmMailSubscription"


def plain_template(settings: Settings, feeds: Feeds) -> dict[str, Any]:
    """Return the template of a stage: the resources that `cdk deploy` creates, with the same logical ids.

    Settings from which others are computed (the function's timeout) cannot be parameters, nor can those that a
    template must state literally (whether data is retained). The stack's name is the one given to CloudFormation.
    """
    with tempfile.TemporaryDirectory() as folder:
        synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
        app = App(outdir=folder, default_stack_synthesizer=synthesizer, analytics_reporting=False)
        stack = IngestStack(app, ID, settings=_with_parameters(settings), feeds=feeds, code=_no_code(Path(folder)))
        _declare(stack, settings)
        _set_function_by_parameters(stack)
        _let_parameters_protect(stack)
        _let_parameters_mail(stack)
        app.synth()
        template: dict[str, Any] = json.loads((Path(folder) / f"{ID}.template.json").read_bytes())
    return template


def _with_parameters(settings: Settings) -> Settings:
    """Return the settings with references in place of values, which works where the CDK code does not calculate with
    them. Memory is not a reference, because costs are calculated from it."""
    default = landing_name_of_any_stack()
    named = Token.as_string(Fn.condition_if(NAMES_BUCKET, Fn.ref("LandingBucketName"), default))
    return msgspec.structs.replace(
        settings,
        name=Aws.STACK_NAME,
        alarms=msgspec.structs.replace(settings.alarms, mail=None),  # see `_let_parameters_mail`
        landing_bucket_name=None if settings.existing.landing_bucket else named,
        max_concurrency=_number("MaxConcurrency"),
        log_retention_days=_number("LogRetentionDays"),
    )


def _number(parameter: str) -> Any:
    return Token.as_number({"Ref": parameter})


def _declare(stack: Stack, settings: Settings) -> None:
    wanted = parameters(settings)
    for parameter in wanted:
        CfnParameter(stack, parameter.name, **parameter.properties(settings))
    CfnCondition(stack, HAS_VERSION, expression=_is_given("CodeVersion"))
    CfnCondition(stack, PROTECTS, expression=Fn.condition_equals(Fn.ref("DeletionProtection"), "true"))
    CfnCondition(stack, MAILS, expression=_is_given("AlarmMail"))
    if not settings.existing.landing_bucket:
        CfnCondition(stack, NAMES_BUCKET, expression=_is_given("LandingBucketName"))
    stack.add_metadata("AWS::CloudFormation::Interface", {"ParameterGroups": list(_groups(wanted))})


def _groups(wanted: list[Parameter]) -> Iterator[dict[str, Any]]:
    """Yield the groups in which the console shows the parameters."""
    for label in dict.fromkeys(parameter.group for parameter in wanted):
        names = [parameter.name for parameter in wanted if parameter.group == label]
        yield {"Label": {"default": label}, "Parameters": names}


def _is_given(parameter: str) -> Any:
    return Fn.condition_not(Fn.condition_equals(Fn.ref(parameter), ""))


def _no_code(folder: Path) -> Path:
    """Return a placeholder for the zip that the stack requires; the template refers to another one."""
    path = folder / "none.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("none", "")
    return path


def _set_function_by_parameters(stack: IngestStack) -> None:
    version = {"Fn::If": [HAS_VERSION, {"Ref": "CodeVersion"}, {"Ref": "AWS::NoValue"}]}
    code = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}, "S3ObjectVersion": version}
    function = stack.worker.function.node.default_child
    assert isinstance(function, CfnResource)
    function.add_property_override("Code", code)
    function.add_property_override("MemorySize", {"Ref": "MemoryMb"})
    Validations.of(function).acknowledge(
        Acknowledgment(id=NO_VERSION, reason="Without a version id the property is left out.")
    )


def _let_parameters_protect(stack: IngestStack) -> None:
    for construct in stack.node.find_all():
        if isinstance(construct, CfnResource) and construct.cfn_resource_type == "AWS::DynamoDB::Table":
            construct.add_property_override("DeletionProtectionEnabled", {"Fn::If": [PROTECTS, True, False]})


def _let_parameters_mail(stack: IngestStack) -> None:
    topic = stack.monitoring.topic.topic_arn
    mail = sns.CfnSubscription(stack, MAIL, topic_arn=topic, protocol="email", endpoint=Fn.ref("AlarmMail"))
    mail.add_override("Condition", MAILS)
