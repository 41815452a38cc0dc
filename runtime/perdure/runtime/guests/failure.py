"""What a guest did wrong, in the form in which a job's end is recorded.

``limit`` in a `LimitUse` is the name of the field of `JobLimits` that was too small; so whoever reads the error knows
what to raise. The words of wasmtime's traps are put into ``data["trap"]``.

Memory is a guess, and this is the rule: wasmtime's C API does not tell the host that it refused a guest more memory;
the guest finds out, and then traps, gives up, or has no room for the host's bytes. If any of that happens while its
memory is within a margin of the limit (1 MiB, or an eighth of a small limit), the failure is called ``memory``, and
``data`` keeps what it looked like. Any other failure has ``memory_bytes`` and ``memory_limit_bytes`` in ``data``, so
that a guest that asked for far more at once can be recognised.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import wasmtime
from wasmtime import TrapCode

from perdure.runtime.wasm.address_space import refusal
from perdure.store.events import JobError, JsonObject, LimitUse, WasmFrame

_MARGIN_BYTES: Final = 1024 * 1024
MAX_NAME: Final = 200
_MAX_TEXT: Final = 500


class GuestFault(Exception):
    """The guest is at fault, and its job ends with ``error``. Never leaves the guest adapter."""

    def __init__(self, error: JobError) -> None:
        self.error = error
        super().__init__(error.message)


class Killed(Exception):
    """The guest was stopped by its kill switch. Never leaves the guest adapter."""


class ResourceUse(msgspec.Struct, frozen=True):
    """What a guest had used when it failed, beside what it may use. Sizes in bytes; no fuel limit is None."""

    fuel_used: int
    fuel_limit: int | None
    memory_bytes: int
    memory_limit: int
    stack_limit: int

    def is_short_of_memory(self, needed: int = 0) -> bool:
        """Whether ``needed`` more bytes would come within the margin of the limit."""
        return self.memory_bytes + needed > self.memory_limit - min(_MARGIN_BYTES, self.memory_limit // 8)

    def memory_use(self) -> LimitUse:
        """The memory's limit and use."""
        return LimitUse("memory_bytes", self.memory_limit, self.memory_bytes, "bytes")

    def as_data(self) -> JsonObject:
        """The memory's figures, for an error's ``data``."""
        return {"memory_bytes": self.memory_bytes, "memory_limit_bytes": self.memory_limit}


def abi_violation(function: str, argument: str, value: int | str, why: str) -> GuestFault:
    """The guest broke the contract in this argument (or ``result``) of this function."""
    return GuestFault(
        JobError(
            "abi_violation",
            f"{function}: {argument} is {value}: {why}",
            data={"function": function, "argument": argument, "value": value},
        )
    )


class SizeLimit(msgspec.Struct, frozen=True):
    """How many bytes a guest may hand over at once: ``name`` is the field of `JobLimits`, ``kind`` the error's."""

    kind: str
    name: str
    value: int

    def exceeded(self, function: str, used: int) -> GuestFault:
        """The error for ``used`` bytes handed to ``function``."""
        return GuestFault(
            JobError(
                self.kind,
                f"{function}: {used} bytes are more than {self.name} allows ({self.value}); raise it, or send less",
                limit=LimitUse(self.name, self.value, used, "bytes"),
                data={"function": function},
            )
        )


def out_of_memory(use: ResourceUse, what: str, **data: Any) -> JobError:
    """The guest needed more memory than it may have; ``what`` says how that showed."""
    return JobError(
        "memory",
        f"{what} with {use.memory_bytes} of {use.memory_limit} bytes of memory used; raise max_memory_mb, or use less",
        limit=use.memory_use(),
        data=use.as_data() | data,
    )


def guest_failed(use: ResourceUse, export: str, last_words: str) -> JobError:
    """The guest returned 2, which says no more; ``last_words`` is the last line that it logged as an error, if any."""
    what = f"{export} returned 2 (failed)"
    if last_words:
        what = f"{what}: {shortened(last_words)}"
    if use.is_short_of_memory():
        return out_of_memory(use, what, result=2)
    return JobError("guest_failed", what, data=use.as_data() | {"result": 2})


def host_error(cause: Exception, function: str) -> JobError:
    """A defect of the host, found while it served the guest."""
    return JobError(
        "host_error",
        f"the host failed in {function}: {type(cause).__name__}: {shortened(str(cause))}; see the program's log",
        blame="host",
        data={"function": function, "exception": type(cause).__name__},
    )


def trap_error(cause: wasmtime.Trap | wasmtime.WasmtimeError, use: ResourceUse, during: str) -> JobError:
    """The error for a guest that did not return from ``during`` (an export's name, or ``start``).

    Raises:
        Killed: it was stopped by its kill switch.
    """
    if isinstance(cause, wasmtime.WasmtimeError):
        return not_loaded(str(cause), use.as_data() | {"during": during})
    code = _trap_code(cause)
    if code is TrapCode.INTERRUPT:
        raise Killed
    backtrace = _backtrace(cause)
    data = use.as_data() | {"during": during, "trap": "unknown" if code is None else code.name.lower()}
    if code is TrapCode.OUT_OF_FUEL:
        limit = LimitUse("fuel", use.fuel_limit or 0, use.fuel_used, "fuel")
        message = f"{during} ran out of fuel: {limit.used} of {limit.value} used; raise the fuel limit"
        return JobError("out_of_fuel", message, limit=limit, backtrace=backtrace, data=data)
    if code is TrapCode.STACK_OVERFLOW:
        # The stack is the only resource that wasmtime measures by its limit: all of it was used.
        limit = LimitUse("stack_bytes", use.stack_limit, use.stack_limit, "bytes")
        message = f"{during} overflowed its stack of {use.stack_limit} bytes; raise stack_bytes, or recurse less"
        return JobError("stack_overflow", message, limit=limit, backtrace=backtrace, data=data)
    what = f"{during} trapped: {_trap_text(cause)}"
    if use.is_short_of_memory():
        short = out_of_memory(use, what)
        return msgspec.structs.replace(short, backtrace=backtrace, data=data)
    return JobError("trap", what, backtrace=backtrace, data=data)


def not_loaded(text: str, data: JsonObject, cause: str = "") -> JobError:
    """The error for an instance that could not be made: ``text`` is wasmtime's, ``cause`` what of it is shown."""
    if refused := refusal(text):
        return JobError("load_failed", refused, blame="host", data=data)
    return JobError("load_failed", shortened(cause or text), data=data)


def init_error(cause: JobError) -> JobError:
    """What a guest that trapped before its job began is recorded as; a broken contract stays what it is."""
    if cause.kind not in ("trap", "stack_overflow", "out_of_fuel"):
        return cause
    return msgspec.structs.replace(cause, kind="init_failed", data=cause.data | {"cause": cause.kind})


def init_refused(result: int) -> JobError:
    """``plugin_init`` returned something else than 0."""
    return JobError(
        "init_failed", f"plugin_init returned {result}, not 0", data={"during": "plugin_init", "result": result}
    )


def _trap_code(trap: wasmtime.Trap) -> TrapCode | None:
    try:
        return trap.trap_code
    except ValueError:  # a code that this wasmtime-py does not know
        return None


def _trap_text(trap: wasmtime.Trap) -> str:
    # wasmtime's text is the backtrace and then, on its last line, "wasm trap: integer divide by zero".
    return shortened(trap.message.strip().splitlines()[-1].strip().removeprefix("wasm trap: "))


def _backtrace(trap: wasmtime.Trap) -> tuple[WasmFrame, ...]:
    # wasmtime keeps 20 frames. Names are the module's own: anything, and of any length.
    return tuple(
        WasmFrame((frame.func_name or f"function[{frame.func_index}]")[:MAX_NAME], frame.module_offset)
        for frame in trap.frames
    )


def shortened(text: str) -> str:
    """Text of the guest or of wasmtime, at a length that an event can bear."""
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
