"""What a component did wrong, in the form in which a job's end is recorded.

wasmtime tells a component's traps in words only. Two of them are decided by facts instead (the fuel that is left, the
kill switch that was used); the words of the others are wasmtime's, on the last line, where no name of the guest's
comes.
"""

from __future__ import annotations

from typing import Final

from perdure.runtime.guests.failure import MAX_NAME, ResourceUse, not_loaded, shortened
from perdure.runtime.wasm.component_sandbox import ComponentFailure
from perdure.store.events import JobError, LimitUse, WasmFrame

_TRAP: Final = "wasm trap: "
_STACK: Final = "call stack exhausted"
_MAX_MESSAGE: Final = 2_000
_MAX_TRACEBACK: Final = 16 * 1024


def component_failure(failure: ComponentFailure, use: ResourceUse, during: str, *, is_out_of_fuel: bool) -> JobError:
    """The error for a component that did not return from ``during`` (an export's name, or ``start``)."""
    backtrace = tuple(WasmFrame(name[:MAX_NAME], offset) for name, offset in failure.frames)
    data = {"memory_limit_bytes": use.memory_limit, "during": during}
    if is_out_of_fuel:
        limit = LimitUse("fuel", use.fuel_limit or 0, use.fuel_used, "fuel")
        message = f"{during} ran out of fuel: {limit.used} of {limit.value} used; raise the fuel limit"
        return JobError("out_of_fuel", message, limit=limit, backtrace=backtrace, data={**data, "trap": "out_of_fuel"})
    if not failure.cause.startswith(_TRAP):
        return not_loaded(failure.text, data, failure.cause)
    trap = failure.cause.removeprefix(_TRAP)
    if trap == _STACK:
        limit = LimitUse("stack_bytes", use.stack_limit, use.stack_limit, "bytes")
        message = f"{during} overflowed its stack of {use.stack_limit} bytes; raise stack_bytes, or recurse less"
        return JobError(
            "stack_overflow", message, limit=limit, backtrace=backtrace, data={**data, "trap": "stack_overflow"}
        )
    what = f"{during} trapped: {shortened(trap)}"
    return JobError("trap", what, backtrace=backtrace, data={**data, "trap": shortened(trap)})


def job_failure(use: ResourceUse, kind: str, message: str, traceback: str | None) -> JobError:
    """The failure that a component has told. The end of a long traceback is what helps."""
    data = {"exception": kind[:MAX_NAME]}
    if traceback is not None:
        data["traceback"] = traceback[-_MAX_TRACEBACK:]
    text = message[:_MAX_MESSAGE] or "it failed without a message"
    if kind == "MemoryError":
        limit = LimitUse("memory_bytes", use.memory_limit, use.memory_limit, "bytes")
        what = f"{kind}: {text}; raise max_memory_mb, or use less"
        return JobError("memory", what, limit=limit, data=data)
    return JobError("guest_failed", f"{kind[:MAX_NAME]}: {text}" if kind else text, data=data)


def refused(kind: str, export: str, message: str) -> JobError:
    """``initialise`` or ``clean-up`` returned an error."""
    return JobError(kind, f"{export}: {message[:_MAX_MESSAGE]}", data={"during": export})


def invalid_jobs(name: str, refusal: str) -> JobError:
    """``describe`` named a job that cannot be."""
    return JobError("init_failed", f"describe: job {name[:100]!r}: {refusal}", data={"during": "describe"})


def unreadable_state(error: UnicodeDecodeError) -> JobError:
    """The state is no text; a component's is JSON."""
    message = f"the state is not UTF-8 from byte {error.start} on, as a component's has to be"
    return JobError("load_failed", message, blame="caller", data={"offset": error.start})
