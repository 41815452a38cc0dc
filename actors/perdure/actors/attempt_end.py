"""How an attempt's end is stated: what the attempt itself and a proof of it have to say alike. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.store.events import (
    Event,
    JobCancelled,
    JobCompleted,
    JobError,
    JobFailed,
    JobPaused,
    JobSuspended,
    LimitUse,
    RetryScheduled,
)

# What a guest did itself. The other kinds of errors come from a clock, a budget, a defect or the loading of the module.
_GUESTS: Final = frozenset(
    {
        "trap",
        "stack_overflow",
        "memory",
        "payload_size",
        "checkpoint_size",
        "abi_violation",
        "guest_failed",
        "init_failed",
    }
)
_OF_THE_JOB: Final = frozenset({"fuel", "memory_bytes", "stack_bytes", "payload_bytes", "checkpoint_bytes"})


def as_job_limit(error: JobError, limit: int | None, used: int) -> JobError:
    """The error with the job's fuel limit, of which ``used`` units are consumed: the guest counts a run's."""
    if error.limit is None or error.limit.limit != "fuel":
        return error
    use = LimitUse("fuel", limit or 0, used, error.limit.unit)
    return msgspec.structs.replace(error, message=f"the job used {use.used} of {use.value} units of fuel", limit=use)


def is_guests_end(event: Event) -> bool:
    """Whether the guest ended its run itself, so that it ends in the same way whenever it is run again."""
    if isinstance(event, JobCompleted):
        return True
    if isinstance(event, JobPaused | JobSuspended | JobCancelled):
        return not event.forced and event.fuel > 0  # without any, no guest of this attempt ran
    if isinstance(event, JobFailed | RetryScheduled):
        error = event.error
        if error.kind in _GUESTS or error.kind == "out_of_fuel":
            return error.limit is None or error.limit.limit in _OF_THE_JOB
    return False
