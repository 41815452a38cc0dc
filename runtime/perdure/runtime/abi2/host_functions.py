"""The nine functions of ``perdure:extension/host``, between a component and a `GuestHost`.

They are called by C, so nothing they raise may travel on (it would have no place to go to): the boundary gives it to
`HostFunctions.stop`, where it is kept, and traps the guest.
"""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

from perdure.actors.guest import GuestHost, Interrupt
from perdure.runtime.abi2.interface import ERROR_CODE, IMPORTS
from perdure.runtime.guests.failure import SizeLimit, abi_violation
from perdure.runtime.guests.instance import Phase
from perdure.runtime.guests.job_types import JobRegistry
from perdure.runtime.guests.program_log import ProgramLog
from perdure.runtime.wasm.boundary.protocol import ImportedComponentFunction
from perdure.runtime.wasm.guest_store import GuestStore
from perdure.runtime.wasm.wit import Err, Ok, ValueMismatch

_LEVELS: Final = {"debug": 0, "info": 1, "warn": 2, "error": 3}
_INTERRUPTS: Final = {Interrupt.CONTINUE: "proceed", Interrupt.PAUSE: "pause", Interrupt.CANCEL: "cancel"}
_CODES: Final = {name.replace("-", "_"): name for name in ERROR_CODE.names}
_MOST: Final = (1 << 63) - 1


class HostFunctions:
    """The state behind the imports of one instance: each method is the body of the import of that name."""

    def __init__(
        self,
        store: GuestStore,
        *,
        extension: str,
        payload_bytes: int,
        checkpoint_bytes: int,
        registry: JobRegistry,
    ) -> None:
        self._store = store
        self._fuel_used = store.fuel_used
        self._payload = SizeLimit("payload_size", "payload_bytes", payload_bytes)
        self._checkpoint = SizeLimit("checkpoint_size", "checkpoint_bytes", checkpoint_bytes)
        self._registry = registry
        self._program_log = ProgramLog(extension)
        self._host: GuestHost | None = None
        self.phase = Phase.START
        self.stopped_by: BaseException | None = None
        self.stopped_in = ""

    def serve(self, host: GuestHost) -> None:
        """Take the host of the job that is about to run."""
        self._host = host

    def forget(self) -> None:
        """Let go of everything that refers back here, so that it is freed at once."""
        self._host = self.stopped_by = None
        self.phase = Phase.DONE

    def imports(self) -> list[ImportedComponentFunction]:
        """All of them, for a sandbox."""
        return [
            ImportedComponentFunction(name, kind, getattr(self, name.replace("-", "_")))
            for name, kind in IMPORTS.items()
        ]

    def stop(self, cause: BaseException, function: str) -> None:
        """Stop the guest because of ``cause``. The first cause stays."""
        if self.stopped_by is None:
            if isinstance(cause, ValueMismatch):
                cause = abi_violation(function, "type", str(cause.expected), "its value is of another type")
            self.stopped_by, self.stopped_in = cause, function
        self._store.halt()

    # --- the imports -------------------------------------------------------------------------------------------------

    def call(self, method: str, library_id: str | None, payload: str) -> Ok | Err:
        """Run an operation."""
        host = self._serving("call")
        self._sized(self._payload, "call", method)
        data = self._sized(self._payload, "call", payload)
        library = None
        if library_id is not None:
            try:
                library = UUID(library_id)
            except ValueError:
                return _error("invalid_payload", "the library id is no UUID")
        answer = host.call(self._fuel_used(), method, library, data)
        return _failure(answer) or Ok(answer.decode())

    def log(self, level: str, message: str) -> None:
        """Write to the job's log; before and after the job, to the program's."""
        self._sized(self._payload, "log", message)
        if self.phase is Phase.RUN:
            self._serving("log").log(self._fuel_used(), _LEVELS[level], message)
        elif self.phase in (Phase.DESCRIBE, Phase.INIT, Phase.CLEANUP):
            self._program_log.write(_LEVELS[level], message)
        else:
            raise self._not_now("log")

    def report_progress(self, fraction: float, message: str) -> None:
        """Report a fraction."""
        host = self._serving("report-progress")
        self._sized(self._payload, "report-progress", message)
        host.report_progress(self._fuel_used(), fraction, message)

    def checkpoint(self, state: str) -> Ok | Err:
        """Save the state."""
        return Ok() if self.save(state) else Err()

    def save(self, state: str) -> bool:
        """Save the state; whether it could be stored.

        Raises:
            GuestFault: it is too large, or no job runs.
        """
        host = self._serving("checkpoint")
        return host.checkpoint(self._fuel_used(), self._sized(self._checkpoint, "checkpoint", state))

    def check_interrupt(self) -> str:
        """Ask whether to go on."""
        return _INTERRUPTS[self._serving("check-interrupt").check_interrupt(self._fuel_used())]

    def add_warning(self, message: str) -> None:
        """Add a warning."""
        host = self._serving("add-warning")
        self._sized(self._payload, "add-warning", message)
        host.add_warning(self._fuel_used(), message)

    def increment_bytes(self, count: int) -> None:
        """Count bytes."""
        self._serving("increment-bytes").increment_bytes(self._fuel_used(), _counted("increment-bytes", "bytes", count))

    def increment_items(self, count: int) -> None:
        """Count items."""
        self._serving("increment-items").increment_items(self._fuel_used(), _counted("increment-items", "count", count))

    def register_job(self, name: str, resumable: bool) -> Ok | Err:
        """Offer a job type; refused when it is not initialised just now."""
        if self.phase is not Phase.INIT:
            return Err("jobs can be registered during initialise only")
        self._sized(self._payload, "register-job", name)
        refusal = self._registry.register(name, name, resumable=resumable)
        return Err(refusal) if refusal else Ok()

    # --- what they share ---------------------------------------------------------------------------------------------

    def _serving(self, function: str) -> GuestHost:
        if self.phase is Phase.RUN and self._host is not None:
            return self._host
        raise self._not_now(function)

    def _not_now(self, function: str) -> Exception:
        return abi_violation(function, "call", self.phase.value, "this call is not allowed there")

    def _sized(self, limit: SizeLimit, function: str, text: str) -> bytes:
        data = text.encode()
        if len(data) > limit.value:
            raise limit.exceeded(function, len(data))
        return data


def _counted(function: str, argument: str, count: int) -> int:
    if count > _MOST:
        raise abi_violation(function, argument, str(count), f"more than {_MOST} at once")
    return count


def _failure(answer: bytes) -> Err | None:
    """The error that an answer is, if it is one."""
    if b'"code"' not in answer or b'"error"' not in answer:
        return None
    told = json.loads(answer)
    if not isinstance(told, dict) or told.get("code") not in _CODES or not isinstance(told.get("error"), str):
        return None
    retry = told.get("retry_after_ms")
    wait = retry if isinstance(retry, int) and 0 <= retry <= _MOST else None
    return Err((_CODES[told["code"]], told["error"], wait, answer.decode()))


def _error(code: str, message: str) -> Err:
    answer = json.dumps({"error": message, "code": code})
    return Err((_CODES[code], message, None, answer))
