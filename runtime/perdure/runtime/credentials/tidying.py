"""What a crash between a credential's row and its key leaves, and how it is mended when a folder is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from perdure.runtime.credentials.operations import NameCredential
from perdure.runtime.credentials.records import CredentialPlace, place_of, prefix_of, read_row
from perdure.runtime.errors import OperationError
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.event_store import EventStore

logger = logging.getLogger(__name__)

CALLER: Final = "recovery"  # in the log, of the deletions that are finished here
_DELETE: Final = "action:credentials.delete"


def tidy_credentials(store: EventStore, keychain: Keychain, call: Callable[..., Any], *, caller: str = CALLER) -> None:
    """Delete the rows whose keys are destroyed. Durable. ``caller`` says why, in the log.

    ``call`` is `perdure.runtime.Runtime.call`. A row whose key's file is merely missing stays: the file may come back
    from a backup.
    """
    for place, key in list(_rows(store)):
        if not keychain.is_destroyed(key):
            continue
        try:
            request = NameCredential(name=place.name, extension=place.extension)
            call(_DELETE, request, library_id=place.library_id, caller=caller)
        except OperationError as error:
            logger.error("a deleted credential of %s is still listed: %s", place.extension, error)


def destroy_unused_keys(store: EventStore, keychain: Keychain) -> None:
    """Destroy the keys of credentials that no row needs. Durable. Only while nobody stores one: when a folder opens."""
    kept = {key for _, key in _rows(store)}
    keychain.destroy(*(key for key in keychain.credential_keys() if key not in kept))


def _rows(store: EventStore) -> Iterator[tuple[CredentialPlace, str]]:
    prefix = after = prefix_of()
    while rows := store.rows(prefix, after=after):
        for row in rows:
            yield place_of(row.key), read_row(row.value).key
        after = rows[-1].key
