"""A lease, kept while the worker sends heartbeats; and when to stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.errors import LeaseLost, OutOfTime
from ingest.ledger.claims import LeaseToken, Looked
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


class TimeIsUpError(Exception):
    """The function is about to be stopped: what is left goes on in another."""


class Turn:
    """The right to run the reconciler, which one worker has at a time, renewed while it works.

    `keep` hides its message for longer, as long as the lease holds: of a worker that is killed both run out soon.
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
        """Return how far objects were looked for; None if another has the turn."""
        self._renewed_s = self._clock.monotonic_s()
        self._token = replace(self._token, until_s=self._clock.now_s() + self._lease_s)
        return self._leases.take_turn(self._token)

    def go_on(self) -> None:
        """Keep the turn, if it is time.

        Raises:
            LeaseLost: another has taken it.
            TimeIsUpError: nothing more may be begun.
        """
        if self._clock.now_s() >= self._end_s:
            raise TimeIsUpError
        if self._clock.monotonic_s() - self._renewed_s >= self._lease_s / 3:
            self._keep()
            if self.take() is None:
                raise LeaseLost("Another run of the reconciler has taken over.")

    def end(self, looked: Looked | None) -> None:
        """Let others have it; `looked` is how far objects were looked for now."""
        self._leases.end_turn(self._token, looked)
