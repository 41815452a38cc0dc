"""Whether a caller may do what it asks for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.errors import Forbidden
from perdure.api.scopes import allows
from perdure.server.access.caller import Caller
from perdure.store.errors import UnknownJob
from perdure.store.event_store import EventStore


def authorise(caller: Caller, endpoint: Endpoint[Any, Any], request: msgspec.Struct, store: EventStore) -> None:
    """Make sure that the caller has the scope, and is for the library and the extension that the request is about.

    Lists are not refused but narrowed, by whoever makes them.

    Raises:
        Forbidden: it has not, or is not.
        UnknownJob: there is no such job, or none that this caller may know of.
    """
    require_scope(caller, endpoint)
    extension, library_id = getattr(request, "extension", None), getattr(request, "library_id", None)
    job_type = getattr(request, "job_type", None)
    if extension is None and isinstance(job_type, str) and ":" in job_type:
        extension = job_type.partition(":")[0]
    if isinstance(extension, str):
        require_extension(caller, extension)
    if isinstance(library_id, UUID):
        require_library(caller, library_id)
    job_id = getattr(request, "job_id", None)
    if isinstance(job_id, UUID) and (caller.extensions is not None or caller.libraries is not None):
        state = store.job(job_id)
        if not is_for(caller, state.extension, state.library_id):
            raise UnknownJob(str(job_id))  # it is not for this caller to know that there is one


def require_scope(caller: Caller, endpoint: Endpoint[Any, Any]) -> None:
    """Make sure that the caller has the endpoint's scope.

    Raises:
        Forbidden: it has not.
    """
    if not allows(caller.scopes, endpoint.scope):
        raise Forbidden(f"scope {endpoint.scope}")


def is_for(caller: Caller, extension: str, library_id: UUID) -> bool:
    """Whether the caller is for this extension and this library."""
    return (caller.extensions is None or extension in caller.extensions) and (
        caller.libraries is None or library_id in caller.libraries
    )


def require_extension(caller: Caller, extension: str) -> None:
    """Make sure that the caller is for this extension.

    Raises:
        Forbidden: it is not.
    """
    if caller.extensions is not None and extension not in caller.extensions:
        raise Forbidden(f"extension {extension}")


def require_library(caller: Caller, library_id: UUID) -> None:
    """Make sure that the caller is for this library.

    Raises:
        Forbidden: it is not.
    """
    if caller.libraries is not None and library_id not in caller.libraries:
        raise Forbidden(f"library {library_id}")


def require_all_libraries(caller: Caller) -> None:
    """Make sure that the caller is not for some libraries only: what it asks for holds in all of them.

    Raises:
        Forbidden: it is.
    """
    if caller.libraries is not None:
        raise Forbidden("what holds in all libraries")


def require_all(caller: Caller) -> None:
    """Make sure that the caller is for all libraries and all extensions.

    Raises:
        Forbidden: it is not.
    """
    require_all_libraries(caller)
    if caller.extensions is not None:
        raise Forbidden("what concerns all extensions")
