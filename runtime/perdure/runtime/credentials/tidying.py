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


def tidy_credentials(store: EventStore, keychain: Keychain, call: Callable[..., Any]) -> None:
    """Delete the rows whose keys are destroyed, and destroy the keys that no row needs. Durable.

    ``call`` is `perdure.runtime.Runtime.call`. A row whose key's file is merely missing stays: the file may come back
    from a backup.
    """
    kept: set[str] = set()
    doomed: list[CredentialPlace] = []
    for place, key in _rows(store):
        if keychain.is_destroyed(key):
            doomed.append(place)
        else:
            kept.add(key)
    for place in doomed:
        try:
            request = NameCredential(name=place.name, extension=place.extension)
            call(_DELETE, request, library_id=place.library_id, caller=CALLER)
        except OperationError as error:
            logger.error("a deleted credential of %s is still listed: %s", place.extension, error)
    for key in keychain.credential_keys():
        if key not in kept:
            keychain.destroy(key)


def _rows(store: EventStore) -> Iterator[tuple[CredentialPlace, str]]:
    prefix = after = prefix_of()
    while rows := store.rows(prefix, after=after):
        for row in rows:
            yield place_of(row.key), read_row(row.value).key
        after = rows[-1].key
