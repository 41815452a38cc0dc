"""The steppers that clients have open: few, each its client's own, and ended when nobody asks for it any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

from perdure.api.errors import NotFound, TooMany
from perdure.runtime import Runtime
from perdure.runtime.timetravel.stepping import Stepper

MOST: Final = 8  # at once; each may hold a sandbox with as much memory as the job's limits allow
MOST_EACH: Final = 3  # of one client; the one that it asked longest ago makes room
IDLE: Final = 600.0  # seconds
PATIENCE: Final = 30.0  # seconds that a request waits for one before it


class OpenStepper:
    """One stepper, for one thread at a time.

    Attributes:
        used: when it was asked last, on the clock of `OpenSteppers`.
    """

    def __init__(self, stepper: Stepper, job_id: UUID, client: str, used: float) -> None:
        self.number = uuid4()
        self.stepper = stepper
        self.job_id = job_id
        self.client = client
        self.used = used
        self.lock = threading.Lock()


class OpenSteppers:
    """All of them. Thread-safe. `close` ends them, too.

    Args:
        runtime: has the jobs.
        clock: seconds that only grow.
    """

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._clock = clock
        self._open: dict[UUID, OpenStepper] = {}
        self._changed = threading.Condition()
        self._watch: threading.Thread | None = None
        self._closed = False

    def open(self, client: str, job_id: UUID, run: int | None) -> OpenStepper:
        """A new one, for a client.

        Raises:
            TooMany: others have as many as there may be.
            UnknownJob, JobIsFolded, CannotStep: as `Runtime.stepper`.
        """
        stale = self._take_stale()
        with self._changed:
            own = sorted((each for each in self._open.values() if each.client == client), key=lambda each: each.used)
            stale += [self._open.pop(each.number) for each in own[: max(0, len(own) - MOST_EACH + 1)]]
        _end(stale)
        made = OpenStepper(self._runtime.stepper(job_id, run), job_id, client, self._clock())
        with self._changed:
            if self._closed or len(self._open) >= MOST:
                made.stepper.close()
                raise TooMany("steppers", retry_after=60.0)
            self._open[made.number] = made
            if self._watch is None:
                self._watch = threading.Thread(target=self._end_idle, name="perdure-steppers", daemon=True)
                self._watch.start()
        return made

    @contextmanager
    def using(self, client: str, job_id: UUID, number: UUID) -> Iterator[Stepper]:
        """One of the client's, for the block alone.

        Raises:
            NotFound: it has no such stepper of that job: it was ended, or idle for too long.
            TooMany: another request is using it.
        """
        with self._changed:
            found = self._open.get(number)
        if found is None or found.client != client or found.job_id != job_id:
            raise NotFound("such stepper any more; open another one")
        if not found.lock.acquire(timeout=PATIENCE):
            raise TooMany("requests to one stepper")
        try:
            found.used = self._clock()
            yield found.stepper
        finally:
            found.used = self._clock()
            found.lock.release()

    def end(self, client: str, job_id: UUID, number: UUID) -> None:
        """End one of the client's; what is not there is ended already."""
        with self._changed:
            found = self._open.get(number)
            if found is None or found.client != client or found.job_id != job_id:
                return
            del self._open[number]
        _end([found])

    def close(self) -> None:
        """End all of them. Idempotent."""
        with self._changed:
            self._closed = True
            left, self._open = list(self._open.values()), {}
            self._changed.notify_all()
        _end(left)

    def __len__(self) -> int:
        with self._changed:
            return len(self._open)

    def sweep(self) -> float | None:
        """End those that nobody asked for in a while; returns in how many seconds to look again, None for never."""
        _end(self._take_stale())
        with self._changed:
            if not self._open:
                return None
            return max(0.1, min(each.used for each in self._open.values()) + IDLE - self._clock())

    def _take_stale(self) -> list[OpenStepper]:
        now = self._clock()
        with self._changed:
            stale = [each for each in self._open.values() if now - each.used >= IDLE and not each.lock.locked()]
            for each in stale:
                del self._open[each.number]
        return stale

    def _end_idle(self) -> None:
        while True:
            wait = self.sweep()
            with self._changed:
                if self._closed or (wait is None and not self._open):
                    self._watch = None
                    return
                self._changed.wait(wait)


def _end(steppers: list[OpenStepper]) -> None:
    for each in steppers:
        each.stepper.close()  # ends a guest that is running, so that whoever waits for it is told
