"""ABI 1 behind the protocols of `perdure.actors.guest`: one attempt of one job is one instance of its module."""

from __future__ import annotations

import json
from typing import Final

from perdure.actors.guest import Exit, GuestHost, GuestLoadFailed, GuestResult, GuestSpec, StopGuest
from perdure.runtime.abi1.failure import GuestFault, Killed, abi_violation, guest_failed
from perdure.runtime.abi1.instance import InstanceLimits, ModuleInstance
from perdure.runtime.abi1.interface import ModuleShape, check_interface
from perdure.runtime.errors import PerdureError
from perdure.runtime.wasm.errors import ModuleError
from perdure.runtime.wasm.module_source import ModuleSource
from perdure.store.errors import StoreError
from perdure.store.events import JobError

_EXITS: Final = {0: Exit.COMPLETED, 1: Exit.INTERRUPTED}


class ModuleGuest:
    """One attempt of a job, in an instance of its own (a `perdure.actors.guest.Guest`)."""

    def __init__(self, instance: ModuleInstance, spec: GuestSpec) -> None:
        self._instance = instance
        self._spec = spec
        self._has_run = False

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        """Run the job to its end, on the caller's thread. Never raises for what the guest did.

        ``fuel`` of the result counts everything of this attempt: start function, ``plugin_init``, the job, and the
        allocator's work for the host. Of a guest that was killed, what it did since its last call is missing. With a
        fuel limit, wasmtime looks at each function and loop, so that a guest may end at most one stretch of straight
        code beyond it; the limit is reported then.

        Raises:
            RuntimeError: it has run before; each attempt needs a guest of its own.
            BaseException: a host method raised something like `KeyboardInterrupt`.
        """
        if self._has_run:
            raise RuntimeError("a guest runs once; make another one for the next attempt")
        self._has_run = True
        try:
            self._instance.initialise()
            returned = self._instance.run_job(host, self._spec.export, self._context(), state)
        except (StopGuest, Killed):
            return self._result(Exit.STOPPED)
        except GuestFault as fault:
            return self._result(Exit.FAILED, fault.error)
        if returned in _EXITS:
            return self._result(_EXITS[returned])
        if returned == 2:
            return self._result(Exit.FAILED, guest_failed(self._instance.use(), self._spec.export))
        violation = abi_violation(self._spec.export, "result", returned, "a job returns 0, 1 or 2")
        return self._result(Exit.FAILED, violation.error)

    def allow_fuel(self, fuel: int) -> None:
        """See `perdure.actors.guest.Guest.allow_fuel`."""
        self._instance.allow_fuel(fuel)

    def kill(self) -> None:
        """Stop the guest soon, wherever it is; before `run`, it will not begin. Thread-safe, idempotent, at once."""
        self._instance.kill()

    def close(self) -> None:
        """Free the sandbox. Called on the thread that ran it; idempotent."""
        self._instance.close()

    def _context(self) -> bytes:
        return json.dumps({"job_id": str(self._spec.job_id), "library_id": str(self._spec.library_id)}).encode()

    def _result(self, how: Exit, error: JobError | None = None) -> GuestResult:
        use = self._instance.use()
        return GuestResult(exit=how, fuel=use.fuel_used, memory_bytes=use.memory_bytes, error=error)


class ModuleGuestFactory:
    """Makes guests from the modules of a source (a `perdure.actors.guest.GuestFactory`). Thread-safe."""

    def __init__(self, modules: ModuleSource) -> None:
        self._modules = modules
        self._shapes: dict[str, ModuleShape] = {}

    def __call__(self, spec: GuestSpec) -> ModuleGuest:
        """Make a guest: 0.1 ms for a module that was compiled before, and 0.25 ms more when it runs.

        Raises:
            GuestLoadFailed: the module is missing, damaged or refused, has no such export, or a limit is out of range.
        """
        try:
            return ModuleGuest(self._instance(spec), spec)
        except (ModuleError, ValueError) as error:
            # A module that was refused now was refused at install; the dispatcher's limits are the dispatcher's.
            blame = "guest" if isinstance(error, ModuleError) else "caller"
            raise GuestLoadFailed(_load_failed(error, blame, spec)) from error
        except (PerdureError, StoreError, OSError) as error:
            raise GuestLoadFailed(_load_failed(error, "host", spec)) from error

    def _instance(self, spec: GuestSpec) -> ModuleInstance:
        loader = self._modules.loader(spec.module)
        shape = self._shapes.get(spec.module)
        if shape is None:
            shape = self._shapes[spec.module] = check_interface(loader.interface())
        shape.require_alloc()
        if spec.export not in shape.job_exports:
            raise GuestLoadFailed(
                JobError(
                    "load_failed",
                    f"the module exports no job function {spec.export!r}",
                    data={"module": spec.module, "export": spec.export},
                )
            )
        limits = InstanceLimits(
            fuel=spec.fuel,
            memory_bytes=spec.memory_bytes,
            stack_bytes=spec.stack_bytes,
            payload_bytes=spec.payload_bytes,
            checkpoint_bytes=spec.checkpoint_bytes,
        )
        return ModuleInstance(loader, shape, limits, extension=spec.extension, job_id=spec.job_id)


def _load_failed(error: Exception, blame: str, spec: GuestSpec) -> JobError:
    return JobError(
        "load_failed", str(error), blame=blame, data={"module": spec.module, "exception": type(error).__name__}
    )
