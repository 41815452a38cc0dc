"""Operations, configuration, and what happens in libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from perdure.api import operations
from perdure.api.errors import UnexpectedAnswer
from perdure.api.operations import CallOperation, GetConfiguration, PublishEvent, SetConfiguration
from perdure.client.calls.call import Call
from perdure.client.calls.said import LONG, said
from perdure.runtime.config.operations import Configuration
from perdure.runtime.errors import InvalidPayload, OperationError
from perdure.runtime.permissions import OperationName, operation_name

AnswerTypes = Mapping[OperationName, Any]


@cache
def standard_types() -> AnswerTypes:
    """The answers' types of the operations that ship, and of those of installed distributions."""
    from perdure.runtime.operations.catalogue import catalogue  # noqa: PLC0415  # 0.3 s, for who calls operations only

    return {operation.name: operation.output_type for operation in catalogue()[0]}


def own_types(handlers: Iterable[Callable[..., Any]]) -> AnswerTypes:
    """Those of a program's own operations.

    Raises:
        BadOperation: one of the handlers is not what an operation must be.
    """
    from perdure.runtime.operations.declaration import operation_of  # noqa: PLC0415  # as above

    return {operation.name: operation.output_type for operation in map(operation_of, handlers)}


def call(
    method: str,
    request: object,
    *,
    library_id: UUID,
    extension: str | None,
    caller: str,
    effect_key: str | None,
    timeout: float | None,
    own: AnswerTypes,
) -> Call[Any]:
    """Call one; the result is of its output type, or as JSON has it where this program does not know that."""

    def result(answered: Any) -> Any:
        name = operation_name(method)
        kind = (own.get(name) or standard_types().get(name)) if name is not None else None
        if kind is None:
            return answered.answer
        try:
            return msgspec.convert(answered.answer, kind)
        except msgspec.ValidationError as error:
            raise UnexpectedAnswer("the server", f"{method}: {error}") from None

    return Call(
        operations.CALL,
        CallOperation(
            name=method,
            request=_payload(method, request),
            library_id=library_id,
            extension=extension,
            effect_key=effect_key,
            timeout=timeout,
            caller=said(caller),
        ),
        result,
        LONG,
    )


def _payload(method: str, request: object) -> Any:
    if isinstance(request, bytes):
        try:
            return msgspec.json.decode(request)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise OperationError(method, "invalid_payload", f"invalid payload: {error}") from None
    try:
        return msgspec.to_builtins({} if request is None else request)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(str(error)) from None


def publish(topic: str, data: object, library_id: UUID) -> Call[None]:
    """Tell a library's extensions that something happened."""
    request = PublishEvent(library_id=library_id, topic=topic, data=_payload("action:events.publish", [data])[0])
    return Call(operations.PUBLISH, request, lambda nothing: None)


def config(extension: str, library_id: UUID | None) -> Call[Configuration]:
    """What holds for an extension."""
    return Call(
        operations.GET_CONFIGURATION, GetConfiguration(extension=extension, library_id=library_id), lambda found: found
    )


def configure(
    extension: str, values: Mapping[str, Any] | None, library_id: UUID | None, if_revision: int | None
) -> Call[Configuration]:
    """Set it."""
    request = SetConfiguration(
        extension=extension,
        config=_payload("action:config.set", dict(values)) if values is not None else None,
        library_id=library_id,
        if_revision=if_revision,
    )
    return Call(operations.SET_CONFIGURATION, request, lambda found: found)
