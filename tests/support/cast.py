"""A runtime whose jobs are puppets: a test says, call by call, what each job asks its host."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.extension_folders import write_extension
from tests.support.puppet import Puppet, Puppets
from tests.support.python_guest import PythonHost
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit
from perdure.runtime import DEFAULT_LIBRARY, JobHandle, JobLimits, RetryPolicy, Runtime, grant_as_asked


def install_cast(runtime: Runtime, folder: Path, extension: str, **permissions: Any) -> None:
    """Install an extension with the job types ``run`` and ``other``; it may call everything unless told otherwise."""
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    wat.job("other", "(i32.const 0)")
    asked = {"methods": ["*"], **permissions}
    written = write_extension(folder / extension, wat.module(), extension=extension, permissions=asked)
    runtime.install(written, consent=grant_as_asked)


class Cast:
    """The jobs of a runtime, all of them puppets."""

    def __init__(self, runtime: Runtime, puppets: Puppets | None = None) -> None:
        self.runtime = runtime
        self.puppets = puppets or Puppets()
        runtime._system.guests = self.puppets

    def start(
        self,
        job_type: str = "acme:run",
        state: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
    ) -> tuple[JobHandle, Puppet]:
        """A job of the host that runs, with its puppet."""
        job = self.runtime.dispatch(job_type, state, library_id=library_id, limits=limits, retry=retry)
        return job, self.puppets.of(job.job_id)

    @staticmethod
    def begin(puppet: Puppet, method: str, library_id: UUID | None = None, **request: Any) -> Future[bytes]:
        """Let a job call an operation, without waiting for the answer."""
        payload = json.dumps(request, default=str).encode()

        def call(host: PythonHost) -> bytes:
            return host.call(method, payload, library_id)

        return puppet.begin(call)

    def call(self, puppet: Puppet, method: str, library_id: UUID | None = None, **request: Any) -> dict[str, Any]:
        """The answer that a job gets."""
        answer: dict[str, Any] = json.loads(self.begin(puppet, method, library_id, **request).result(TIMEOUT))
        return answer

    def dispatch(self, puppet: Puppet, job_type: str = "run", **request: Any) -> JobHandle:
        """A job that a job dispatches; it need not run yet."""
        answer = self.call(puppet, "action:jobs.dispatch", job_type=job_type, **request)
        assert "job_id" in answer, answer
        return self.runtime.job(answer["job_id"])

    def child(self, puppet: Puppet, job_type: str = "run", **request: Any) -> tuple[JobHandle, Puppet]:
        """A job that a job dispatches, as soon as it runs."""
        job = self.dispatch(puppet, job_type, **request)
        return job, self.puppets.of(job.job_id)

    def is_waiting(self, job: JobHandle) -> None:
        """Return when the job waits for another."""
        eventually(lambda: job.job_id in self.runtime._system.waits._waits)

    def finish(self, job: JobHandle, puppet: Puppet, exit: Exit = Exit.COMPLETED) -> None:
        """Let a job end."""
        puppet.end(exit)
        job.wait(TIMEOUT)
