"""A DynamoDB endpoint for tests and benchmarks: takes everything at full speed, or behaves as DynamoDB can.

`with Sink() as sink:` starts one; `Settings` says what it is to do.
"""

from loadtest.sink.capacity import Reason, Simulation
from loadtest.sink.faults import Fault, Faults
from loadtest.sink.server import Sink
from loadtest.sink.settings import Key, Latency, Settings, Table
from loadtest.sink.truth import checksum

__all__ = ["Fault", "Faults", "Key", "Latency", "Reason", "Settings", "Simulation", "Sink", "Table", "checksum"]
