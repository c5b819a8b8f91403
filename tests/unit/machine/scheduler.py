"""Runs callers one port call at a time: Hypothesis chooses whose turn it is, and shrinks the choices.

A caller pauses before each of its port calls. A caller that waits for a held lock is not chosen; if all
remaining callers wait, that is a deadlock. Nothing sleeps, and no two callers ever run at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from shares_core.domain.errors import SharesError
from shares_core.testing import Call, Interceptor, ProcessDied
from shares_core.testing.locks import LockTable

#: Chooses, of the callers that may go on, by index, the next one; the first is the one that ran last.
Choose = Callable[[Sequence[int]], int]


class Deadlock(AssertionError):
    """All remaining callers wait for a lock."""


class Abandoned(BaseException):
    """The run was given up: nothing has an effect any more."""


class Caller:
    """One caller in its own thread, which runs only while it has the turn."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.answer: Any = None
        self.error: SharesError | ProcessDied | None = None
        self.bug: BaseException | None = None
        self.ended = False
        self.given_up = False
        #: The key of the lock that it is about to take, or "".
        self.wants = ""
        self._work = work
        self._turn = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.given_up:
                self.answer = self._work()
        except (SharesError, ProcessDied) as error:
            self.error = error
        except BaseException as bug:  # noqa: BLE001 - it is raised again by the scheduler
            self.bug = bug
        self.ended = True
        self._paused.release()

    def step(self) -> None:
        """Run to the next port call, or to the end."""
        self._turn.release()
        self._paused.acquire()

    def pause(self, call: Call) -> None:
        """Called in the caller's thread."""
        self.wants = _lock_of(call)
        if not self.given_up:
            self._paused.release()
            self._turn.acquire()
        if self.given_up:
            raise Abandoned

    def give_up(self) -> None:
        while not self.ended:
            self.given_up = True
            self.step()
        self._thread.join()


def _lock_of(call: Call) -> str:
    if call.port != "locks" or call.verb not in ("await_share", "server", "claims"):
        return ""
    return str(call.args[0]) if call.args else "claims"


def paused_by(caller: Callable[[], Caller]) -> Interceptor:
    """An interceptor that pauses its caller before each call, but not inside one that is one step."""
    inside = threading.local()

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        # A copy reports from its middle, and looks whether it was cancelled.
        if call.port != "progress" and not getattr(inside, "storage", False):
            caller().pause(call)
        if call.port != "storage":
            return proceed()
        inside.storage = True
        try:
            return proceed()
        finally:
            inside.storage = False

    return around


def interleave(
    callers: Sequence[Caller], locks: LockTable, choose: Choose, after_step: Callable[[int], None]
) -> None:
    """Run all callers to their ends. Raises Deadlock, and errors that no use case raises."""
    last = 0
    try:
        while not all(caller.ended for caller in callers):
            ready = [
                number
                for number, caller in enumerate(callers)
                if not caller.ended and caller.wants not in locks.held
            ]
            if not ready:
                raise Deadlock(f"all wait: {[caller.wants for caller in callers if not caller.ended]}")
            ready.sort(key=lambda number: number != last)
            last = choose(ready) if len(ready) > 1 else ready[0]
            callers[last].step()
            if (bug := callers[last].bug) is not None:
                raise bug
            after_step(last)
    finally:
        for caller in callers:
            caller.give_up()
