"""Operations that no job calls but the host: from Python, from the command line.

They go the same way as a guest's: through the router, with the same checks, and leave events, in the stream of calls.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from typing import Any
from uuid import UUID

import msgspec

from perdure.actors.backoff import CONTENTION
from perdure.actors.messages import OperationCall, OperationDone
from perdure.actors.operations import failure_answer
from perdure.actors.system import ActorSystem
from perdure.runtime.errors import InvalidPayload, OperationError
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.permissions import operation_name
from perdure.store.blobs import store_payload
from perdure.store.errors import BadEvent, IllegalTransition, SequenceConflict, WriteConflict
from perdure.store.event_store import EventStore
from perdure.store.events import CALLS_STREAM, HostActionAnswered, HostQueryAnswered

logger = logging.getLogger(__name__)


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
        # The router gives up first: also a call that waits for room in a budget ends in an answer, and is recorded.
        longest = self._timeout + (operation.declaration.timeout if operation is not None else 0.0)
        seconds = longest if timeout is None else min(longest, max(timeout, 0.001))
        end = time.monotonic() + seconds
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
            timeout_ms=_milliseconds(seconds),
        )
        done = self._system.call_operation(message, seconds + self._timeout)
        while not self._record(message, done):
            again = message.again + 1
            time.sleep(CONTENTION.delay_ms(again, random.random()) / 1000)  # noqa: S311  # no secret is drawn
            left = max(end - time.monotonic(), 0.001)
            message = msgspec.structs.replace(message, again=again, timeout_ms=_milliseconds(left))
            done = self._system.call_operation(message, left + self._timeout)
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
        except (WriteConflict, SequenceConflict, IllegalTransition):
            return False
        except BadEvent as error:
            if done.effects is None:
                raise
            logger.error("the effects of %s cannot be stored: %s", message.method, error)
            words = "the operation failed on the host: its changes are none that can be stored"
            refused = OperationDone(0, "failed", failure_answer("failed", words), action=True, payload=done.payload)
            self._record(message, refused)
            raise _error(message.method, refused) from None
        return True


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


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
