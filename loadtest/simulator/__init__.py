"""A DynamoDB endpoint for tests and benchmarks: takes everything at full speed, or behaves as DynamoDB can.

`with Simulator() as simulator:` starts one; `Settings` says what it is to do.
"""

from loadtest.simulator.server import Simulator
from loadtest.simulator.settings import Fault, Faults, Key, Reason, Schedule, Settings, Simulation, Table
from loadtest.simulator.written_items import checksum

__all__ = ["Fault", "Faults", "Key", "Reason", "Schedule", "Settings"]
__all__ += ["Simulation", "Simulator", "Table", "checksum"]
