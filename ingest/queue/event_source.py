"""Whether the function takes messages from its queue: the event source mapping, switched off and on."""

from typing import TYPE_CHECKING, Any, Protocol

from ingest.aws.errors import aws_call
from ingest.errors import SettingsFault, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ON, OFF = "Enabled", "Disabled"
LOOK_S = 1.0
PATIENCE_S = 180.0  # AWS takes some 10 to 60 s


class PollingClock(Protocol):
    """What waiting needs of a clock."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class EventSource:
    """Switches a function's one mapping."""

    def __init__(self, *, client: "LambdaClient", function: str, clock: PollingClock) -> None:
        self._client = client
        self._function = function
        self._clock = clock

    def switch(self, *, on: bool) -> bool:
        """Return when the mapping is on, or off; the answer is whether it was otherwise before.

        Raises:
            SettingsFault: the function has not exactly one mapping.
            Unavailable: it took too long; it may happen yet.
        """
        wanted, until_s = ON if on else OFF, self._clock.monotonic_s() + PATIENCE_S
        mapping = self._settled(self._mapping(), until_s)
        if mapping["State"] == wanted:
            return False
        with aws_call(self._what):
            mapping = self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        while mapping["State"] != wanted:
            mapping = self._look_again(mapping, until_s)
        return True

    def state(self) -> str:
        """Return what AWS says of the mapping: Enabled, Disabled, or on its way; - if there is none."""
        mappings = self._mappings()
        return str(mappings[0].get("State", "-")) if mappings else "-"

    @property
    def _what(self) -> str:
        return f"switching the queue's mapping of the function {self._function}"

    def _mappings(self) -> Any:
        with aws_call(f"looking for the mapping of the function {self._function}"):
            return self._client.list_event_source_mappings(FunctionName=self._function)["EventSourceMappings"]

    def _mapping(self) -> Any:
        found = self._mappings()
        if len(found) != 1:
            raise SettingsFault(
                f"The function {self._function} has {len(found)} event source mappings instead of one; deploy the "
                "stack again."
            )
        return found[0]

    def _settled(self, mapping: Any, until_s: float) -> Any:
        """Return the mapping when no other change of it is under way: AWS refuses two at a time."""
        while mapping["State"] not in (ON, OFF):
            mapping = self._look_again(mapping, until_s)
        return mapping

    def _look_again(self, mapping: Any, until_s: float) -> Any:
        if self._clock.monotonic_s() >= until_s:
            raise Unavailable(
                f"The mapping of the function {self._function} is still {mapping['State']} after {PATIENCE_S:.0f} s; "
                "look again in a moment."
            )
        self._clock.sleep(LOOK_S)
        with aws_call(self._what):
            return self._client.get_event_source_mapping(UUID=mapping["UUID"])
