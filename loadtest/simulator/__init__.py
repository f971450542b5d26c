"""A DynamoDB endpoint for tests and benchmarks: accepts everything at full speed, or simulates limits and faults.

`with Simulator() as simulator:` starts one; `Settings` configures it.
"""

from loadtest.simulator.server import Simulator
from loadtest.simulator.settings import Fault, Faults, Key, Reason, Schedule, Settings, Simulation, Table
from loadtest.simulator.written_items import checksum

__all__ = ["Fault", "Faults", "Key", "Reason", "Schedule", "Settings"]
__all__ += ["Simulation", "Simulator", "Table", "checksum"]
