"""The two protocols between a job actor and the code it runs.

A `Guest` is one attempt's sandbox; a `GuestHost` is what that guest may ask of its host. The actors know nothing of
WebAssembly: a core module, a component and a test's Python function all stand behind `Guest`.

Everything that a guest hands to its `GuestHost` has been checked for form by the guest adapter (pointers, lengths,
UTF-8, the job's own id); `GuestHost` enforces the job's limits, and states the facts.
"""

from __future__ import annotations

import enum
from typing import Protocol
from uuid import UUID

import msgspec

from perdure.store.events import JobError


class Interrupt(enum.IntEnum):
    """The answers to ``job_check_interrupt``, as the ABI numbers them."""

    CONTINUE = 0
    PAUSE = 1
    CANCEL = 2


class StopGuest(Exception):
    """Raised by a `GuestHost` method: the guest must not run on.

    A guest written in Python lets it pass through ``run``. An adapter of compiled code keeps it, stops the guest in
    its own way, and returns `Exit.STOPPED`. The host knows why; the guest need not.
    """


class Exit(enum.Enum):
    """How a guest's run ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    STOPPED = "stopped"  # by `StopGuest` or `Guest.kill`


class GuestResult(msgspec.Struct, frozen=True):
    """How a run ended, what it consumed, and the error when ``exit`` is `Exit.FAILED`.

    ``fuel`` is this attempt's, in wasmtime's units; ``memory_bytes`` is the linear memory's size at the end.
    """

    exit: Exit
    fuel: int
    memory_bytes: int = 0
    error: JobError | None = None


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest is made from. Sizes in bytes; ``fuel`` is what this attempt may consume, None for no limit."""

    job_id: UUID
    library_id: UUID
    extension: str
    module: str
    export: str
    fuel: int | None
    memory_bytes: int
    stack_bytes: int
    payload_bytes: int
    checkpoint_bytes: int


class GuestHost(Protocol):
    """What a running guest may ask. All methods are called on the job's own thread, and may raise `StopGuest`.

    ``fuel`` is what the attempt has consumed when it makes the call.
    """

    def log(self, fuel: int, level: int, message: str) -> None:
        """Write a line to the guest's log; level 0 debug, 1 info, 2 warn, 3 error. Buffered."""

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """Report a fraction from 0.0 to 1.0 (others are clamped, NaN counts as 0.0). Buffered."""

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """Save the state. Durable: True when it is on disk, False when it could not be stored."""

    def check_interrupt(self, fuel: int) -> Interrupt:
        """Ask whether to go on."""

    def add_warning(self, fuel: int, message: str) -> None:
        """Add a warning. Buffered."""

    def increment_items(self, fuel: int, count: int) -> None:
        """Count items. Buffered."""

    def increment_bytes(self, fuel: int, count: int) -> None:
        """Count bytes. Buffered."""

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """Run an operation. Takes and returns UTF-8 JSON; a failure is an answer (``{"error": …, "code": …}``)."""


class Guest(Protocol):
    """One attempt of one job, in its sandbox."""

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        """Run the job to its end, on the caller's thread. Never raises for what the guest did."""

    def allow_fuel(self, fuel: int) -> None:
        """Let the attempt consume ``fuel`` in all. Called on the thread that runs it, before that or in a host call."""

    def kill(self) -> None:
        """Stop the guest soon, wherever it is. Thread-safe, idempotent, returns at once."""

    def close(self) -> None:
        """Free the sandbox. Called on the thread that ran it; idempotent."""


class GuestLoadFailed(Exception):
    """A guest could not be made; ``error`` says why, in the form that the job's end is recorded with."""

    def __init__(self, error: JobError) -> None:
        self.error = error
        super().__init__(error.message)


class GuestFactory(Protocol):
    """Makes the sandbox of one attempt."""

    def __call__(self, spec: GuestSpec) -> Guest:
        """Make a guest.

        Raises:
            GuestLoadFailed: the module or one of its needs is missing or refused.
        """
