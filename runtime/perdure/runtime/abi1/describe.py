"""What load and unload do with a module: ask it for its jobs, and let it clean up.

Both run the module's code in an instance that is thrown away, under limits of fuel, memory and wall clock. The clock
is a scheduler that is passed in; the default one is a timer thread for each call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from perdure.runtime.abi1.failure import GuestFault, Killed
from perdure.runtime.abi1.instance import InstanceLimits, ModuleInstance
from perdure.runtime.abi1.interface import ModuleShape, check_interface
from perdure.runtime.abi1.job_types import offered_jobs, resolve_job
from perdure.runtime.wasm.errors import CleanupFailed, InitFailed
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.runtime.wasm.sandbox import SandboxLimits
from perdure.store.events import JobError, JobType, LimitUse

__all__ = ["Scheduler", "cleanup", "describe", "resolve_job", "timer_scheduler"]

# Runs an action after so many seconds unless the returned function is called before. The action may run on any thread.
Scheduler = Callable[[float, Callable[[], None]], Callable[[], None]]

# Of one log line or name. Outside of jobs there is nothing larger to hand over.
_PAYLOAD_BYTES: Final = 64 * 1024


def timer_scheduler(delay: float, action: Callable[[], None]) -> Callable[[], None]:
    """A `Scheduler`: a daemon thread that waits."""
    timer = threading.Timer(delay, action)
    timer.daemon = True
    timer.start()
    return timer.cancel


def describe(
    extension: str,
    load: ModuleLoader,
    limits: SandboxLimits,
    *,
    seconds: float,
    schedule: Scheduler = timer_scheduler,
) -> tuple[JobType, ...]:
    """The job types of a module: those that ``plugin_init`` registers, or else one for each ``execute_NAME`` export.

    ``seconds`` is the wall clock's limit. The module's interface is checked before anything is compiled.

    Raises:
        ForbiddenImports, BadExport: the module does not fit ABI 1.
        InitFailed: ``plugin_init`` (or the start function) trapped, looped, or returned an error.
        ModuleError: from ``load``.
        ValueError: a limit is out of its range.
    """
    shape = check_interface(load.interface())
    with _instance(extension, load, shape, limits) as instance:
        error = _failure(instance.initialise, instance, seconds, schedule)
        if error is not None:
            raise InitFailed(extension, error)
        jobs = offered_jobs(instance.registered, shape.named_jobs)
    if jobs:
        shape.require_alloc()
    return jobs


def cleanup(
    extension: str,
    load: ModuleLoader,
    limits: SandboxLimits,
    *,
    seconds: float,
    schedule: Scheduler = timer_scheduler,
) -> None:
    """Run ``plugin_cleanup``, if the module exports it, in a new instance after ``plugin_init``.

    Raises:
        CleanupFailed: one of them trapped, looped, or returned an error. The unloading can go on.
        ModuleError: from ``load``, or the module does not fit ABI 1.
        ValueError: a limit is out of its range.
    """
    shape = check_interface(load.interface())
    if shape.cleanup_results is None:
        return
    with _instance(extension, load, shape, limits) as instance:

        def initialise_and_clean_up() -> None:
            instance.initialise()
            returned = instance.clean_up()
            if returned:
                message = f"plugin_cleanup returned {returned}, not 0"
                raise GuestFault(JobError("guest_failed", message, data={"result": returned}))

        error = _failure(initialise_and_clean_up, instance, seconds, schedule)
        if error is not None:
            raise CleanupFailed(extension, error)


@contextmanager
def _instance(
    extension: str, load: ModuleLoader, shape: ModuleShape, limits: SandboxLimits
) -> Iterator[ModuleInstance]:
    instance_limits = InstanceLimits(
        fuel=limits.fuel,
        memory_bytes=limits.memory_bytes,
        stack_bytes=limits.stack_bytes,
        payload_bytes=_PAYLOAD_BYTES,
        checkpoint_bytes=0,
    )
    instance = ModuleInstance(load, shape, instance_limits, extension=extension)
    try:
        yield instance
    finally:
        instance.close()


def _failure(
    work: Callable[[], None], instance: ModuleInstance, seconds: float, schedule: Scheduler
) -> JobError | None:
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
