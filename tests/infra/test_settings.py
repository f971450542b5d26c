import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.alarm_settings import Alarms
from infra.price_settings import Prices
from infra.settings import Settings, read_settings
from ingest.errors import SettingsFault
from loadtest.scenarios.aws import STACK, STAGE

ROOT = Path(__file__).parents[2]


def refused(**wrong: Any) -> str:
    with pytest.raises(SettingsFault) as fault:
        read_settings({"test": wrong}, "test")
    return str(fault.value)


def test_every_stage_of_cdk_json_can_be_read() -> None:
    stages = json.loads((ROOT / "cdk.json").read_text())["context"]["stages"]
    assert read_settings(stages, "default") == Settings()
    local = read_settings(stages, "local")
    assert (local.timeout_s, local.retry_base_s, local.retry_cap_s, local.max_receive_count) == (60, 1, 2, 3)
    assert (local.keep_data, local.deletion_protection) == (False, False)
    assert read_settings(stages, STAGE).name == STACK


@pytest.mark.parametrize("struct", [Settings, Alarms, Prices])
def test_each_setting_has_a_description(struct: type[msgspec.Struct]) -> None:
    schema = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    assert [name for name, setting in schema.items() if len(setting.get("description", "")) < 20] == []


@pytest.mark.parametrize(
    ("wrong", "accepted"),
    [
        ({"timeout_s": 901}, "a whole number from 60 to 900"),
        ({"timeout_s": "60"}, "a whole number from 60 to 900"),
        ({"max_concurrency": 1}, "a whole number from 2 to 1,000"),
        ({"batch_size": 11}, "a whole number from 1 to 10"),
        ({"name": "Ingest"}, "1 to 128 lower-case letters"),
        ({"name": "x" * 129}, "1 to 128 lower-case letters"),
        ({"reconcile_minutes": 481}, "a whole number from 1 to 480"),
        ({"deletion_protection": "yes"}, "true or false"),
        ({"log_retention_days": 31}, "30, 60"),
        ({"retry_base_s": 60, "retry_cap_s": 30}, "at least retry_base_s, 60"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_accepted(wrong: dict[str, Any], accepted: str) -> None:
    sentence = refused(**wrong)
    name, value = list(wrong.items())[-1]
    assert f"`stages.test.{name}` = {value!r} is wrong: accepted is" in sentence
    assert accepted in sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"oldest_message_s": 900}, "oldest_message_s` = 900 is wrong: an in-flight message counts"),
        ({"oldest_file_s": 3600}, "oldest_file_s` = 3600 is wrong: stuck work is requeued after stuck_s"),
        ({"reject_percent": 0}, "reject_percent` = 0 is wrong: accepted is a number, more than 0 and at most 100"),
        ({"mail": "ops"}, "mail` = 'ops' is wrong: accepted is a mail address"),
        ({"stalled_minutes": 7}, "stalled_minutes` = 7 is wrong: accepted is a multiple of 5 from 5 to 1,440"),
    ],
)
def test_a_wrong_threshold_is_refused_by_its_whole_name(wrong: dict[str, Any], sentence: str) -> None:
    assert f"`stages.test.alarms.{sentence}" in refused(alarms=wrong)


def test_sections_in_a_stage_are_read_as_such() -> None:
    reported = {"alarms": {"mail": "ops@example.com"}, "prices": {"write_units_per_million": 0.7}}
    settings = read_settings({"test": reported}, "test")
    assert (settings.alarms.mail, settings.prices.write_units_per_million) == ("ops@example.com", 0.7)
    assert "unknown field `stages.test.prices.gold`" in refused(prices={"gold": 1})
    assert "`stages.test.alarms` = 3 is wrong: it must be a section" in refused(alarms=3)


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    assert (
        "unknown field `stages.test.memory` (did you mean 'memory_mb'?); accepted there: name, memory_mb,"
        in refused(memory=1)
    )


def test_a_stage_that_is_not_a_section_is_refused() -> None:
    with pytest.raises(SettingsFault, match=r"cdk\.json: `stages\.test` = 3 is wrong: it must be a section"):
        read_settings({"test": 3}, "test")


@pytest.mark.parametrize("stages", [None, {"default": {}, "local": {}}])
def test_an_unknown_stage_is_refused_with_the_known_ones(stages: dict[str, Any] | None) -> None:
    with pytest.raises(SettingsFault, match=r"Stage 'prod' does not exist; cdk\.json has: (none|default, local)"):
        read_settings(stages, "prod")
