"""Jobs of a real runtime whose guests are Python functions: everything but the sandbox is what it is in a program."""

from __future__ import annotations

import json
import queue
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.python_guest import Body, PythonGuest, PythonHost
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestSpec
from perdure.runtime import DEFAULT_LIBRARY, JobHandle, Runtime, Status, grant_as_asked


class PythonJobs:
    """An extension with one job type, ``run``, whose guest runs ``body``; it may do what ``permissions`` say.

    ``folder`` None: it is installed already, by the process before this one.
    """

    def __init__(
        self,
        runtime: Runtime,
        folder: Path | None,
        body: Body | None = None,
        *,
        extension: str = EXTENSION,
        **permissions: Any,
    ) -> None:
        self.runtime = runtime
        self.body = body
        self.extension = extension
        if folder is not None:
            wat = RuntimeWat()
            wat.job("run", "(i32.const 0)")
            written = write_extension(folder / extension, wat.module(), extension=extension, permissions=permissions)
            runtime.install(written, consent=grant_as_asked)
        self._others = runtime._system.guests
        runtime._system.guests = self._guest

    def _guest(self, spec: GuestSpec) -> Any:
        if spec.extension != self.extension:
            return self._others(spec)
        assert self.body is not None
        return PythonGuest(spec, self.body)

    def start(self, state: object = None, library_id: UUID = DEFAULT_LIBRARY) -> JobHandle:
        """Dispatch a job."""
        return self.runtime.dispatch(f"{self.extension}:run", state, library_id=library_id)

    def call(self, method: str, request: object, library_id: UUID = DEFAULT_LIBRARY) -> dict[str, Any]:
        """The answer that a job gets which makes this one call."""
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            payload = request if isinstance(request, bytes) else json.dumps(request).encode()
            answers.put(host.call(method, payload))

        self.body = body
        job = self.start(library_id=library_id)
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
        answer: dict[str, Any] = json.loads(answers.get(timeout=TIMEOUT))
        return answer
