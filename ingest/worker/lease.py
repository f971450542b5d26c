"""Leases: kept by heartbeats during the work, with the deadlines at which the work must stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.errors import LeaseLost, OutOfTime
from ingest.ledger.claims import LeaseToken, Looked
from ingest.ledger.work_item import Checkpoint, SegmentPlan, WorkItem
from ingest.worker.ports import Services

ABANDON_BEFORE_END_S = 10.0  # a block under way is abandoned then, which leaves enough time to put the work back


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease lasts and how often work is saved, in seconds.

    `lease_s`: a lease expires this long after its worker last renewed it. `checkpoint_s`: the least time between two
    checkpoints. `within_block_s`: after this long without one, a checkpoint is saved within a block.
    `stop_before_end_s`: nothing new is begun when the function has less time left than this.
    """

    lease_s: float = 60.0
    checkpoint_s: float = 5.0
    within_block_s: float = 15.0
    stop_before_end_s: float = 45.0


class Lease:
    """Holds the lease on some work. Whatever is busy with the work calls `heartbeat` continually."""

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
        """Renew the lease and extend the messages' visibility timeout when a third of the lease is over.

        Raises:
            LeaseLost: another worker has taken the work over.
            OutOfTime: the function is about to be stopped.
        """
        if self._clock.now_s() > self._deadline_s - ABANDON_BEFORE_END_S:
            raise OutOfTime("The function's time ended within a block; it goes on at the last checkpoint.")
        if self._clock.monotonic_s() - self._renewed_s >= self._timing.lease_s / 3:
            self._leases.renew(self._work, self._longer())

    def before_block(self) -> None:
        """Check that the function has time for another block.

        Raises:
            LeaseLost, OutOfTime: as `heartbeat`; also when the function's time ends soon.
        """
        if self._clock.now_s() > self._deadline_s - self._timing.stop_before_end_s:
            raise OutOfTime("The function's time ends before the file does; it goes on at the last checkpoint.")
        self.heartbeat()

    def save(self, checkpoint: Checkpoint) -> bool:
        """Save a checkpoint if the last one is at least `checkpoint_s` old; return whether it was saved.

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
        """Whether a checkpoint should be saved within a block: the last is at least `within_block_s` old."""
        return self._clock.monotonic_s() - self._saved_s >= self._timing.within_block_s

    def save_plan(self, plan: SegmentPlan) -> None:
        """Save how far a file is split.

        Raises:
            LeaseLost: another worker has taken the work over.
        """
        self._leases.save_plan(self._work.file, self._longer(), plan)

    def _longer(self) -> LeaseToken:
        """Return the extended lease. Its time runs from now, before it is written."""
        self._renewed_s = self._clock.monotonic_s()
        self.token = replace(self.token, until_s=self._clock.now_s() + self._timing.lease_s)
        self._keep_messages()
        return self.token


class TimeIsUpError(Exception):
    """The function's time is nearly over: the rest of the work goes on in another invocation."""


class Turn:
    """The lease on the reconciler, which one worker holds at a time and renews during its run.

    `keep` hides the worker's message for as long as the lease lasts: if the worker is killed, both expire soon.
    """

    def __init__(
        self, services: Services, token: LeaseToken, *, lease_s: float, end_s: float, keep: Callable[[], None]
    ) -> None:
        self._leases = services.ledger.leases
        self._clock = services.clock
        self._token = token
        self._lease_s = lease_s
        self._end_s = end_s
        self._keep = keep
        self._renewed_s = float("-inf")

    def take(self) -> Looked | None:
        """Return how far objects have been looked for; None if another worker holds the lease."""
        self._renewed_s = self._clock.monotonic_s()
        self._token = replace(self._token, until_s=self._clock.now_s() + self._lease_s)
        return self._leases.take_turn(self._token)

    def go_on(self) -> None:
        """Renew the lease if it is time.

        Raises:
            LeaseLost: another worker has taken it.
            TimeIsUpError: nothing more may be begun.
        """
        if self._clock.now_s() >= self._end_s:
            raise TimeIsUpError
        if self._clock.monotonic_s() - self._renewed_s >= self._lease_s / 3:
            self._keep()
            if self.take() is None:
                raise LeaseLost("Another run of the reconciler has taken over.")

    def end(self, looked: Looked | None) -> None:
        """Release the lease; `looked` is how far objects have been looked for now."""
        self._leases.end_turn(self._token, looked)
