"""An operation at which guests wait until a test lets them go: a job is then where the test wants it."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Self
from uuid import UUID

import msgspec
from tests.support.waiting import TIMEOUT
from tests.support.wat import Wat

from perdure.runtime import Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

METHOD = "query:test.gate"
PERMISSIONS = {"methods": ["query:test."]}


class _Nothing(msgspec.Struct):
    pass


class Arrival:
    """A guest that waits."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self._go = threading.Event()

    def let_go(self) -> None:
        """Let it go on."""
        self._go.set()

    def wait(self, timeout: float) -> bool:
        return self._go.wait(timeout)


class Gate:
    """``query:test.gate`` of a runtime. Leaving it as a context manager lets everyone go, now and later.

    Without a runtime its `handler` is for the one that is opened next: what goes on there comes to it at once.
    """

    def __init__(self, runtime: Runtime | None = None) -> None:
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._all: list[Arrival] = []
        self._open = False
        if runtime is not None:
            runtime.operations.register(self.handler)

    @query("test.gate", timeout=3600)
    def handler(self, context: CallContext, request: _Nothing) -> _Nothing:
        """Wait until the test lets the guest go on."""
        assert context.job_id is not None
        arrival = Arrival(context.job_id)
        self._all.append(arrival)
        self._arrivals.put(arrival)
        if not self._open and not arrival.wait(3 * TIMEOUT):
            raise AssertionError("nobody opened the gate")
        return request

    def arrival(self) -> Arrival:
        """The next guest that has come to the gate."""
        return self._arrivals.get(timeout=TIMEOUT)

    def open(self) -> None:
        """Let everyone go, now and later."""
        self._open = True
        for arrival in self._all:
            arrival.let_go()

    def shut(self) -> None:
        """Let everyone go who has come, and hold those who come from now on."""
        self.open()
        self._open = False
        self._all.clear()
        self._arrivals = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()


def at_gate(wat: Wat) -> str:
    """The guest's call."""
    return f"(drop {wat.operation(METHOD)})"
