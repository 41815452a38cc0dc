"""Guests, extensions and operations written in Python, for tests of what stands around them.

A guest's body is a function ``(host, state, spec) -> GuestResult | None``; None is success. ``host`` has the methods of
`GuestHost` without their first argument: each call costs ten units of fuel. A body stops when it is killed: its next
call of the host raises, and so does `PythonHost.block` at once, which stands for a guest that never calls its host.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

from tests.support.waiting import TIMEOUT

from perdure.actors import (
    Admission,
    CancelToken,
    Exit,
    GuestHost,
    GuestResult,
    GuestSpec,
    Hold,
    Interrupt,
    OperationCall,
    OperationFailed,
    Outcome,
    StopGuest,
    failure_answer,
)
from perdure.actors.replay.replay_host import ReplayHost
from perdure.store.events import Inline, JobType, Recorded

FUEL_PER_CALL = 10


class Killed(Exception):
    """`Guest.kill` was called; what it is to a guest in Python is a trap to one in WebAssembly."""


class PythonHost:
    """What a body may ask."""

    def __init__(self, host: GuestHost, killed: threading.Event) -> None:
        self._host = host
        self.killed = killed
        self.fuel = 0

    @property
    def is_led(self) -> bool:
        """Whether the guest is answered from the log: it takes up a run, and the log has not ended."""
        return isinstance(self._host, ReplayHost) and not self._host.is_live

    @property
    def led_calls(self) -> int:
        """How many of its calls were answered from the log."""
        return self._host.answered if isinstance(self._host, ReplayHost) else 0

    def _spend(self) -> int:
        if self.killed.is_set():
            raise Killed
        self.fuel += FUEL_PER_CALL
        return self.fuel

    def log(self, level: int, message: str) -> None:
        self._host.log(self._spend(), level, message)

    def report_progress(self, progress: float, message: str = "") -> None:
        self._host.report_progress(self._spend(), progress, message)

    def checkpoint(self, state: bytes) -> bool:
        return self._host.checkpoint(self._spend(), state)

    def check_interrupt(self) -> Interrupt:
        return self._host.check_interrupt(self._spend())

    def add_warning(self, message: str) -> None:
        self._host.add_warning(self._spend(), message)

    def increment_items(self, count: int = 1) -> None:
        self._host.increment_items(self._spend(), count)

    def increment_bytes(self, count: int) -> None:
        self._host.increment_bytes(self._spend(), count)

    def call(self, method: str, payload: bytes = b"{}", library_id: UUID | None = None) -> bytes:
        return self._host.call(self._spend(), method, library_id, payload)

    def block(self) -> None:
        """Do not call the host until killed, and then no more."""
        if not self.killed.wait(TIMEOUT):
            raise AssertionError("nobody killed the guest")
        raise Killed


Body = Callable[[PythonHost, bytes, GuestSpec], GuestResult | None]


class PythonGuest:
    """`Guest` that runs a body."""

    def __init__(self, spec: GuestSpec, body: Body, on_kill: Callable[[], None] = lambda: None) -> None:
        self.spec = spec
        self.closed = False
        self.killed = threading.Event()
        self.allowed = spec.fuel
        self._body = body
        self._on_kill = on_kill

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        python_host = PythonHost(host, self.killed)
        try:
            result = self._body(python_host, state, self.spec)
        except (StopGuest, Killed):
            return GuestResult(Exit.STOPPED, python_host.fuel)
        return result if result is not None else GuestResult(Exit.COMPLETED, python_host.fuel)

    def allow_fuel(self, fuel: int) -> None:
        self.allowed = fuel

    def kill(self) -> None:
        self.killed.set()
        self._on_kill()

    def close(self) -> None:
        self.closed = True


class PythonGuests:
    """`GuestFactory`: one body for all, or one by export. ``made`` has every guest in the order of making."""

    def __init__(self, body: Body | None = None, **by_export: Body) -> None:
        self._body = body
        self._by_export = by_export
        self.made: list[PythonGuest] = []

    def __call__(self, spec: GuestSpec) -> PythonGuest:
        body = self._by_export.get(spec.export, self._body)
        if body is None:
            raise AssertionError(f"no body for {spec.export}")
        guest = PythonGuest(spec, body)
        self.made.append(guest)
        return guest


class PythonExtension:
    """`ExtensionCode` that offers some job types; ``initialised`` and ``cleaned`` count."""

    def __init__(self, *job_types: JobType, concurrent_jobs: int = 10) -> None:
        self.job_types = job_types or (JobType("count", "execute_count", True),)
        self.concurrent_jobs = concurrent_jobs
        self.initialised = 0
        self.cleaned = 0
        self.on_initialise: Callable[[], None] = lambda: None

    def initialise(self) -> tuple[JobType, ...]:
        self.initialised += 1
        self.on_initialise()
        return self.job_types

    def cleanup(self) -> None:
        self.cleaned += 1


class PythonOperations:
    """`Operations` from a dictionary of functions by method; an unknown method is refused as the real ones do."""

    def __init__(self, **by_name: Callable[[OperationCall], bytes | Outcome]) -> None:
        self._by_name = by_name

    def admit(self, call: OperationCall) -> Admission | Hold:
        name = call.method.partition(":")[2]
        if name not in self._by_name:
            raise OperationFailed("unknown_method", f"there is no operation {call.method}")
        return Admission(name, call.extension or "host", 60.0)

    def run(self, call: OperationCall, token: CancelToken) -> Outcome:
        answer = self._by_name[call.method.partition(":")[2]](call)
        return answer if isinstance(answer, Outcome) else Outcome(answer=answer)

    async def run_async(self, call: OperationCall, token: CancelToken) -> Outcome:
        return self.run(call, token)

    def intended(self, call: OperationCall) -> Recorded | None:
        return None

    def opened(self, recorded: Recorded) -> bytes:
        if not isinstance(recorded, Inline):
            raise TypeError(f"a {type(recorded).__name__} of operations in Python")
        return recorded.data

    def failed(self, call: OperationCall, failure: OperationFailed, *, ran: bool) -> Outcome:
        answer = failure_answer(failure.code, failure.message, failure.retry_after_ms)
        return Outcome(answer=answer, code=failure.code, action=ran and call.method.startswith("action:"))
