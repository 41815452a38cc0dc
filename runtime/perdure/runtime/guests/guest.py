"""An instance behind the protocol of `perdure.actors.guest`: one attempt of one job is one instance of its file."""

from __future__ import annotations

from perdure.actors.guest import Exit, GuestHost, GuestResult, StopGuest
from perdure.runtime.guests.failure import GuestFault, Killed
from perdure.runtime.guests.instance import Instance, JobTask
from perdure.store.events import JobError


class WasmGuest:
    """One attempt of a job, in an instance of its own (a `perdure.actors.guest.Guest`)."""

    def __init__(self, instance: Instance, task: JobTask) -> None:
        self._instance = instance
        self._task = task
        self._has_run = False

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        """Run the job to its end, on the caller's thread. Never raises for what the guest did.

        ``fuel`` of the result counts everything of this attempt: start functions, initialisation, the job, and what
        the guest did to take and give the host's bytes. Of a guest that was killed, what it did since its last call is
        missing. With a fuel limit, wasmtime looks at each function and loop, so that a guest may end at most one
        stretch of straight code beyond it; the limit is reported then.

        Raises:
            RuntimeError: it has run before; each attempt needs a guest of its own.
            BaseException: a host method raised something like `KeyboardInterrupt`.
        """
        if self._has_run:
            raise RuntimeError("a guest runs once; make another one for the next attempt")
        self._has_run = True
        try:
            self._instance.initialise()
            outcome = self._instance.run_job(host, self._task, state)
        except (StopGuest, Killed):
            return self._result(Exit.STOPPED)
        except GuestFault as fault:
            return self._result(Exit.FAILED, fault.error)
        return self._result(outcome.exit, outcome.error)

    def allow_fuel(self, fuel: int) -> None:
        """See `perdure.actors.guest.Guest.allow_fuel`."""
        self._instance.allow_fuel(fuel)

    def kill(self) -> None:
        """Stop the guest soon, wherever it is; before `run`, it will not begin. Thread-safe, idempotent, at once."""
        self._instance.kill()

    def close(self) -> None:
        """Free the sandbox. Called on the thread that ran it; idempotent."""
        self._instance.close()

    def _result(self, how: Exit, error: JobError | None = None) -> GuestResult:
        use = self._instance.use()
        return GuestResult(exit=how, fuel=use.fuel_used, memory_bytes=use.memory_bytes, error=error)
