"""Operations over HTTP: which there are, and how they are called."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.extensions import By, ExtensionId, Seconds
from perdure.api.scopes import Scope
from perdure.runtime.config.operations import Configuration

Name = Annotated[str, Meta(max_length=200, description="Of an operation: query:test.ping, action:config.set.")]


class OperationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An operation.

    ``effect`` is null for a query; ``scope`` is ``library`` or ``host``; ``callers`` says whether extensions may call
    it, ``family`` is the first word of its name, ``sensitive`` whether it has secrets among its values.
    """

    name: str
    kind: str
    version: int
    effect: str | None
    scope: str
    callers: str
    family: str
    module: str
    timeout_seconds: float
    sensitive: bool
    summary: str


class OperationDescription(OperationSummary, frozen=True, kw_only=True):
    """The same with what it says of itself, the JSON Schemas (2020-12) of input and answer, and an input that fits.

    Secrets are marked with ``x-sensitive``.
    """

    description: str
    input: dict[str, Any]
    output: dict[str, Any]
    example: Any


class ListOperations(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, or those of one ``family``."""

    family: str | None = None


class OneOperation(msgspec.Struct, frozen=True, kw_only=True):
    """Which operation."""

    name: Name


class CallOperation(msgspec.Struct, frozen=True, kw_only=True):
    """Call an operation; the same validation, permissions, budgets and events as for a guest's call.

    Attributes:
        name: the operation.
        request: its input.
        library_id: the library to work in.
        extension: act for this extension, within its permissions and budgets. Without one the call is the host's own,
            which may do everything: that takes the scope ``admin``, and a token that is for all extensions.
        effect_key: an action's name for its effect.
        timeout: seconds until it is given up; at most what the operation may take.
        caller: see ``by`` elsewhere.
    """

    name: Name
    request: Any = None
    library_id: UUID = UUID(int=0)
    extension: ExtensionId | None = None
    effect_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    timeout: Seconds | None = None
    caller: By = None


class OperationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the operation answered, as its output type says; secrets of it are in clear, for the client alone."""

    answer: Any


class PublishEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Tell the extensions that subscribed in a library that something happened; ``topic`` is like ``invoice.paid``."""

    library_id: UUID
    topic: str
    data: Any = None


class GetConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for an extension in a library; without ``library_id``, what is set for all of them."""

    extension: ExtensionId
    library_id: UUID | None = None


class SetConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Set an extension's configuration in a library; without ``library_id``, for all of them.

    ``config`` takes the place of all that was set before there; null forgets it. With ``if_revision`` it is set only if
    the revision is still this one.
    """

    extension: ExtensionId
    config: dict[str, Any] | None
    library_id: UUID | None = None
    if_revision: Annotated[int, Meta(ge=0, le=2**53)] | None = None


LIST: Final = Endpoint(
    "operations.list",
    "GET",
    "/v1/operations",
    Scope.READ,
    ListOperations,
    list[OperationSummary],
    "List the operations",
)
GET: Final = Endpoint(
    "operations.get",
    "GET",
    "/v1/operations/{name}",
    Scope.READ,
    OneOperation,
    OperationDescription,
    "What an operation does, takes and answers",
)
CALL: Final = Endpoint(
    "operations.call",
    "POST",
    "/v1/operations/{name}",
    Scope.DISPATCH,
    CallOperation,
    OperationAnswer,
    "Call an operation",
    acts=True,
)
PUBLISH: Final = Endpoint(
    "events.publish",
    "POST",
    "/v1/libraries/{library_id}/events",
    Scope.DISPATCH,
    PublishEvent,
    type(None),
    "Tell a library's extensions that something happened",
    acts=True,
    status=204,
)
GET_CONFIGURATION: Final = Endpoint(
    "configuration.get",
    "GET",
    "/v1/extensions/{extension}/config",
    Scope.READ,
    GetConfiguration,
    Configuration,
    "An extension's configuration",
)
SET_CONFIGURATION: Final = Endpoint(
    "configuration.set",
    "PUT",
    "/v1/extensions/{extension}/config",
    Scope.ADMIN,
    SetConfiguration,
    Configuration,
    "Set an extension's configuration",
    acts=True,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (LIST, GET, CALL, PUBLISH, GET_CONFIGURATION, SET_CONFIGURATION)
