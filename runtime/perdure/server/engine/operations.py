"""Operations, for clients, and the configuration of extensions."""

from __future__ import annotations

from typing import Any

from perdure.api import operations
from perdure.api.errors import Forbidden
from perdure.api.operations import (
    CallOperation,
    GetConfiguration,
    ListOperations,
    OneOperation,
    OperationAnswer,
    OperationDescription,
    OperationSummary,
    PublishEvent,
    SetConfiguration,
)
from perdure.api.scopes import Scope, allows
from perdure.runtime.config.operations import Configuration
from perdure.runtime.errors import OperationError
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.schemas import example
from perdure.runtime.permissions import operation_name
from perdure.server.access.authorising import require_all, require_all_libraries
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(operations.LIST, list_operations)
    handlers.add(operations.GET, get_operation)
    handlers.add(operations.CALL, call)
    handlers.add(operations.PUBLISH, publish)
    handlers.add(operations.GET_CONFIGURATION, config)
    handlers.add(operations.SET_CONFIGURATION, configure)


def list_operations(engine: Engine, caller: Caller, request: ListOperations) -> list[OperationSummary]:
    """The registry."""
    wanted = request.family
    return [
        OperationSummary(**_summary(one)) for one in engine.runtime.operations if wanted is None or one.family == wanted
    ]


def get_operation(engine: Engine, caller: Caller, request: OneOperation) -> OperationDescription:
    """One of it."""
    name = operation_name(request.name)
    operation = engine.runtime.operations.get(name) if name is not None else None
    if operation is None:
        raise OperationError(
            request.name, "unknown_method", "there is no such operation; names are query:… or action:…"
        )
    taken, given = operation.schemas()
    return OperationDescription(
        **_summary(operation),
        description=operation.description,
        input=taken,
        output=given,
        example=example(taken),
    )


def _summary(operation: Operation) -> dict[str, Any]:
    declaration = operation.declaration
    return {
        "name": str(operation.name),
        "kind": operation.name.kind,
        "version": operation.name.version,
        "effect": declaration.effect.value if declaration.effect is not None else None,
        "scope": declaration.scope,
        "callers": declaration.callers,
        "family": operation.family,
        "module": operation.origin,
        "timeout_seconds": declaration.timeout,
        "sensitive": operation.secrets is not None,
        "summary": operation.summary,
    }


def call(engine: Engine, caller: Caller, request: CallOperation) -> OperationAnswer:
    """See `Runtime.call`. The host itself may call everything, so that is for administrators."""
    if request.extension is None:
        if not allows(caller.scopes, Scope.ADMIN):
            raise Forbidden(f"calls of the host itself, which need scope {Scope.ADMIN}; name an extension to act for")
        require_all(caller)
    answer = engine.runtime.call(
        request.name,
        request.request,
        library_id=request.library_id,
        extension=request.extension,
        caller=caller.acting(request.caller),
        effect_key=request.effect_key,
        timeout=request.timeout,
    )
    return OperationAnswer(answer=answer)


def publish(engine: Engine, caller: Caller, request: PublishEvent) -> None:
    """See `Runtime.publish`. It may wake any extension that subscribed."""
    if caller.extensions is not None:
        raise Forbidden("what concerns all extensions")
    data = {"topic": request.topic, "data": request.data}
    engine.runtime.call("action:events.publish", data, library_id=request.library_id, caller=caller.client)


def config(engine: Engine, caller: Caller, request: GetConfiguration) -> Configuration:
    """See `Runtime.config`."""
    if request.library_id is None:
        require_all_libraries(caller)
    return engine.runtime.config(request.extension, library_id=request.library_id)


def configure(engine: Engine, caller: Caller, request: SetConfiguration) -> Configuration:
    """See `Runtime.configure`."""
    if request.library_id is None:
        require_all_libraries(caller)
    return engine.runtime.configure(
        request.extension, request.config, library_id=request.library_id, if_revision=request.if_revision
    )
