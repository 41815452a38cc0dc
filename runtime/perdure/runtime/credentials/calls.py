"""What the operations on credentials share: whose credential a call means, its row, what is said of keys that fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import Credential
from perdure.runtime.credentials.records import CredentialPlace, CredentialRow, Sealer, read_row
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.recording import LockedFailure
from perdure.runtime.secrets.errors import CredentialsLocked, KeyDestroyed, SecretsError
from perdure.store.errors import StoreError

NO_SUCH: Final = "there is no credential with this name"
_KEYS: Final = "the host cannot use its keys now"


def own_place(context: CallContext, name: str, extension: str | None) -> CredentialPlace:
    """The place of a credential of the caller; ``extension`` says whose it is, when the host calls.

    Raises:
        OperationFailed: an extension names another one, or the host none; or the names are too long for a row.
    """
    if context.extension is not None and extension not in (None, context.extension):
        raise OperationFailed("permission_denied", "credentials of other extensions are not for this one")
    owner = context.extension or extension
    if not owner or context.library_id is None:
        raise OperationFailed("invalid_payload", "credentials belong to an extension: say which")
    place = CredentialPlace(owner, context.library_id, name)
    try:
        _ = place.row
    except ValueError:
        raise OperationFailed("invalid_payload", "the names are too long, or have a NUL in them") from None
    return place


def stored_row(context: CallContext, place: CredentialPlace) -> CredentialRow | None:
    """The credential's row, if there is one."""
    value = context.data.get(place.row)
    return None if value is None else read_row(value)


def opened(context: CallContext, sealer: Sealer, place: CredentialPlace, row: CredentialRow | None) -> Credential:
    """The credential of a row; from here on the call is recorded sealed with the credential's own key.

    Raises:
        OperationFailed: there is no row.
        KeyDestroyed, SecretsError: see `Sealer.open`; `answered` makes an answer of them.
    """
    if row is None:
        raise OperationFailed("not_found", NO_SUCH)
    credential = sealer.open(place, row)
    context.key = row.key
    return credential


@contextlib.contextmanager
def answered(context: CallContext) -> Iterator[None]:
    """Keys that cannot be used are the host's matter: the caller learns that, the host's log why.

    That credentials are locked it learns with what to do about it.
    """
    try:
        yield
    except KeyDestroyed:
        raise OperationFailed("not_found", NO_SUCH) from None  # it is being deleted
    except CredentialsLocked as error:
        raise LockedFailure(error) from None  # a person can help, not the host: the caller may know it
    except (SecretsError, StoreError) as error:
        context.log.error("%s", error)
        raise OperationFailed("unavailable", _KEYS) from None
