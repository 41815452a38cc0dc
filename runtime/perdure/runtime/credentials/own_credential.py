"""A credential for an operation that uses it on an extension's behalf, so that the extension never sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import Credential
from perdure.runtime.credentials.operations import GetCredential, GotCredential
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.permissions import OperationName

_GET: Final = OperationName("query", "credentials.get", 1)


def own_credential(operations: OperationRegistry) -> Callable[[CallContext, str], Credential]:
    """Gets a credential of the extension that calls, as ``credentials.get`` does: refreshed, unless it is locked.

    Whether the extension may call that itself does not matter. What is got raises `OperationFailed` as that does.
    """

    def get(context: CallContext, name: str) -> Credential:
        operation = operations.get(_GET)
        if operation is None:
            raise OperationFailed("unavailable", "this host keeps no credentials")
        got: GotCredential = operation.handler(context, GetCredential(name=name))
        return got.credential

    return get
