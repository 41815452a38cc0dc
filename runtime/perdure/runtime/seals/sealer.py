"""Makes the seals of an open log, and the keys that sign them.

Nobody waits for it: what it states is read at one moment, without holding up the writer, and its event goes through
the log writer like any other. The key is made when the first seal is; its private part is in the keys folder, wrapped
by the master key.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from perdure.actors.clock import Clock
from perdure.runtime.housekeeping import Chore
from perdure.runtime.seals.errors import NotSealed, SealError, SealKeyLost
from perdure.runtime.seals.sealed_log import Seal, SealedLog, changed_ends, log_identity, runtime_events
from perdure.runtime.seals.signing import public_key, sign
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.blobs import store_payload
from perdure.store.event_store import Appended, EventStore, Head
from perdure.store.events import RUNTIME_STREAM, Event, HeadsSealed, Payload, SealKeyIntroduced
from perdure.store.failpoints import hit
from perdure.store.runtime_state import RuntimeState
from perdure.store.seals.ends import StreamSeal, encode_end, number_of
from perdure.store.seals.leaves import LeafFile, Leaves, LeavesInMemory
from perdure.store.seals.merkle import leaf_hash
from perdure.store.seals.statement import KeyIntroduction, Statement

logger = logging.getLogger(__name__)

_LOOK: Final = 60.0  # seconds between looks at the last seal's age, at most
_LOOKS: Final = (
    10  # in an interval: looked at once in it, a seal is a moment too young, and the next one late by all of it
)
_FIRST: Final = 1.0  # seconds after the start


class Sealer:
    """Seals one log. Thread-safe; one seal is made at a time.

    Args:
        store, keychain: the log, and the keys beside it.
        append: appends to the stream `runtime`, durably (`ActorSystem.append`).
        clock: the time.
        scratch: a folder for what is not kept; None: that is in memory.
    """

    def __init__(
        self,
        store: EventStore,
        keychain: Keychain,
        append: Callable[[str, Sequence[Event]], Appended],
        clock: Clock,
        scratch: Path | None = None,
    ) -> None:
        self._store = store
        self._keychain = keychain
        self._append = append
        self._clock = clock
        self._scratch = scratch
        self._lock = threading.Lock()
        self._leaves: Leaves = LeavesInMemory()
        self._sealed: SealedLog | None = None  # over those
        self._taken = 0  # events of the stream `runtime` that are in it

    def seal(self) -> Seal:
        """State how every stream ends, and sign that. Durable. If nothing changed since, the last seal is the answer.

        Raises:
            SealKeyLost, SecretsError: the key cannot be used.
            SealError: the seals that are there are damaged.
            StoreError: the log is damaged, or the seal could not be stored.
        """
        with self._lock:
            sealed = self._caught_up()
            if (newest := sealed.newest) is not None and self._store.position() == newest.at == (
                newest.statement.position + 1
            ):
                return newest
            key, private = self._key()
            return self._make(self._caught_up(), key, private)

    def seal_if_due(self, interval: float) -> None:
        """`seal`, if the last seal, or the log if it has none, is ``interval`` seconds old; errors are logged."""
        try:
            if self._clock.now() - self._last_time() >= interval * 1_000_000:
                self.seal()
        except (SealError, SecretsError) as error:
            logger.error("the log could not be sealed: %s", error)

    def chores(self, interval: float | None) -> tuple[Chore, ...]:
        """What is to be done by itself for a seal each ``interval`` seconds; nothing if None."""
        if interval is None:
            return ()
        look = min(interval / _LOOKS, _LOOK)
        return (Chore("the seal of the log", look, lambda _: self.seal_if_due(interval), _FIRST),)

    def rotate(self) -> bytes:
        """Introduce a new key, signed by the one before, and destroy that one's private part; returns the public key.

        What the old key signed stays checkable. Without the old key, a new line of keys begins. Durable, crash-safe.

        Raises:
            SecretsError, StoreError: as for `seal`.
        """
        with self._lock:
            before = self._state().seal_key
            return self._introduce(before if before in self._keychain.seal_keys() else b"")

    def newest(self) -> Seal:
        """The newest seal.

        Raises:
            NotSealed: there is none.
        """
        with self._lock:
            if (newest := self._caught_up().newest) is None:
                raise NotSealed
            return newest

    def close(self) -> None:
        """Forget what was read, and give back what it takes up; the next seal reads it again."""
        with self._lock:
            self._forget()

    # --- keys --------------------------------------------------------------------------------------------------------

    def _key(self) -> tuple[bytes, bytes]:
        """The public and the private key that sign now."""
        current, keys = self._state().seal_key, self._keychain.seal_keys()
        if not current:
            current = self._introduce(b"")
            keys = self._keychain.seal_keys()
        if current not in keys:
            raise SealKeyLost(current)
        private = self._keychain.seal_private_key(keys[current])
        self._tidy(current)
        return current, private

    def _introduce(self, previous: bytes) -> bytes:
        hit("seal.before_key")
        # Before anything is made: a crash leaves a key that no event introduced, and the next one tidies it away.
        log, position = log_identity(self._store), self._store.position()
        key, key_id = self._keychain.new_seal_key(public_key)
        draft = KeyIntroduction(log, position, key, previous, b"", b"")
        signature = sign(self._keychain.seal_private_key(key_id), draft.text)
        endorsement = b""
        if previous:
            private = self._keychain.seal_private_key(self._keychain.seal_keys()[previous])
            endorsement = sign(private, draft.text)
        hit("seal.before_introduction")
        self._append(RUNTIME_STREAM, [SealKeyIntroduced(log, position, key, previous, signature, endorsement)])
        hit("seal.after_introduction")
        self._tidy(key)
        return key

    def _tidy(self, current: bytes) -> None:
        """Destroy what a rotation, or a crash in one, left of other keys."""
        for public, key_id in self._keychain.seal_keys().items():
            if public != current:
                self._keychain.destroy(key_id)

    # --- sealing -----------------------------------------------------------------------------------------------------

    def _make(self, sealed: SealedLog, key: bytes, private: bytes) -> Seal:
        changed: list[bytes] = []

        def compare(stream: str, head: Head) -> None:
            end = encode_end(StreamSeal(head.number, stream, head.sequence, head.hash))
            if sealed.tree.leaf(head.number - 1) != leaf_hash(end):
                changed.append(end)

        # Of what did not change nothing is kept: that grows with the log.
        now = self._store.heads(compare)
        changed.sort()  # an end begins with its number
        try:
            sealed.tree.change((number_of(end) - 1, leaf_hash(end)) for end in changed)
            statement = Statement(
                log=log_identity(self._store),
                position=now.position,
                streams=now.streams,
                root=sealed.tree.root,
                time=self._clock.now(),
                previous=sealed.newest.statement.digest if sealed.newest is not None else b"",
                key=key,
            )
            changes = store_payload(self._store.blobs, b"".join(changed))
            signature = sign(private, statement.text)
            hit("seal.before_append")
            self._append(RUNTIME_STREAM, [_event(statement, signature, changes)])
            hit("seal.after_append")
            newest = self._caught_up().newest
        except BaseException:
            self._forget()  # the tree is ahead of what is sealed
            raise
        if newest is None:
            raise NotSealed
        return newest

    def _caught_up(self) -> SealedLog:
        if self._sealed is None:
            self._leaves = LeafFile(self._scratch) if self._scratch is not None else LeavesInMemory()
            self._sealed, self._taken = SealedLog(self._leaves), 0
        sealed = self._sealed
        try:
            for sequence, at, event in runtime_events(self._store, self._taken):
                if isinstance(event, HeadsSealed):
                    sealed.take(event, sequence, at, changed_ends(event, self._store.blobs))
                self._taken = sequence
        except BaseException:
            self._forget()
            raise
        return sealed

    def _forget(self) -> None:
        self._sealed = None
        self._leaves.close()

    def _last_time(self) -> int:
        if (seal := self._state().seal) is not None:
            return seal.time
        return next((stored.time for stored in self._store.read(RUNTIME_STREAM, until=1)), self._clock.now())

    def _state(self) -> RuntimeState:
        state = self._store.state(RUNTIME_STREAM)
        return state if isinstance(state, RuntimeState) else RuntimeState()


def _event(statement: Statement, signature: bytes, changes: Payload) -> HeadsSealed:
    return HeadsSealed(
        log=statement.log,
        position=statement.position,
        streams=statement.streams,
        root=statement.root,
        time=statement.time,
        previous=statement.previous,
        key=statement.key,
        signature=signature,
        changes=changes,
    )
