"""The one place where a call is checked, whoever makes it: its name, the permissions, the library, the budgets.

Then its handler is run, and what it read, wrote and published becomes the outcome that is recorded.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.cancel_token import CancelToken
from perdure.actors.clock import Clock
from perdure.actors.errors import LockedNow, UnreadableNow
from perdure.actors.hooks import ActorHooks
from perdure.actors.messages import BudgetUse, OperationCall
from perdure.actors.operations import HOST, Admission, Hold, OperationFailed, Outcome, failure_answer
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.budgets.budgets import AtEdge, Budgets
from perdure.runtime.errors import BadAnswer, InvalidResolution
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.data import Access, Data, Stale
from perdure.runtime.operations.declaration import Effect, Operation
from perdure.runtime.operations.payload import check_payload
from perdure.runtime.operations.recording import NO_KEYS, LockedFailure, Recording, SecretFailure
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.permissions import OperationName, Permissions, operation_name
from perdure.runtime.secrets.errors import (
    CredentialsLocked,
    MasterKeyUnavailable,
    SecretsError,
    UnsafeKeys,
    WrongMasterKey,
)
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.masking import harmless
from perdure.runtime.secrets.sealing import open_recorded
from perdure.runtime.strict_json import BadJson
from perdure.store.blobs import store_payload
from perdure.store.event_store import Effects, EventStore
from perdure.store.events import ActionIntended, Recorded, Sealed

logger = logging.getLogger(__name__)

_TRIES: Final = 32  # runs of one call whose reads others keep changing
_LARGE: Final = 64 * 1024  # bytes of a payload whose check and decoding take a millisecond or more
_NAME_SHOWN: Final = 100  # characters
_BUSY: Final = "others kept changing what this call works on; try again"


class _NotRun(OperationFailed):
    """A call that is refused on the worker, before its handler runs."""


class OperationService:
    """Checks and runs operation calls for the router (`perdure.actors.operations.Operations`).

    An extension without a grant may call nothing; the host itself may call everything.
    """

    def __init__(
        self,
        registry: OperationRegistry,
        store: EventStore,
        keychain: Keychain,
        book: BudgetBook,
        hooks: ActorHooks,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._recording = Recording(keychain, store.blobs)
        self._keychain = keychain
        self._store = store
        self._book = book
        self._hooks = hooks
        self._clock = clock
        self._grants: dict[str, Permissions] = {}

    def grant(self, extension: str, permissions: Permissions, budgets: Budgets) -> None:
        """Set what an extension may do. What it has used of its budgets stays used: a reload refills nothing."""
        self._book.grant(extension, budgets)
        self._grants[extension] = permissions

    def revoke(self, extension: str) -> None:
        """Forget an extension that is uninstalled: it may call nothing."""
        self._grants.pop(extension, None)

    def rate_limit_remaining(self) -> dict[str, float]:
        """Requests that each extension may make at this moment; those without a limit are left out."""
        return {extension: left for extension, left in self._book.remaining().items() if extension in self._grants}

    # --- checking ----------------------------------------------------------------------------------------------------

    def admit(self, call: OperationCall) -> Admission | Hold:
        """See `Operations.admit`."""
        name = operation_name(call.method)
        if name is None:
            raise OperationFailed("unknown_method", "there is no such operation; names are query:… or action:…")
        operation = self._registry.get(name)
        if call.extension is not None:
            self._check_extension(call, call.extension, name, operation)
            held = self._meet_budgets(call, call.extension)
            if held is not None:
                return held
        if operation is None:
            raise OperationFailed("unknown_method", f"there is no operation {name}")
        return Admission(
            str(operation.name),
            call.extension or HOST,
            operation.declaration.timeout,
            operation.asynchronous,
            operation.declaration.effect.value if operation.declaration.effect is not None else "query",
        )

    def _check_extension(
        self, call: OperationCall, extension: str, name: OperationName, operation: Operation | None
    ) -> None:
        permissions = self._grants.get(extension)
        # Before it is said whether there is such an operation: that is not for everybody to know.
        if permissions is None or not permissions.allows(name):
            raise OperationFailed(
                "permission_denied", f"{name} is not granted; the manifest has to ask for it, and a person to agree"
            )
        if operation is not None and operation.declaration.callers == "host":
            raise OperationFailed("permission_denied", f"{name} is for the host only")
        works_in_library = operation is None or operation.declaration.scope == "library"
        library = call.library_id
        if works_in_library and library is not None and not permissions.allows_library(library):
            raise OperationFailed("library_denied", f"library {library} is not granted; the manifest has to ask for it")

    def _meet_budgets(self, call: OperationCall, extension: str) -> Hold | None:
        if call.again:
            return None  # it was counted when it first came
        writes = len(call.payload) if call.method.startswith("action:") else 0
        # An attempt counts its calls from 1.
        key = (call.job_id, (call.attempt << 32) + call.call) if call.job_id is not None else call.effect_key
        edge = self._book.request(key, extension, call.job_type, writes)
        if edge is None:
            self._hooks.rate_limited(extension, True)
            return None
        use = edge.use
        if not edge.known:
            self._hooks.budget_reached(extension, use.budget, use.response)
        if use.response == AtEdge.WAIT:
            return Hold(edge.seconds, use)
        self._hooks.rate_limited(extension, False)
        raise OperationFailed("rate_limited", _used_up(use), retry_after_ms=use.retry_after_ms, budget=use)

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self, call: OperationCall, token: CancelToken) -> Outcome:
        """See `Operations.run`."""
        operation = self._operation_of(call)
        for _ in range(_TRIES):
            context, request = self._context(operation, call, token), self._decode(operation, call)
            try:
                answer = operation.handler(context, request)
                if context.data.consistent():
                    return self._outcome(operation, context, call, answer)
            except BaseException as error:
                if not _is_stale(error, context.data):
                    if operation.secrets is None:
                        raise
                    raise self._recording.handler_failed(str(operation.name), call, error, context.key) from None
        raise OperationFailed("unavailable", _BUSY)

    async def run_async(self, call: OperationCall, token: CancelToken) -> Outcome:
        """See `Operations.run_async`."""
        operation = self._operation_of(call)
        for _ in range(_TRIES):
            context = self._context(operation, call, token)
            if len(call.payload) > _LARGE:  # the loop is everybody's
                request = await asyncio.to_thread(self._decode, operation, call)
            else:
                request = self._decode(operation, call)
            try:
                answer = await operation.handler(context, request)
                if context.data.consistent():
                    return self._outcome(operation, context, call, answer)
            except BaseException as error:
                if not _is_stale(error, context.data):
                    if operation.secrets is None:
                        raise
                    raise self._recording.handler_failed(str(operation.name), call, error, context.key) from None
        raise OperationFailed("unavailable", _BUSY)

    def _operation_of(self, call: OperationCall) -> Operation:
        name = operation_name(call.method)
        operation = self._registry.get(name) if name is not None else None
        if operation is None:
            raise _NotRun("unknown_method", "there is no such operation")
        if call.again >= _TRIES:
            raise OperationFailed("unavailable", _BUSY)
        if operation.secrets is not None:
            self._recording.prepare(call)
        return operation

    def _decode(self, operation: Operation, call: OperationCall) -> object:
        try:
            check_payload(call.payload)
            return operation.decode(call.payload)
        except BadJson as error:
            text = f"{error.reason} ({error.field[:_NAME_SHOWN]!r})" if error.field else error.reason
            if operation.secrets is not None:
                text = error.reason.partition(":")[0]  # neither the name, which may be anything, nor a number
            raise _NotRun("invalid_payload", f"invalid payload: {text}") from None
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            text = str(error) if operation.secrets is None else harmless(str(error))
            raise _NotRun("invalid_payload", f"invalid payload: {text}") from None

    def _context(self, operation: Operation, call: OperationCall, token: CancelToken) -> CallContext:
        declaration = operation.declaration
        library: UUID | None = call.library_id if declaration.scope == "library" else None
        return CallContext(
            declaration.name,
            call,
            library_id=library,
            deadline=token.deadline,
            monotonic=self._clock.monotonic,
            cancelled=token,
            data=Data(self._store, _access(declaration.effect)),
        )

    def _outcome(self, operation: Operation, context: CallContext, call: OperationCall, value: object) -> Outcome:
        answer = operation.encode_answer(value)
        payload = recorded_answer = None
        if operation.secrets is not None:
            payload = self._recording.payload(call, operation.secrets, context.key)
            recorded_answer = self._recording.answer(call, operation.secrets, answer, context.key)
        if not operation.is_action:
            return Outcome(answer=answer, payload=payload, recorded_answer=recorded_answer)
        if call.extension is not None and not call.again:
            # It was not known before, and what was done is not refused: the next who writes makes up for it.
            self._book.wrote(call.extension, call.job_type, len(answer))
        data, appends = context.data, context.appends
        return Outcome(
            answer=answer,
            action=True,
            payload=payload,
            recorded_answer=recorded_answer,
            writes=data.writes,
            effects=Effects(data.reads, data.ranges, appends) if data.writes or appends else None,
        )

    def intended(self, call: OperationCall) -> Recorded | None:
        """See `Operations.intended`."""
        operation = self._operation_of(call)
        self._decode(operation, call)
        if operation.secrets is None:
            return None
        try:
            return self._recording.sealed_payload(call, operation.secrets)
        except SecretsError:
            raise OperationFailed("unavailable", NO_KEYS) from None

    def opened(self, recorded: Recorded) -> bytes:
        """See `Operations.opened`."""
        try:
            return open_recorded(self._keychain, self._store.blobs, recorded)
        except CredentialsLocked as error:
            raise LockedNow(str(error), error.extension) from error
        except (MasterKeyUnavailable, WrongMasterKey, UnsafeKeys) as error:
            raise UnreadableNow(str(error)) from error

    # --- what a person says ------------------------------------------------------------------------------------------

    def stated(self, extension: str, library_id: UUID, intent: ActionIntended, answer: bytes, code: str) -> Recorded:
        """How the answer is recorded that a person states for an action in doubt; ``code`` is empty for a success.

        ``extension`` and ``library_id`` are the job's.

        Raises:
            InvalidResolution: the answer is none that the operation could give.
            SecretsError, StoreError: it cannot be sealed, or stored.
        """
        name = operation_name(intent.method)
        operation = self._registry.get(name) if name is not None else None
        if not code:
            answer = self._stated_answer(intent.method, operation, answer)
        if operation is None or operation.secrets is not None:
            key = intent.payload.key if isinstance(intent.payload, Sealed) else ""
            key = key or self._keychain.payload_key(extension, intent.library_id or library_id)
            sides = operation.secrets if operation is not None else None
            sealed = self._recording.stated(key, sides, answer, code)
            if sealed is not None:
                return sealed
        return store_payload(self._store.blobs, answer)

    def _stated_answer(self, method: str, operation: Operation | None, answer: bytes) -> bytes:
        """The answer as a handler would have given it."""
        try:
            check_payload(answer)
            if operation is None:
                msgspec.json.decode(answer)
                return answer
            return operation.encode_answer(operation.decode_answer(answer))
        except BadJson as error:
            raise InvalidResolution(f"the answer is no JSON: {error.reason}") from None
        except (msgspec.MsgspecError, BadAnswer, RecursionError, UnicodeError) as error:
            text = str(error) if operation is None or operation.secrets is None else harmless(str(error))
            raise InvalidResolution(f"the answer is none that {method} could give: {text}") from None

    # --- failing -----------------------------------------------------------------------------------------------------

    def failed(self, call: OperationCall, failure: OperationFailed, *, ran: bool) -> Outcome:
        """See `Operations.failed`."""
        answer = failure_answer(failure.code, failure.message, failure.retry_after_ms)
        name = operation_name(call.method)
        operation = self._registry.get(name) if name is not None else None
        payload = recorded_answer = None
        if operation is None:
            payload = self._recording.refused_payload(call, None)
        elif operation.secrets is not None and not ran:
            payload = self._recording.refused_payload(call, operation.secrets)
        elif operation.secrets is not None:
            key = failure.key if isinstance(failure, SecretFailure) else None
            if isinstance(failure, LockedFailure):
                payload = self._recording.locked_payload(call, operation.secrets, failure.extension)
            else:
                payload = self._recording.payload(call, operation.secrets, key)
            if isinstance(failure, SecretFailure):
                recorded_answer = self._recording.failure(call, failure, answer)
        return Outcome(
            answer=answer,
            code=failure.code,
            action=ran and not isinstance(failure, _NotRun) and call.method.startswith("action:"),
            payload=payload,
            recorded_answer=recorded_answer,
        )


def _is_stale(error: BaseException, data: Data) -> bool:
    """Whether a handler failed only because what it read was not of one moment: then it runs again."""
    return isinstance(error, Stale) or (isinstance(error, Exception) and not data.unchanged())


def _used_up(use: BudgetUse) -> str:
    if use.budget == "requests_per_minute":
        return f"more than {use.limit} requests a minute; try again in {use.retry_after_ms} ms"
    if not use.retry_after_ms:
        return f"the call writes more than may be written in an hour, {use.limit} bytes"
    return f"more than {use.limit} bytes written in an hour; try again in {use.retry_after_ms} ms"


def _access(effect: Effect | None) -> Access:
    if effect is None:
        return Access.READ
    return Access.PEEK if effect is Effect.NON_IDEMPOTENT else Access.WRITE
