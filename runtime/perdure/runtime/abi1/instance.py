"""One instance of an ABI 1 module: made, initialised, run, cleaned up, each under the limits of its sandbox.

Every entry into the guest goes through `_enter`, which says in which phase it is, and turns whatever ends it other
than a return into `GuestFault`, `Killed`, or what a host call was stopped by.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
import wasmtime

from perdure.actors.guest import Exit, GuestHost
from perdure.runtime.abi1.allocator import GuestAllocator
from perdure.runtime.abi1.host_functions import HostFunctions
from perdure.runtime.abi1.interface import ModuleShape
from perdure.runtime.abi1.memory import GuestMemory
from perdure.runtime.guests.failure import (
    GuestFault,
    Killed,
    ResourceUse,
    abi_violation,
    guest_failed,
    init_error,
    init_refused,
    out_of_memory,
    trap_error,
)
from perdure.runtime.guests.instance import InstanceLimits, JobTask, Outcome, Phase
from perdure.runtime.guests.job_types import JobRegistry, offered_jobs
from perdure.runtime.guests.stopping import raise_if_stopped, raise_lost
from perdure.runtime.wasm.boundary.protocol import Boundary, LostFailure
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.runtime.wasm.sandbox import Sandbox
from perdure.store.events import JobError, JobType, LimitUse

_log = logging.getLogger("perdure.guest")
_PAGE_BYTES: Final = 64 * 1024
_EXITS: Final = {0: Exit.COMPLETED, 1: Exit.INTERRUPTED}


class ModuleInstance:
    """An instance; all but `kill` is for one thread."""

    def __init__(
        self,
        load: ModuleLoader,
        shape: ModuleShape,
        limits: InstanceLimits,
        boundary: Boundary,
        *,
        extension: str,
        job_id: UUID | None = None,
    ) -> None:
        """Load the module. Nothing of it runs yet.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        self._shape = shape
        self._limits = limits
        self._sandbox = Sandbox(load, limits, boundary)
        self._registry = JobRegistry(shape.job_exports)
        self._functions = HostFunctions(
            self._sandbox,
            extension=extension,
            job_id=job_id,
            payload_bytes=limits.payload_bytes,
            checkpoint_bytes=limits.checkpoint_bytes,
            registry=self._registry,
        )
        self._memory: GuestMemory | None = None
        self._allocator: GuestAllocator | None = None

    def use(self) -> ResourceUse:
        """What the guest has used by now."""
        return ResourceUse(
            fuel_used=self._sandbox.fuel_used(),
            fuel_limit=self._limits.fuel,
            memory_bytes=self._sandbox.memory_bytes(),
            # Memory grows by pages: of a limit that is none of whole pages the rest can never be used.
            memory_limit=self._limits.memory_bytes // _PAGE_BYTES * _PAGE_BYTES,
            stack_limit=self._limits.stack_bytes,
        )

    def allow_fuel(self, fuel: int) -> None:
        """See `Sandbox.allow_fuel`."""
        self._sandbox.allow_fuel(fuel)

    def initialise(self) -> None:
        """Make the instance, with its start function, and run ``plugin_init``.

        Raises:
            GuestFault: one of them failed.
            Killed: the guest was killed.
        """
        minimum = self._shape.memory.minimum_bytes
        if minimum > self._limits.memory_bytes:
            # wasmtime would refuse as well, in words only.
            error = out_of_memory(self.use(), f"the module needs {minimum} bytes of memory to start", during="start")
            limit = LimitUse("memory_bytes", self._limits.memory_bytes, minimum, "bytes")
            raise GuestFault(msgspec.structs.replace(error, limit=limit))
        functions = self._functions
        imports = functions.imports(self._shape.imports)
        try:
            self._enter(Phase.START, "start", lambda: self._sandbox.instantiate(imports, functions))
            self._attach()
            result = self._call_lifecycle(Phase.INIT, "plugin_init", self._shape.init_results)
        except GuestFault as fault:
            raise GuestFault(init_error(fault.error)) from None
        if result:
            raise GuestFault(init_refused(result))

    def job_types(self) -> tuple[JobType, ...]:
        """See `Instance.job_types`: those that ``plugin_init`` registers, or else one for each ``execute_NAME``."""
        self.initialise()
        jobs = offered_jobs(self._registry.registered, self._shape.named_jobs)
        if jobs:
            self._shape.require_alloc()
        return jobs

    def run_job(self, host: GuestHost, task: JobTask, state: bytes) -> Outcome:
        """See `Instance.run_job`."""
        function = self._sandbox.function(task.export, 4, 1)
        if function is None or self._allocator is None:
            raise ValueError(f"{task.export!r} is no job export of this module, or the instance was not initialised")
        self._functions.serve(host)
        context = json.dumps({"job_id": str(task.job_id), "library_id": str(task.library_id)}).encode()
        context_ptr = self._hand_over(context, "the context")
        state_ptr = self._hand_over(state, "the state") if state else 0
        result = self._enter(Phase.RUN, task.export, lambda: function(context_ptr, len(context), state_ptr, len(state)))
        try:
            self._allocator.release()
        except (GuestFault, Killed) as failure:
            # The job has returned, and its instance goes away: its outcome stands.
            _log.warning("wasm_free failed after %s had returned: %s", task.export, failure)
        return self._outcome(task.export, result or 0)

    def clean_up(self) -> None:
        """See `Instance.clean_up`: ``plugin_cleanup``, if there is one."""
        returned = self._call_lifecycle(Phase.CLEANUP, "plugin_cleanup", self._shape.cleanup_results)
        if returned:
            message = f"plugin_cleanup returned {returned}, not 0"
            raise GuestFault(JobError("guest_failed", message, data={"result": returned}))

    def kill(self) -> None:
        """Stop the guest, wherever it is. Thread-safe, idempotent, at any time."""
        self._sandbox.kill()

    def close(self) -> None:
        """Free everything; idempotent."""
        self._sandbox.close()
        self._functions.forget()
        self._memory = self._allocator = None

    def _outcome(self, export: str, returned: int) -> Outcome:
        if returned in _EXITS:
            return Outcome(_EXITS[returned])
        if returned == 2:
            return Outcome(Exit.FAILED, guest_failed(self.use(), export, self._functions.last_words))
        raise abi_violation(export, "result", returned, "a job returns 0, 1 or 2")

    def _attach(self) -> None:
        memory = self._sandbox.memory
        if memory is None:
            raise ValueError("the module exports no memory; its interface was not checked")
        self._memory = GuestMemory(memory)
        if self._shape.has_alloc:
            self._allocator = GuestAllocator(self._memory, self._alloc(), self._free())
        self._functions.attach(self._memory, self._allocator, self._answer_room)

    def _answer_room(self) -> ResourceUse:
        # The module's own maximum binds it as much as the host's limit does.
        use = self.use()
        return msgspec.structs.replace(use, memory_limit=min(use.memory_limit, self._shape.memory.maximum_bytes))

    def _alloc(self) -> Callable[[int], int]:
        function = self._sandbox.function("wasm_alloc", 1, 1)
        if function is None:
            raise ValueError("the module exports no wasm_alloc; its interface was not checked")
        return lambda size: self._enter(Phase.ALLOCATOR, "wasm_alloc", lambda: function(size)) or 0

    def _free(self) -> Callable[[int, int], None] | None:
        function = self._sandbox.function("wasm_free", 2, 0)
        if function is None:
            return None

        def free(pointer: int, size: int) -> None:
            self._enter(Phase.ALLOCATOR, "wasm_free", lambda: function(pointer, size))

        return free

    def _hand_over(self, data: bytes, what: str) -> int:
        if self._allocator is None:
            raise ValueError("the instance was not initialised")
        pointer = self._allocator.hold(data)
        if pointer is not None:
            return pointer
        room = self._answer_room()
        if room.is_short_of_memory(len(data)):
            raise GuestFault(out_of_memory(room, f"wasm_alloc had no {len(data)} bytes for {what}"))
        raise abi_violation("wasm_alloc", "result", 0, f"no {len(data)} bytes for {what}, though there is memory left")

    def _call_lifecycle(self, phase: Phase, name: str, results: int | None) -> int | None:
        if results is None:
            return None
        function = self._sandbox.function(name, 0, results)
        if function is None:
            raise ValueError(f"the module exports no {name}; its interface was not checked")
        return self._enter(phase, name, function)

    def _enter(self, phase: Phase, name: str, call: Callable[[], int | None]) -> int | None:
        functions = self._functions
        before, functions.phase = functions.phase, phase
        try:
            result = call()
        except (wasmtime.Trap, wasmtime.WasmtimeError) as cause:
            raise_if_stopped(functions.stopped_by, functions.stopped_in)
            raise GuestFault(trap_error(cause, self.use(), name)) from None
        except LostFailure as lost:
            raise_if_stopped(functions.stopped_by, functions.stopped_in)
            raise_lost(lost, name, is_killed=self._sandbox.is_killed)
        finally:
            functions.phase = before
        raise_if_stopped(functions.stopped_by, functions.stopped_in)
        return result
