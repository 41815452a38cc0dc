"""Hostile callers: the same calls from a guest in WebAssembly, from one in Python, and by the host for an extension."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from tests.support.extension_folders import write_extension
from tests.support.job_history import events_of
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestSpec
from perdure.runtime import DEFAULT_LIBRARY, Runtime, Status, grant_as_asked
from perdure.runtime.errors import OperationError
from perdure.store.events import LogWritten

_ROOM = 28_000  # bytes

WAYS = ("wasm", "python", "host")


class Attack(msgspec.Struct, frozen=True):
    """One call: a method and a payload, as text or as the very bytes, and a library, None for the job's own."""

    method: str | bytes
    payload: str | bytes = "{}"
    library: UUID | None = None


class Attacker:
    """An extension that makes calls in one of `WAYS`; it was granted ``permissions``."""

    def __init__(self, runtime: Runtime, folder: Path, way: str, *, extension: str = "mallory", **permissions: Any):
        self.runtime = runtime
        self.way = way
        self.extension = extension
        self._folder = folder
        self._permissions = permissions
        self._versions = 0
        self._python: PythonJobs | None = None
        if way != "wasm":
            self._python = PythonJobs(runtime, folder, extension=extension, **permissions)

    def attack(self, attacks: Sequence[Attack], library: UUID = DEFAULT_LIBRARY) -> list[dict[str, Any]]:
        """The answers; those of the host have ``code`` and ``error`` too if they were refused."""
        if self.way == "wasm":
            return [answer for some in _modules(attacks) for answer in self._from_wasm(some, library)]
        if self.way == "python":
            return self._from_python(attacks, library)
        return [self._from_host(one, library) for one in attacks]

    def codes(self, attacks: Sequence[Attack], library: UUID = DEFAULT_LIBRARY) -> list[str]:
        """The codes of the answers, empty for a success."""
        return [answer.get("code", "") for answer in self.attack(attacks, library)]

    def _from_wasm(self, attacks: Sequence[Attack], library: UUID) -> list[dict[str, Any]]:
        wat = RuntimeWat(memory="2")
        body: list[str] = []
        for one in attacks:
            chosen = wat.data(one.library.bytes) if one.library is not None else 0
            # The answer ends with a NUL.
            body.append(f"""(local.set $p {wat.operation(one.method, one.payload, chosen)})
              (local.set $q (local.get $p))
              (loop $seek{len(body)}
                (local.set $q (i32.add (local.get $q) (i32.const 1)))
                (br_if $seek{len(body)} (i32.load8_u (local.get $q))))
              {wat.call("spacedrive_log", 1, "(local.get $p)", "(i32.sub (local.get $q) (local.get $p))")}""")
        wat.job("run", "".join(body) + "(i32.const 0)")
        self._versions += 1
        written = write_extension(
            self._folder / self.extension,
            wat.module(),
            extension=self.extension,
            version=f"1.0.{self._versions}",
            permissions=self._permissions,
        )
        self.runtime.install(written, consent=grant_as_asked)
        job = self.runtime.dispatch(f"{self.extension}:run", library_id=library)
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
        return [json.loads(event.message) for event in events_of(job, LogWritten)]

    def _from_python(self, attacks: Sequence[Attack], library: UUID) -> list[dict[str, Any]]:
        assert self._python is not None
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            for one in attacks:
                # A guest's method is text by the time it is here: what is no UTF-8 was refused at the boundary.
                method = one.method if isinstance(one.method, str) else one.method.decode(errors="replace")
                answers.put(host.call(method, _bytes(one.payload), one.library))

        self._python.body = body
        job = self._python.start(library_id=library)
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
        return [json.loads(answers.get(timeout=TIMEOUT)) for _ in attacks]

    def _from_host(self, one: Attack, library: UUID) -> dict[str, Any]:
        method = one.method if isinstance(one.method, str) else one.method.decode(errors="replace")
        chosen = one.library if one.library is not None else library
        try:
            answer = self.runtime.call(method, _bytes(one.payload), extension=self.extension, library_id=chosen)
        except OperationError as error:
            return {"code": error.code, "error": str(error)}
        found: dict[str, Any] = msgspec.to_builtins(answer)
        return found


def _modules(attacks: Sequence[Attack]) -> Iterator[list[Attack]]:
    """As many at once as there is room for texts in one of these modules."""
    some: list[Attack] = []
    size = 0
    for one in attacks:
        needed = len(_bytes(one.method)) + len(_bytes(one.payload)) + 16
        if some and size + needed > _ROOM:
            yield some
            some, size = [], 0
        some.append(one)
        size += needed
    yield some


def _bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload
