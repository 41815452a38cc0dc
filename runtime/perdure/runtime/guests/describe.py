"""What load and unload do with a module: ask it for its jobs, and let it clean up.

Both run the module's code in an instance that is thrown away, under limits of fuel, memory and wall clock. The clock
is a scheduler that is passed in; the default one has one thread for all calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from perdure.runtime.guests.deadlines import DEADLINES
from perdure.runtime.guests.failure import GuestFault, Killed
from perdure.runtime.guests.files import extension_file
from perdure.runtime.guests.instance import ExtensionFile, Instance, InstanceLimits
from perdure.runtime.guests.job_types import resolve_job
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.errors import CleanupFailed, InitFailed
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.store.events import JobError, JobType, LimitUse

__all__ = ["Scheduler", "cleanup", "describe", "resolve_job"]

# Runs an action after so many seconds unless the returned function is called before. The action may run on any thread.
Scheduler = Callable[[float, Callable[[], None]], Callable[[], None]]

# Of one log line or name. Outside of jobs there is nothing larger to hand over.
_PAYLOAD_BYTES: Final = 64 * 1024


def describe(
    extension: str,
    load: ModuleLoader,
    limits: SandboxLimits,
    *,
    seconds: float,
    schedule: Scheduler = DEADLINES,
    boundary: BoundaryChoice = "auto",
) -> tuple[JobType, ...]:
    """The job types of a module or component.

    ``seconds`` is the wall clock's limit. The interface is checked before anything is compiled.

    Raises:
        ForbiddenImports, BadExport: the file does not fit its ABI.
        InitFailed: its initialisation (or a start function) trapped, looped, or returned an error.
        ModuleError: from ``load``.
        ValueError: a limit is out of its range.
    """
    with _instance(extension, extension_file(load, boundary), limits) as instance:
        found: list[tuple[JobType, ...]] = []
        error = _failure(lambda: found.append(instance.job_types()), instance, seconds, schedule)
        if error is not None:
            raise InitFailed(extension, error)
        return found[0]


def cleanup(
    extension: str,
    load: ModuleLoader,
    limits: SandboxLimits,
    *,
    seconds: float,
    schedule: Scheduler = DEADLINES,
    boundary: BoundaryChoice = "auto",
) -> None:
    """Let the extension clean up, if it does, in a new instance that was initialised.

    Raises:
        CleanupFailed: one of them trapped, looped, or returned an error. The unloading can go on.
        ModuleError: from ``load``, or the file does not fit its ABI.
        ValueError: a limit is out of its range.
    """
    file = extension_file(load, boundary)
    if not file.cleans_up:
        return
    with _instance(extension, file, limits) as instance:

        def initialise_and_clean_up() -> None:
            instance.initialise()
            instance.clean_up()

        error = _failure(initialise_and_clean_up, instance, seconds, schedule)
        if error is not None:
            raise CleanupFailed(extension, error)


@contextmanager
def _instance(extension: str, file: ExtensionFile, limits: SandboxLimits) -> Iterator[Instance]:
    instance_limits = InstanceLimits(
        fuel=limits.fuel,
        memory_bytes=limits.memory_bytes,
        stack_bytes=limits.stack_bytes,
        payload_bytes=_PAYLOAD_BYTES,
        checkpoint_bytes=0,
    )
    instance = file.instance(instance_limits, extension=extension)
    try:
        yield instance
    finally:
        instance.close()


def _failure(work: Callable[[], None], instance: Instance, seconds: float, schedule: Scheduler) -> JobError | None:
    """How ``work`` failed, within the wall clock's limit; None if it did not."""
    cancel = schedule(seconds, instance.kill)
    try:
        work()
    except GuestFault as fault:
        return fault.error
    except Killed:
        milliseconds = round(seconds * 1000)
        limit = LimitUse("wall_clock_ms", milliseconds, milliseconds, "ms")
        message = f"it had not returned after {milliseconds} ms"
        return JobError("init_failed", message, limit=limit, data={"cause": "timeout"})
    finally:
        cancel()
    return None
