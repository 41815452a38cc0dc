"""What a dispatcher asks for, checked: pure, before anything is recorded."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from perdure.runtime.budgets.budgets import MOST, Budgets, JobTypeBudgets
from perdure.runtime.errors import InvalidLimits, InvalidState, StateTooLarge
from perdure.store.events import JobLimits, RetryPolicy

_STACK_BYTES: Final = range(64 * 1024, 1024 * 1024 + 1)  # a thread's stack is 8 MiB on Linux


def encoded_state(state: object, limits: JobLimits) -> bytes:
    """The bytes of a job's first state: JSON as bytes as it is, anything else as JSON, None as no bytes.

    Raises:
        InvalidState: it cannot be said in JSON.
        StateTooLarge: it is larger than a checkpoint may be.
    """
    if state is None:
        return b""
    if isinstance(state, bytes | bytearray | memoryview):
        data = bytes(state)
        try:
            msgspec.json.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidState(str(error)) from None
    else:
        try:
            data = msgspec.json.encode(state)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise InvalidState(str(error)) from None
    if len(data) > limits.checkpoint_bytes:
        raise StateTooLarge(len(data), limits.checkpoint_bytes)
    return data


def checked_limits(limits: JobLimits | None, budgets: Budgets, job_type: str) -> JobLimits:
    """The limits a job gets: those asked for, with fuel and memory at most what the budgets allow.

    ``job_type`` is its name within the extension.

    Raises:
        InvalidLimits: one of them makes no sense.
    """
    both = (budgets, budgets.job_types.get(job_type, JobTypeBudgets()))
    most = min(one.memory_bytes.limit or MOST for one in both)
    fuel = min((one.fuel_per_job.limit for one in both if one.fuel_per_job.limit is not None), default=None)
    if limits is None:
        return JobLimits(memory_bytes=most, fuel=fuel)
    for name in limits.__struct_fields__:
        value: Any = getattr(limits, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**62):
            raise InvalidLimits(name, value, "a whole number from 1")
    if limits.stack_bytes not in _STACK_BYTES:
        raise InvalidLimits("stack_bytes", limits.stack_bytes, f"from {_STACK_BYTES[0]} to {_STACK_BYTES[-1]}")
    if fuel is not None and limits.fuel is not None:
        fuel = min(limits.fuel, fuel)
    return msgspec.structs.replace(
        limits, memory_bytes=min(limits.memory_bytes, most), fuel=fuel if fuel is not None else limits.fuel
    )


def limits_within(limits: JobLimits, most: JobLimits) -> JobLimits:
    """``limits``, each at most what ``most`` says; None is no limit."""
    fields: dict[str, int | None] = {}
    for name in limits.__struct_fields__:
        wanted, allowed = getattr(limits, name), getattr(most, name)
        fields[name] = min((value for value in (wanted, allowed) if value is not None), default=None)
    return msgspec.structs.replace(limits, **fields)


def checked_retry(retry: RetryPolicy | None) -> RetryPolicy:
    """The retry policy a job gets; none was asked for: one attempt.

    Raises:
        InvalidLimits: it makes no sense.
    """
    if retry is None:
        return RetryPolicy()
    if not 1 <= retry.attempts <= 1_000_000:
        raise InvalidLimits("retry.attempts", retry.attempts, "from 1 to 1,000,000")
    if retry.initial_ms < 0 or retry.maximum_ms < 0:
        raise InvalidLimits("retry.initial_ms", retry.initial_ms, "not negative")
    if not 1.0 <= retry.factor <= 100.0:
        raise InvalidLimits("retry.factor", retry.factor, "from 1 to 100")
    if not 0.0 <= retry.jitter <= 1.0:
        raise InvalidLimits("retry.jitter", retry.jitter, "from 0 to 1")
    return retry
