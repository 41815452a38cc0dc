"""Guests that a test moves call by call: a puppet waits on its job's thread for what it is to do next.

A guest is deterministic, and so are a job's puppets: one that takes up a run which was broken off does by itself what
the puppets before it did in that run, as far as the log leads it, and waits for the test only then. One of a new run
knows nothing.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar
from uuid import UUID

from tests.support.python_guest import Killed, PythonGuest, PythonHost
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestResult, GuestSpec, StopGuest
from perdure.store.events import JobError

T = TypeVar("T")
_Action = Callable[[PythonHost], object]
_Step = tuple[_Action, "Future[object]"]


class Stopped(Exception):
    """The puppet was stopped, by its host or by a kill, before or while it did what it was told."""


class Puppet:
    """One attempt of one job.

    ``script`` is what it has done so far in its run, with what the puppets before it did; ``ready``: it has been led
    through that.
    """

    def __init__(self, spec: GuestSpec) -> None:
        self.spec = spec
        self.state = b""
        self.ready = threading.Event()
        self.over = threading.Event()
        self.script: list[_Action] = []
        self._result: GuestResult | BaseException | None = None
        self._ending = False
        self._steps: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()

    # --- the test's side ---------------------------------------------------------------------------------------------

    def begin(self, action: Callable[[PythonHost], T]) -> Future[T]:
        """Let it call its host; the future is done when the call has returned."""
        future: Future[T] = Future()
        self._steps.put((action, future))  # type: ignore[arg-type]  # a future of T takes what the action returns
        if self.over.is_set():
            self._drop()
        return future

    def do(self, action: Callable[[PythonHost], T]) -> T:
        """Let it call its host, and wait for what that returns.

        Raises:
            Stopped: it was stopped meanwhile.
        """
        return self.begin(action).result(TIMEOUT)

    def end(self, exit: Exit = Exit.COMPLETED, *, error: JobError | None = None) -> None:
        """Let the guest's run return."""

        def finish(host: PythonHost) -> None:
            self._result, self._ending = GuestResult(exit, host.fuel, 0, error), True

        self.begin(finish)

    def fail(self, kind: str = "trap") -> None:
        """Let the guest fail as the guest."""
        self.end(Exit.FAILED, error=JobError(kind, "the guest failed"))

    def explode(self, error: BaseException) -> None:
        """Let the guest adapter fail: a defect of the host."""

        def finish(host: PythonHost) -> None:
            self._result, self._ending = error, True

        self.begin(finish)

    # --- the job's side ----------------------------------------------------------------------------------------------

    def body(self, host: PythonHost, before: list[_Action]) -> GuestResult | None:
        """Do again what was done ``before`` in this run, then what the test says."""
        try:
            for action in before:
                if not host.is_led:
                    break
                self.script.append(action)
                self._again(action, host)
            self.ready.set()
            while not self._ending:
                step = self._steps.get(timeout=4 * TIMEOUT)
                if step is None:
                    raise Killed
                action, future = step
                self.script.append(action)  # before it is done: it may be in the log although the guest was stopped
                try:
                    future.set_result(action(host))
                except (StopGuest, Killed):
                    future.set_exception(Stopped())
                    raise
                except BaseException as error:
                    future.set_exception(error)
        finally:
            self.over.set()
            self.ready.set()
            self._drop()
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    def _again(self, action: _Action, host: PythonHost) -> None:
        try:
            action(host)
        except (StopGuest, Killed):
            raise
        except Exception:  # the test that told the first puppet has seen it
            pass

    def wake(self) -> None:
        """It was killed."""
        self._steps.put(None)

    def _drop(self) -> None:
        while True:
            try:
                step = self._steps.get_nowait()
            except queue.Empty:
                return
            if step is not None:
                step[1].set_exception(Stopped())


class Puppets:
    """`GuestFactory` of puppets. ``making`` is called before each is made, and may raise or block.

    ``current`` has the last puppet of each job that began to run.
    """

    def __init__(self) -> None:
        self.making: Callable[[GuestSpec], None] = lambda spec: None
        self.made: list[PythonGuest] = []
        self.current: dict[UUID, Puppet] = {}
        self._running: defaultdict[UUID, queue.SimpleQueue[Puppet]] = defaultdict(queue.SimpleQueue)

    def __call__(self, spec: GuestSpec) -> PythonGuest:
        self.making(spec)
        puppet = Puppet(spec)

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
            puppet.state = state
            last = self.current.get(spec.job_id)
            self.current[spec.job_id] = puppet
            self._running[spec.job_id].put(puppet)
            return puppet.body(host, list(last.script) if last is not None else [])

        guest = PythonGuest(spec, body, puppet.wake)
        self.made.append(guest)
        return guest

    def of(self, job_id: UUID) -> Puppet:
        """The puppet of the job's next attempt, as soon as it runs."""
        return self._running[job_id].get(timeout=TIMEOUT)
