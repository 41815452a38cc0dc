"""Operations that no job calls but the host: from Python, from the command line.

They go the same way as a guest's: through the router, with the same checks, and leave events, in the stream of calls.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

import msgspec

from perdure.actors.messages import OperationCall, OperationDone
from perdure.actors.system import ActorSystem
from perdure.runtime.errors import InvalidPayload, OperationError
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.permissions import operation_name
from perdure.store.blobs import store_payload
from perdure.store.errors import SequenceConflict, WriteConflict
from perdure.store.event_store import EventStore
from perdure.store.events import CALLS_STREAM, HostActionAnswered, HostQueryAnswered


class HostCalls:
    """Calls operations for the host.

    Args:
        timeout: seconds that a call waits longer than its operation may take, before something is wrong.
    """

    def __init__(self, system: ActorSystem, registry: OperationRegistry, store: EventStore, timeout: float) -> None:
        self._system = system
        self._registry = registry
        self._store = store
        self._timeout = timeout

    def call(
        self,
        method: str,
        request: object,
        *,
        caller: str,
        extension: str | None,
        library_id: UUID,
        effect_key: str | None,
        timeout: float | None,
    ) -> Any:
        """Call an operation; returns its answer as the operation's output type. See `Runtime.call`.

        Raises:
            InvalidPayload: the request cannot be said in JSON.
            OperationError: the operation was refused or failed.
        """
        name = operation_name(method)
        operation = self._registry.get(name) if name is not None else None
        message = OperationCall(
            caller=caller,
            extension=extension,
            job_id=None,
            job_type="",
            library_id=library_id,
            call=0,
            method=method,
            payload=_encoded(request),
            effect_key=effect_key or secrets.token_hex(16),
            timeout_ms=None if timeout is None else max(1, round(timeout * 1000)),
        )
        limit = operation.declaration.timeout if operation is not None else 0.0
        wait = self._timeout + (limit if timeout is None else min(limit, timeout))
        done = self._system.call_operation(message, wait)
        while not self._record(message, done):
            message = msgspec.structs.replace(message, again=message.again + 1)
            done = self._system.call_operation(message, wait)
        if done.code or operation is None:
            raise _error(method, done)
        return msgspec.json.decode(done.answer, type=operation.output_type)

    def _record(self, message: OperationCall, done: OperationDone) -> bool:
        """Record the answer, an action's durably; False if its effects met others'."""
        blobs = self._store.blobs
        payload = done.payload if done.payload is not None else store_payload(blobs, message.payload)
        answer = done.recorded_answer if done.recorded_answer is not None else store_payload(blobs, done.answer)
        what = (message.caller, message.extension, message.method, message.library_id, payload, answer, done.code)
        if not done.action:
            self._system.append_soon(CALLS_STREAM, [HostQueryAnswered(*what)])
            return True
        event = HostActionAnswered(*what, message.effect_key, done.writes)
        try:
            self._system.append(CALLS_STREAM, [event], effects=done.effects)
        except (WriteConflict, SequenceConflict):
            return False
        return True


def _encoded(request: object) -> bytes:
    if isinstance(request, bytes):
        return request
    try:
        return msgspec.json.encode({} if request is None else request)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidPayload(str(error)) from None


def _error(method: str, done: OperationDone) -> OperationError:
    answer = msgspec.json.decode(done.answer)
    return OperationError(method, done.code, str(answer.get("error", "")), answer.get("retry_after_ms"))
