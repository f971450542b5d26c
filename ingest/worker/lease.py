"""A lease, kept while the worker sends heartbeats; and when to stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.errors import OutOfTime
from ingest.ledger.claims import LeaseToken
from ingest.ledger.work_item import Checkpoint, SegmentPlan, WorkItem
from ingest.worker.ports import Services

ABANDON_BEFORE_END_S = 10.0  # a block under way is given up: enough is left to put the work back


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease holds, and how often work is saved, in seconds.

    `lease_s`: a lease runs out this long after its worker renewed it last. `checkpoint_s`: least time between two
    checkpoints. `within_block_s`: as long is a table written to before a checkpoint is saved within a block.
    `stop_before_end_s`: nothing new is begun when the function has less time left.
    """

    lease_s: float = 60.0
    checkpoint_s: float = 5.0
    within_block_s: float = 15.0
    stop_before_end_s: float = 45.0


class Lease:
    """Holds the lease on some work: `heartbeat` is called all the time, by whatever is busy with it."""

    def __init__(
        self,
        work: WorkItem,
        token: LeaseToken,
        services: Services,
        *,
        timing: Timing,
        deadline_s: float,
        keep_messages: Callable[[], None],
    ) -> None:
        self.token = token
        self._work = work
        self._leases = services.ledger.leases
        self._timing = timing
        self._deadline_s = deadline_s
        self._clock = services.clock
        self._keep_messages = keep_messages
        self._renewed_s = self._saved_s = self._clock.monotonic_s()

    def heartbeat(self) -> None:
        """Renew the lease, and keep the messages hidden, when a third of their time is over.

        Raises:
            LeaseLost: another worker has taken the work over.
            OutOfTime: the function is about to be stopped.
        """
        if self._clock.now_s() > self._deadline_s - ABANDON_BEFORE_END_S:
            raise OutOfTime("The function's time ended within a block; it goes on at the last checkpoint.")
        if self._clock.monotonic_s() - self._renewed_s >= self._timing.lease_s / 3:
            self._leases.renew(self._work, self._longer())

    def before_block(self) -> None:
        """Check that there is time for more.

        Raises:
            LeaseLost, OutOfTime: as `heartbeat`; also when the function's time ends soon.
        """
        if self._clock.now_s() > self._deadline_s - self._timing.stop_before_end_s:
            raise OutOfTime("The function's time ends before the file does; it goes on at the last checkpoint.")
        self.heartbeat()

    def save(self, checkpoint: Checkpoint) -> bool:
        """Save a checkpoint if the last one is old enough; return whether it was.

        Raises:
            LeaseLost: another worker has taken the work over.
        """
        if self._clock.monotonic_s() - self._saved_s < self._timing.checkpoint_s:
            return False
        self._leases.save(self._work, self._longer(), checkpoint)
        self._saved_s = self._clock.monotonic_s()
        return True

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether a checkpoint is to be saved within a block: the last one is that old."""
        return self._clock.monotonic_s() - self._saved_s >= self._timing.within_block_s

    def save_plan(self, plan: SegmentPlan) -> None:
        """Save how far a file is split.

        Raises:
            LeaseLost: another worker has taken the work over.
        """
        self._leases.save_plan(self._work.file, self._longer(), plan)

    def _longer(self) -> LeaseToken:
        """Return the lease from now on. It counts from before it is written."""
        self._renewed_s = self._clock.monotonic_s()
        self.token = replace(self.token, until_s=self._clock.now_s() + self._timing.lease_s)
        self._keep_messages()
        return self.token
