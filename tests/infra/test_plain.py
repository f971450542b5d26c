"""The template that needs no CDK: the same stack, code and what is changed most often given as parameters."""

import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra import bundle
from infra.alarm_settings import Alarms
from infra.existing import Existing
from infra.plain.__main__ import MAX_BYTES, Written, commands, write
from infra.plain.parameters import PARAMETERS
from infra.plain.readable_yaml import as_yaml
from infra.plain.template import MAIL, plain_template
from infra.settings import Settings, read_settings
from ingest import contract
from ingest.errors import SettingsFault
from ingest.feeds.parse import parse_feeds
from tests.infra.conftest import FEEDS
from tests.infra.plain_yaml import long_form

Template = dict[str, Any]
ROOT = Path(__file__).parents[2]
EXISTING = Settings(existing=Existing(landing_bucket="their-drops", notified_by="s3"))


@pytest.fixture(scope="module")
def plain() -> Template:
    return plain_template(Settings(), parse_feeds(FEEDS))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(tmp_path_factory.mktemp("dist"), feeds=ROOT / "feeds.toml")


def only(template: Template, kind: str) -> Any:
    (found,) = [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]
    return found


# --- the same stack


@pytest.mark.parametrize("settings", [Settings(), EXISTING, Settings(keep_data=False)])
def test_it_makes_what_the_cdk_makes_under_the_same_names_so_that_one_can_follow_the_other(
    synthesised: Callable[..., Template], settings: Settings
) -> None:
    kinds = [
        {name: (r["Type"], r.get("DeletionPolicy")) for name, r in template["Resources"].items() if name != MAIL}
        for template in (synthesised(settings), plain_template(settings, parse_feeds(FEEDS)))
    ]
    assert kinds[0] == kinds[1]


def test_a_stack_named_as_the_stage_with_its_landing_bucket_has_the_very_same_resources(
    synthesised: Callable[..., Template], plain: Template
) -> None:
    """Put the defaults and both names in place of the references, and nothing but the code is different."""
    made = without_code(synthesised()["Resources"])
    found = without_code(filled_in(plain, "ingest")["Resources"])
    assert found.pop(MAIL)["Condition"] == "MailsAlarms"
    assert found == json.loads(json.dumps(made))


def without_code(resources: Any) -> Any:
    kept = {name: {**resource} for name, resource in resources.items()}
    for resource in kept.values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"] = {k: v for k, v in resource["Properties"].items() if k != "Code"}
    return {name: joined(resource) for name, resource in kept.items()}


def filled_in(template: Template, name: str) -> Any:
    given = {p: v for p, v in template["Parameters"].items() if "Default" in v}
    values = {p: int(v["Default"]) if v["Type"] == "Number" else v["Default"] for p, v in given.items()}
    landing = {"Fn::Join": ["", [f"{name}-landing-", {"Ref": "AWS::AccountId"}, "-", {"Ref": "AWS::Region"}]]}
    values |= {"AWS::StackName": name, "LandingBucketName": landing}
    conditions = {"HasCodeVersion": False, "NamesLandingBucket": True, "ProtectsTables": True}

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"} and value["Ref"] in values:
            return values[value["Ref"]]
        if set(value) == {"Fn::If"}:
            condition, yes, no = value["Fn::If"]
            return fill(yes if conditions[condition] else no)
        return {key: fill(inside) for key, inside in value.items()}

    return fill(template)


def joined(value: Any) -> Any:
    """Return a value with its joins as lists of pieces, neighbouring texts as one: however they were written."""
    if isinstance(value, list):
        return [joined(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"Fn::Join"}:
        return {key: joined(inside) for key, inside in value.items()}
    chunks: list[Any] = []
    for part in value["Fn::Join"][1]:
        inside = joined(part)
        for each in inside["pieces"] if isinstance(inside, dict) and "pieces" in inside else [inside]:
            chunk = str(each) if isinstance(each, int) else each  # a number in the middle of a text
            if chunks and isinstance(chunk, str) and isinstance(chunks[-1], str):
                chunks[-1] += chunk
            elif chunk != "":
                chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 and isinstance(chunks[0], str) else {"pieces": chunks}


# --- without the CDK


def test_nothing_of_the_cdk_is_needed_to_deploy_it(plain: Template) -> None:
    assert "Rules" not in plain
    assert "BootstrapVersion" not in plain["Parameters"]
    kinds = {resource["Type"] for resource in plain["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith(("Custom::", "AWS::CloudFormation::", "AWS::CDK"))]
    text = json.dumps(plain)
    assert "cdk" not in text.lower()
    # What is left of a reference that went through arithmetic or `str`.
    assert "Token[" not in text
    assert "e+289" not in text


def test_the_function_takes_its_code_from_the_parameters(plain: Template) -> None:
    code = only(plain, "AWS::Lambda::Function")["Code"]
    assert (code["S3Bucket"], code["S3Key"]) == ({"Ref": "CodeBucket"}, {"Ref": "CodeKey"})
    assert code["S3ObjectVersion"]["Fn::If"][1:] == [{"Ref": "CodeVersion"}, {"Ref": "AWS::NoValue"}]


def test_the_stack_is_called_what_cloudformation_is_reported(plain: Template) -> None:
    variables = only(plain, "AWS::Lambda::Function")["Environment"]["Variables"]
    assert variables[contract.Env.STACK] == {"Ref": "AWS::StackName"}


# --- the parameters


def test_two_parameters_must_be_given_and_all_others_are_what_the_stage_says() -> None:
    settings = Settings(memory_mb=3008, max_concurrency=7, log_retention_days=90, deletion_protection=False)
    parameters = plain_template(settings, parse_feeds(FEEDS))["Parameters"]
    found = {name: parameter.get("Default") for name, parameter in parameters.items()}
    assert found == {
        "CodeBucket": None,
        "CodeKey": None,
        "CodeVersion": "",
        "MemoryMb": 3008,
        "MaxConcurrency": 7,
        "LogRetentionDays": "90",
        "AlarmMail": "",
        "DeletionProtection": "false",
        "LandingBucketName": "",
    }


def test_parameters_accept_what_the_settings_of_the_same_meaning_accept(plain: Template) -> None:
    for parameter in PARAMETERS:
        reported = plain["Parameters"][parameter.name]
        assert len(reported["Description"]) > 20
        for bound, step in (("MinValue", -1), ("MaxValue", 1)):
            if bound in reported:
                read_settings({"t": {parameter.setting: reported[bound]}}, "t")
                with pytest.raises(SettingsFault):
                    read_settings({"t": {parameter.setting: reported[bound] + step}}, "t")


def test_every_parameter_is_used(plain: Template) -> None:
    used = json.dumps([plain["Resources"], plain["Conditions"]])
    assert [name for name in plain["Parameters"] if f'{{"Ref": "{name}"}}' not in used] == []
    shown = [
        name for g in plain["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"] for name in g["Parameters"]
    ]
    assert sorted(shown) == sorted(plain["Parameters"])


def test_alarms_are_mailed_to_the_address_that_is_given_and_to_the_stages_by_default(plain: Template) -> None:
    mail = only(plain, "AWS::SNS::Subscription")
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", {"Ref": "AlarmMail"})
    assert "Fn::Not" in plain["Conditions"]["MailsAlarms"]
    settings = Settings(alarms=Alarms(mail="ops@example.com"))
    template = plain_template(settings, parse_feeds(FEEDS))
    assert template["Parameters"]["AlarmMail"]["Default"] == "ops@example.com"
    assert only(template, "AWS::SNS::Subscription") == mail


def test_an_existing_bucket_needs_no_name() -> None:
    template = plain_template(EXISTING, parse_feeds(FEEDS))
    assert "LandingBucketName" not in template["Parameters"]
    assert "NamesLandingBucket" not in template["Conditions"]


# --- as text


def test_short_forms_say_what_the_long_ones_said(plain: Template) -> None:
    assert without_subs(long_form(as_yaml(plain))) == json.loads(json.dumps(joined(plain)))


def without_subs(value: Any) -> Any:
    """Return a template with Sub as the pieces it is made of, as `joined` gives them."""
    if isinstance(value, list):
        return [without_subs(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::Sub"}:
        return joined({"Fn::Join": ["", list(chunks(value["Fn::Sub"]))]})
    return joined({key: without_subs(inside) for key, inside in value.items()})


def chunks(text: str) -> Any:
    head, *rest = text.split("${")
    yield head
    for part in rest:
        name, _, tail = part.partition("}")
        if name.startswith("!"):
            yield f"${{{name[1:]}}}{tail}"
            continue
        yield {"Fn::GetAtt": name.split(".", 1)} if "." in name else {"Ref": name}
        yield tail


def test_text_with_a_dollar_and_a_brace_stays_text() -> None:
    template = {"Resources": {"A": {"Fn::Join": ["", ["${x}/", {"Ref": "B"}]]}}}
    assert "!Sub ${!x}/${B}" in as_yaml(template).replace("'", "")


def test_it_can_be_read(written: Written) -> None:
    lines = written.template.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# Loads CSV files from S3 into DynamoDB.")
    # The dashboard is one line of JSON, for CloudWatch only.
    assert [line for line in lines if len(line) > 160 and not line.strip().startswith('{"')] == []
    assert "Fn::" not in "\n".join(lines)
    assert "&id" not in "\n".join(lines)


def test_cfn_lint_finds_nothing(written: Written) -> None:
    config = ManualArgs(regions=["us-east-1", "eu-central-1"], ignore_checks=["W3005"])
    assert [str(match) for match in lint(written.template.read_text(encoding="utf-8"), config=config)] == []


# --- the files


def test_template_and_zip_are_as_small_as_cloudformation_and_lambda_want(written: Written) -> None:
    assert written.template.stat().st_size < MAX_BYTES
    assert bundle.sizes_mb(written.code)[0] < bundle.MAX_ZIPPED_MB


def test_the_zip_is_the_one_for_lambda_with_the_feeds_in_it(written: Written) -> None:
    with zipfile.ZipFile(written.code) as archive:
        assert archive.read(contract.FEEDS_FILE) == (ROOT / "feeds.toml").read_bytes()
        assert [name for name in archive.namelist() if "cpython-314-aarch64" in name]


def test_other_code_has_another_key_and_the_same_code_the_same(written: Written, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.toml"
    feeds.write_text((ROOT / "feeds.toml").read_text() + "# another\n")
    out, names = tmp_path / "dist", []
    for given in (ROOT / "feeds.toml", feeds):
        made = write(out, feeds=given)
        assert [path.name for path in out.glob("*.zip")] == [made.code.name]
        names.append(made.code.name)
    assert names[0] == written.code.name != names[1]


def test_it_shows_the_commands_that_deploy_this_code(written: Written) -> None:
    lines = commands(written).replace("\\\n", "").splitlines()
    upload, deploy = (shlex.split(line) for line in lines[-2:])
    assert upload[:3] == ["aws", "s3", "cp"]
    assert Path(upload[3]).exists()
    assert upload[4] == f"s3://$BUCKET/{written.code.name}"
    assert deploy[deploy.index("--s3-bucket") + 1] == "$BUCKET"
    assert deploy[-2:] == ["CodeBucket=$BUCKET", f"CodeKey={written.code.name}"]


def test_an_unknown_stage_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="Stage 'nowhere' does not exist"):
        write(tmp_path / "dist", stage="nowhere", feeds=ROOT / "feeds.toml")
    assert not (tmp_path / "dist").exists()
