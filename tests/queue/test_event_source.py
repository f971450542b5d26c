"""The event source mapping, switched: AWS takes its time, and refuses two changes at once."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.errors import AccessDenied, SettingsFault, Unavailable
from ingest.queue.operating import EventSource
from tests.support.fakes import ScriptedClock


class FakeLambda:
    """A function's mapping that goes through states, one a look."""

    def __init__(self, *states: str, mappings: int = 1) -> None:
        self.states = list(states)
        self.asked: list[bool] = []
        self.then: dict[bool, list[str]] = {True: ["Enabling", "Enabled"], False: ["Disabling", "Disabled"]}
        self._mappings = mappings

    def list_event_source_mappings(self, FunctionName: str) -> Any:
        return {"EventSourceMappings": [self._look()] * self._mappings}

    def get_event_source_mapping(self, UUID: str) -> Any:
        return self._look()

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> Any:
        assert self.states[0] in ("Enabled", "Disabled"), "AWS refuses"
        self.asked.append(Enabled)
        self.states = self.then[Enabled]
        return self._look()

    def _look(self) -> Any:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"UUID": "u", "State": state}


def event_source(client: Any) -> EventSource:
    return EventSource(client=client, function="Loader", clock=ScriptedClock())


def test_the_state_of_the_mapping_is_reported() -> None:
    assert event_source(FakeLambda("Disabled")).state() == "Disabled"
    assert event_source(FakeLambda("Disabled", mappings=0)).state() == "-"


@pytest.mark.parametrize("on", [True, False])
def test_it_is_switched_and_waited_for(on: bool) -> None:
    client = FakeLambda("Disabled" if on else "Enabled")
    assert event_source(client).switch(on=on)
    assert (client.asked, client.states) == ([on], ["Enabled" if on else "Disabled"])


def test_what_is_so_already_is_left_alone() -> None:
    client = FakeLambda("Disabled")
    assert not event_source(client).switch(on=False)
    assert client.asked == []


def test_a_change_under_way_is_waited_for() -> None:
    client = FakeLambda("Updating", "Enabling", "Enabled")
    assert event_source(client).switch(on=False)
    assert client.asked == [False]


def test_what_takes_too_long_is_reported_of() -> None:
    client = FakeLambda("Enabled")
    client.then[False] = ["Disabling"]
    with pytest.raises(Unavailable, match="Loader is still Disabling after 180 s"):
        event_source(client).switch(on=False)


@pytest.mark.parametrize("count", [0, 2])
def test_a_function_without_its_one_mapping_is_refused(count: int) -> None:
    with pytest.raises(SettingsFault, match=f"has {count} event source mappings instead of one"):
        event_source(FakeLambda("Enabled", mappings=count)).switch(on=True)


def test_an_error_of_aws_is_reported_as_ours() -> None:
    class Denied(FakeLambda):
        def list_event_source_mappings(self, FunctionName: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "List")

    with pytest.raises(AccessDenied, match="while looking for the mapping of the function Loader"):
        event_source(Denied("Enabled")).switch(on=True)
