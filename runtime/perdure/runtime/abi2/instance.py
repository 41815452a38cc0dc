"""One instance of a component: made, initialised, run, cleaned up (a `perdure.runtime.guests.instance.Instance`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from perdure.actors.guest import Exit, GuestHost
from perdure.runtime.abi2.failure import component_failure, invalid_jobs, job_failure, refused, unreadable_state
from perdure.runtime.abi2.host_functions import HostFunctions
from perdure.runtime.abi2.interface import EXPORTS, HOST
from perdure.runtime.guests.failure import GuestFault, Killed, ResourceUse, init_error
from perdure.runtime.guests.instance import InstanceLimits, JobTask, Outcome, Phase
from perdure.runtime.guests.job_types import JobRegistry
from perdure.runtime.guests.stopping import raise_if_stopped, raise_lost
from perdure.runtime.wasm.boundary.protocol import ImportedComponentFunction, LostFailure
from perdure.runtime.wasm.component_sandbox import ComponentFailure, ComponentSandbox
from perdure.runtime.wasm.wit import Case, Ok
from perdure.store.events import JobError, JobType

_PAGE_BYTES: Final = 64 * 1024


class ComponentInstance:
    """An instance; all but `kill` is for one thread."""

    def __init__(
        self, sandbox: ComponentSandbox, imports: tuple[str, ...], limits: InstanceLimits, *, extension: str
    ) -> None:
        self._sandbox = sandbox
        self._imports = imports
        self._limits = limits
        self._registry = JobRegistry()
        self._functions = HostFunctions(
            sandbox,
            extension=extension,
            payload_bytes=limits.payload_bytes,
            checkpoint_bytes=limits.checkpoint_bytes,
            registry=self._registry,
        )

    def use(self) -> ResourceUse:
        """What the guest has used by now. Its memory is its own affair: wasmtime shows no component's to the host."""
        return ResourceUse(
            fuel_used=self._sandbox.fuel_used(),
            fuel_limit=self._limits.fuel,
            memory_bytes=0,
            memory_limit=self._limits.memory_bytes // _PAGE_BYTES * _PAGE_BYTES,
            stack_limit=self._limits.stack_bytes,
        )

    def allow_fuel(self, fuel: int) -> None:
        """See `GuestStore.allow_fuel`."""
        self._sandbox.allow_fuel(fuel)

    def initialise(self) -> None:
        """See `Instance.initialise`."""
        self._make()
        self._initialise()

    def job_types(self) -> tuple[JobType, ...]:
        """See `Instance.job_types`: those that ``describe`` names, and those that ``initialise`` registers."""
        self._make()
        for name, resumable in self._starting(Phase.DESCRIBE, "describe"):
            refusal = self._registry.register(name, name, resumable=resumable)
            if refusal:
                raise GuestFault(invalid_jobs(name, refusal))
        self._initialise()
        return self._registry.registered

    def run_job(self, host: GuestHost, task: JobTask, state: bytes) -> Outcome:
        """See `Instance.run_job`. The final state, if there is one, is saved as the last checkpoint."""
        try:
            text = state.decode() if state else None
        except UnicodeDecodeError as error:
            raise GuestFault(unreadable_state(error)) from None
        self._functions.serve(host)
        context = (str(task.job_id), str(task.library_id))
        result = self._call(Phase.RUN, "run", task.export, context, text)
        if isinstance(result, Ok):
            return self._finish(result.value)
        ending: Case = result.value
        if ending.name == "interrupted":
            return Outcome(Exit.INTERRUPTED)
        return Outcome(Exit.FAILED, job_failure(self.use(), *ending.value))

    def clean_up(self) -> None:
        """See `Instance.clean_up`."""
        result = self._call(Phase.CLEANUP, "clean-up")
        if not isinstance(result, Ok):
            raise GuestFault(refused("guest_failed", "clean-up", result.value))

    def kill(self) -> None:
        """Stop the guest, wherever it is. Thread-safe, idempotent, at any time."""
        self._sandbox.kill()

    def close(self) -> None:
        """Free everything; idempotent."""
        self._sandbox.close()
        self._functions.forget()

    def _make(self) -> None:
        functions = self._functions
        try:
            self._enter(
                Phase.START, "start", lambda: self._sandbox.instantiate(self._imports, self._offered, functions)
            )
        except GuestFault as fault:
            raise GuestFault(init_error(fault.error)) from None

    def _offered(self, instance: str) -> list[ImportedComponentFunction]:
        return self._functions.imports() if instance == HOST else []

    def _initialise(self) -> None:
        result = self._starting(Phase.INIT, "initialise")
        if not isinstance(result, Ok):
            raise GuestFault(refused("init_failed", "initialise", result.value))

    def _starting(self, phase: Phase, export: str) -> Any:
        try:
            return self._call(phase, export)
        except GuestFault as fault:
            raise GuestFault(init_error(fault.error)) from None

    def _finish(self, final: str | None) -> Outcome:
        if final is None:
            return Outcome(Exit.COMPLETED)
        before, self._functions.phase = self._functions.phase, Phase.RUN
        try:
            is_saved = self._functions.save(final)
        finally:
            self._functions.phase = before
        if is_saved:
            return Outcome(Exit.COMPLETED)
        return Outcome(Exit.FAILED, JobError("checkpoint_failed", "the final state could not be stored", blame="host"))

    def _call(self, phase: Phase, export: str, *arguments: Any) -> Any:
        function = self._sandbox.function(export, EXPORTS[export])
        if function is None:
            raise ValueError(f"the component exports no {export}; its interface was not checked")
        return self._enter(phase, export, lambda: function(*arguments))

    def _enter(self, phase: Phase, name: str, call: Callable[[], Any]) -> Any:
        functions = self._functions
        before, functions.phase = functions.phase, phase
        try:
            result = call()
        except ComponentFailure as failure:
            raise_if_stopped(functions.stopped_by, functions.stopped_in)
            if self._sandbox.is_killed:
                raise Killed from None
            raise GuestFault(
                component_failure(failure, self.use(), name, is_out_of_fuel=self._sandbox.is_out_of_fuel())
            ) from None
        except LostFailure as lost:
            raise_if_stopped(functions.stopped_by, functions.stopped_in)
            raise_lost(lost, name, is_killed=self._sandbox.is_killed)
        finally:
            functions.phase = before
        raise_if_stopped(functions.stopped_by, functions.stopped_in)
        return result
