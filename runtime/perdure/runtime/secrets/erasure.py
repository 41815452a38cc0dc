"""Erasing what an extension, or everybody in a library, called with secrets: its keys are destroyed.

First an event says which keys, durably; then they are destroyed. What a crash interrupts in between is finished by the
next open, and an old copy of the keys folder brings nothing back: the log knows what was erased (docs/adr/0012).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.runtime.credentials.records import CredentialPlace, place_of, prefix_of, read_row
from perdure.runtime.credentials.tidying import tidy_credentials
from perdure.runtime.secrets.errors import ErasureRefused
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.event_store import Appended, EventStore, JobQuery
from perdure.store.events import RUNTIME_STREAM, Event, KeysErased
from perdure.store.failpoints import hit
from perdure.store.lifecycle import UNFINISHED
from perdure.store.runtime_state import RuntimeState

CALLER: Final = "erasure"  # in the log, of the deletions of credentials


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, or would be: the ids of keys, and the credentials that are gone with them.

    ``extension`` and ``library_id`` are None for all of them.
    """

    extension: str | None
    library_id: UUID | None
    keys: tuple[str, ...]
    credentials: tuple[CredentialPlace, ...]


class Eraser:
    """Erases, one after the other. Thread-safe.

    Args:
        store, keychain: the log, and the keys beside it.
        append: appends to the stream `runtime`, durably (`ActorSystem.append`).
        call: `perdure.runtime.Runtime.call`.
    """

    def __init__(
        self,
        store: EventStore,
        keychain: Keychain,
        append: Callable[[str, Sequence[Event]], Appended],
        call: Callable[..., Any],
    ) -> None:
        self._store = store
        self._keychain = keychain
        self._append = append
        self._call = call
        self._lock = threading.Lock()

    def plan(self, extension: str | None, library_id: UUID | None) -> Erasure:
        """What an erasure would take along at this moment.

        Raises:
            ValueError: neither of them is given.
            SecretsError, StoreError: the keys or the log cannot be read.
        """
        if extension is None and library_id is None:
            raise ValueError("an erasure is of an extension, of a library, or of an extension in a library")
        credentials = list(_credentials(self._store, extension, library_id))
        keys = self._keychain.keys_of(extension, library_id, [key for _, key in credentials])
        return Erasure(
            extension=extension,
            library_id=library_id,
            keys=tuple(dict.fromkeys(keys)),
            credentials=tuple(place for place, _ in credentials),
        )

    def erase(self, extension: str | None, library_id: UUID | None, by: str) -> Erasure:
        """Make what these keys sealed unreadable, for everybody and for good. Durable, crash-safe.

        Raises:
            ErasureRefused: jobs that have not ended may need it; nothing was erased.
            ValueError, SecretsError, StoreError: as for `plan`.
        """
        with self._lock:
            self._refuse_jobs(extension, library_id)
            with self._keychain.held():  # so that no key is made below one that is about to go
                plan = self.plan(extension, library_id)
                if not plan.keys:
                    return plan
                hit("erase.before_append")
                self._append(RUNTIME_STREAM, [KeysErased(extension, library_id, plan.keys, by)])
                hit("erase.after_append")
                self._keychain.destroy(*plan.keys)
                hit("erase.after_destroy")
            tidy_credentials(self._store, self._keychain, self._call, caller=CALLER)
            return plan

    def _refuse_jobs(self, extension: str | None, library_id: UUID | None) -> None:
        query = JobQuery(statuses=UNFINISHED, extension=extension, library_id=library_id, limit=3)
        if jobs := self._store.jobs(query).jobs:
            raise ErasureRefused([state.job_id for state in jobs])


def finish_erasures(store: EventStore, keychain: Keychain) -> None:
    """Destroy what the log says is erased and is there all the same: after a crash, or from an old backup. Durable."""
    state = store.state(RUNTIME_STREAM)
    if isinstance(state, RuntimeState):
        left = [key for key in state.erased if not keychain.is_destroyed(key)]
        if left:
            keychain.destroy(*left)


def _credentials(
    store: EventStore, extension: str | None, library_id: UUID | None
) -> Iterator[tuple[CredentialPlace, str]]:
    """The credentials, each with its key's id."""
    prefix = prefix_of(extension, library_id) if extension is not None else prefix_of()
    after = prefix
    while rows := store.rows(prefix, after=after):
        for row in rows:
            place = place_of(row.key)
            if library_id in (None, place.library_id):
                yield place, read_row(row.value).key
        after = rows[-1].key
