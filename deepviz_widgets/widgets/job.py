"""`Job`: long work as a plain generator, advanced a little at a time by whoever asks.

The page asks for a step, the generator runs for 0.1 to 0.4 s, each value it yields is handed on, and the
page asks again. So progress, partial results, cancel and resume need no thread, and other cells run in between. Steps
and restarts may come from different threads: everything happens under one re-entrant lock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

Work = Generator[Any, None, None] | Iterator[Any]
STATES = ("idle", "running", "done", "cancelled", "error")
_BUDGET = 0.1  # seconds a step: short enough to feel live, long enough to make messages cheap
_CALM, _LONGER = 2.0, 4  # seconds without a wish after which steps are so many times longer


class Pace:
    """How long a step takes: little while somebody works with the page, more when nobody does.

    At every message the host draws its own signs of a busy kernel, which can take as long as the work itself.
    """

    def __init__(self) -> None:
        self._last = -math.inf

    def asked(self) -> None:
        """Note that somebody wants something."""
        self._last = time.monotonic()

    def budget(self) -> float:
        """Return the seconds of the next step."""
        return _BUDGET if time.monotonic() - self._last < _CALM else _LONGER * _BUDGET


class Job:
    """Owns one generator at a time.

    Parameters
    ----------
    on_result : callable
        Receives each yielded value, exactly once and in order.
    on_change : callable
        Called after every change of `status`.
    """

    def __init__(self, on_result: Callable[[Any], None], on_change: Callable[[], None] = lambda: None):
        self._on_result, self._on_change = on_result, on_change
        self._lock = threading.RLock()
        self._work: Work | None = None
        self._stepping = False
        self._retired: list[Work] = []
        self.number = 0
        self.status = "idle"
        self.exception: BaseException | None = None

    @property
    def resumable(self) -> bool:
        """Whether cancelled work still stands where it was stopped."""
        return self.status == "cancelled" and self._work is not None

    def start(self, work: Work) -> int:
        """Replace the current work and return the number of the new; nothing runs until the first step.

        From inside a step (a result that sets off new work) the running generator is only put aside and closed
        when the step has ended, since a generator cannot be closed while it runs.
        """
        with self._lock:
            self._retire()
            self._work, self.exception = work, None
            self.number += 1
            self._become("running")
            return self.number

    def step(self, number: int | None = None, budget: float = 0.1) -> str:
        """Advance for about `budget` seconds, at least one value; return the status after it.

        `number` is the job that the asker means: a step for one that was replaced does nothing.
        """
        with self._lock:
            if self._stepping or self.status != "running" or number not in (None, self.number):
                return self.status
            self._stepping = True
            try:
                self._run(time.perf_counter() + budget)
            finally:
                self._stepping = False
                self._close_retired()
            return self.status

    def wait(self) -> None:
        """Run to the end in this thread; raise what the work raised."""
        while self.step(budget=1.0) == "running":
            pass
        if self.exception is not None:
            raise self.exception

    def cancel(self) -> None:
        """Stop; the work stays where it is, so that `resume` loses nothing."""
        with self._lock:
            if self.status == "running":
                self._become("cancelled")

    def resume(self) -> None:
        """Go on where `cancel` stopped."""
        with self._lock:
            if self.resumable:
                self._become("running")

    def close(self) -> None:
        """Drop the work for good; its `finally` blocks run."""
        with self._lock:
            self._retire()
            self._work, self.exception = None, None
            self.number += 1  # a step that is on its way is stale now
            self._become("idle")

    def _run(self, until: float) -> None:
        work = self._work
        while work is self._work and self.status == "running" and work is not None:
            try:
                value = next(work)
                if work is self._work:
                    self._on_result(value)
            except StopIteration:
                self._finish(work, "done", None)
            except Exception as error:  # noqa: BLE001  any failure of the work becomes its result
                self._finish(work, "error", error)
            except BaseException:  # an interrupt ends the work too, and goes on to whoever pressed it
                self._finish(work, "cancelled", None)
                raise
            if time.perf_counter() >= until:
                return

    def _finish(self, work: Work, status: str, error: Exception | None) -> None:
        if work is not self._work:
            return  # replaced from inside its own last step
        self._retire()
        self.exception = error
        self._become(status)

    def _retire(self) -> None:
        if self._work is not None:
            self._retired.append(self._work)
            self._work = None
        if not self._stepping:
            self._close_retired()

    def _close_retired(self) -> None:
        while self._retired:
            close = getattr(self._retired.pop(), "close", None)
            if close:
                close()

    def _become(self, status: str) -> None:
        self.status = status
        self._on_change()
