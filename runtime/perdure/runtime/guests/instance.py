"""What an ABI offers: its instances. The rest of the host knows no more of an ABI than this."""

from __future__ import annotations

import enum
from typing import Protocol
from uuid import UUID

import msgspec

from perdure.actors.guest import Exit, GuestHost
from perdure.runtime.guests.failure import ResourceUse
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.store.events import JobError, JobType


class InstanceLimits(SandboxLimits, frozen=True, kw_only=True):
    """What one instance may use. Sizes in bytes."""

    payload_bytes: int
    checkpoint_bytes: int


class JobTask(msgspec.Struct, frozen=True, kw_only=True):
    """The job that an instance is to run; ``export`` is the job type's."""

    job_id: UUID
    library_id: UUID
    export: str


class Outcome(msgspec.Struct, frozen=True):
    """How a job's run came to its own end; ``error`` if ``exit`` is `Exit.FAILED`."""

    exit: Exit
    error: JobError | None = None


class Phase(enum.Enum):
    """What the guest is doing, which decides what it may call."""

    START = "start"  # its start functions, before there is an instance
    DESCRIBE = "describe"
    INIT = "plugin_init"
    RUN = "run"
    ALLOCATOR = "wasm_alloc or wasm_free"  # called by the host, perhaps within another host call
    CLEANUP = "plugin_cleanup"
    DONE = "done"


class Instance(Protocol):
    """One instance of an extension's file; all but `kill` is for one thread.

    What ends the guest in another way than by a return is raised: `GuestFault` (it is to blame), `Killed` (by `kill`),
    `perdure.actors.guest.StopGuest` (the host wanted it to end), or what a host call raised that was no error.
    """

    def use(self) -> ResourceUse:
        """What the guest has used by now."""

    def allow_fuel(self, fuel: int) -> None:
        """See `perdure.runtime.wasm.guest_store.GuestStore.allow_fuel`."""

    def initialise(self) -> None:
        """Make the instance, and let it get ready."""

    def job_types(self) -> tuple[JobType, ...]:
        """The jobs that it offers. Makes the instance ready, as `initialise` does, which is not to be called then.

        Raises:
            BadExport: it has jobs, and lacks what running them takes.
        """

    def run_job(self, host: GuestHost, task: JobTask, state: bytes) -> Outcome:
        """Run a job from this state (empty for none), after `initialise`."""

    def clean_up(self) -> None:
        """Let it clean up, after `initialise`."""

    def kill(self) -> None:
        """Stop the guest, wherever it is. Thread-safe, idempotent, at any time."""

    def close(self) -> None:
        """Free everything; idempotent."""


class ExtensionFile(Protocol):
    """One module or component that was found to fit an ABI."""

    @property
    def cleans_up(self) -> bool:
        """Whether there is anything to do when it is unloaded."""

    def check_job(self, export: str) -> str:
        """Why no job can be run by this export; empty if one can, as far as that is known before it runs.

        Raises:
            BadExport: it lacks what running jobs takes.
        """

    def instance(self, limits: InstanceLimits, *, extension: str, job_id: UUID | None = None) -> Instance:
        """An instance, loaded; nothing of it runs yet.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: the machine code cannot be loaded.
        """
