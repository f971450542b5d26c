"""Workers as threads of which one runs at a time. Each call to an edge is a point where a schedule may interfere."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from ingest.errors import Throttled, Unavailable

LAST = 9  # a worker that sleeps until nothing else is left to do
MOST_POINTS = 20_000


class Kind(StrEnum):
    """What may happen at a point."""

    SWITCH = "another worker runs first"
    KILL = "the worker is gone for good"
    PASS = "time passes"
    FAIL = "the call fails, or its answer is lost"
    AGAIN = "a message is delivered although somebody has it"
    NOTIFY = "a notification is delivered again, late"
    OVERWRITE = "a newer version is written"
    LOSE = "a message is lost"
    RECONCILE = "the schedule wakes the reconciler"
    GIVE_UP = "a file is given up, as one that no one could finish"
    DEPLOY = "other settings are deployed: workers that begin from now on have them"
    RETRY = "an operator has a file loaded again, and may be cut off meanwhile"
    UNDO = "an operator undoes a file, and may be cut off meanwhile, or looks and confirms later"


@dataclass(frozen=True, slots=True)
class Act:
    """Interfere `gap` points after the last time; what `arg` chooses depends on the kind."""

    gap: int
    kind: Kind
    arg: int = 0


class KilledError(BaseException):
    """Ends a worker as SIGKILL does: nothing of ours may catch it."""


class Runner:
    """One worker. `asleep` is how many others end before it goes on; `deadline_s` is when the function is stopped."""

    def __init__(self, name: str, task: Callable[[], None], deadline_s: float) -> None:
        self.name = name
        self.deadline_s = deadline_s
        self.asleep = 0
        self.is_done = self.is_abandoned = False
        self.error: BaseException | None = None
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._task = task
        threading.Thread(target=self._run, daemon=True).start()

    def go_on(self) -> None:
        """Run until it ends or stands still."""
        self._mine.release()
        self._theirs.acquire()

    def stand_still(self) -> None:
        """Called by the worker itself: let others run."""
        self._theirs.release()
        self._mine.acquire()
        if self.is_abandoned:
            raise KilledError

    def _run(self) -> None:
        self._mine.acquire()
        try:
            self._task()
        except KilledError:
            pass
        except BaseException as error:
            self.error = error
        self.is_done = True
        self._theirs.release()


class Scheduler:
    """Follows a schedule; where it says nothing, whoever runs goes on."""

    def __init__(self, acts: Iterable[Act], *, now_s: Callable[[], float], interfere: Callable[[Act], None]) -> None:
        self._acts = iter(acts)
        self._next: Act | None = next(self._acts, None)
        self._gap = 0
        self._points = 0
        self._now_s = now_s
        self._interfere = interfere
        self.runners: list[Runner] = []
        self.current: Runner | None = None
        self.disturbances = self.deaths = 0  # deaths: by a file that kills whoever reads it
        self.trace: list[str] = []

    def point(self, where: str, *, is_after: bool = False, may_fail: bool = False) -> None:
        """Called by the running worker, before and after it touches anything outside."""
        runner = self.current
        assert runner is not None
        self._points += 1
        assert self._points < MOST_POINTS, "it never ends"
        if self._now_s() > runner.deadline_s:
            self._note(runner, where, "the function's time is over")
            self.disturbances += 1
            raise KilledError
        if self._next is None:
            return
        if self._gap < self._next.gap:
            self._gap += 1
            return
        act, self._next, self._gap = self._next, next(self._acts, None), 0
        self._note(runner, f"{'after' if is_after else 'before'} {where}", f"{act.kind.value} ({act.arg})")
        self._act(act, runner, is_after=is_after, may_fail=may_fail)

    def let_others_run(self) -> None:
        """Called by the running worker while it waits."""
        assert self.current is not None
        self.current.asleep = 0
        self.current.stand_still()

    def _act(self, act: Act, runner: Runner, *, is_after: bool, may_fail: bool) -> None:
        if act.kind in (Kind.KILL, Kind.FAIL, Kind.PASS, Kind.AGAIN, Kind.SWITCH):
            self.disturbances += 1
        if act.kind == Kind.KILL:
            raise KilledError
        if act.kind == Kind.FAIL:
            if may_fail:
                raise Unavailable("The answer was lost.") if is_after else Throttled("Slow down.")
        elif act.kind == Kind.SWITCH:
            self._sleep(act.arg, runner)
            if act.arg >= 8 and may_fail:
                raise Unavailable("The connection was cut meanwhile.")
        else:
            self._interfere(act)

    def _sleep(self, arg: int, runner: Runner) -> None:
        runner.asleep = (0, 1, 2, LAST)[arg % 4]
        if arg // 4 % 2:  # for longer than its lease holds
            self._interfere(Act(0, Kind.PASS, 3))
        runner.stand_still()

    def _note(self, runner: Runner, where: str, what: str) -> None:
        self.trace.append(f"{self._now_s():.0f} {runner.name} {where}: {what}")

    def run(self, runner: Runner) -> None:
        """Let a worker run; raise what it ended with, if that is an error of the test's own."""
        self.current = runner
        runner.go_on()
        self.current = None
        if not runner.is_done:
            self.runners = [*(other for other in self.runners if other is not runner), runner]
            return
        self.runners = [other for other in self.runners if other is not runner]
        for other in self.runners:
            other.asleep -= other.asleep not in (0, LAST)
        if runner.error:
            raise runner.error

    def abandon(self) -> None:
        """End all that stand still."""
        for runner in self.runners:
            runner.is_abandoned = True
            runner.go_on()

    def awake(self, least: int = 0) -> Runner | None:
        """Return a worker that stands still and sleeps no deeper than so."""
        return next((runner for runner in self.runners if runner.asleep <= least), None)
