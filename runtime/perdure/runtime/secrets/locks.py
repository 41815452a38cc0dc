"""The locks of one keychain: which extension's credentials need a passphrase, and which are unlocked at this moment.

What is unlocked is in this process' memory only: the lock's private key and the keys that it opened, until a time that
was fixed when it was unlocked, `Locks.close`, or the end of the process. The time does not move when something is used:
an extension that asks for its credentials all the time would keep them open for ever.

Every change is one file, or is finished by the next open (`Locks.finish`) or the next unlocking
(`Locks.finish_change`), whatever moment a crash comes at.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Final, Protocol
from uuid import UUID, uuid4

import msgspec

from perdure.runtime.secrets.errors import (
    CorruptKeys,
    CredentialsLocked,
    KeyDestroyed,
    NoPassphrase,
    PassphraseIsSet,
    PassphraseThrottled,
    WrongPassphrase,
)
from perdure.runtime.secrets.key_files import KeyFiles
from perdure.runtime.secrets.lock_record import (
    LOCK,
    LockRecord,
    decode_lock,
    encode_lock,
    make_lock,
    outer_opened,
    previous_key,
    private_key,
    unwrap_behind,
    wrap_behind,
)
from perdure.runtime.secrets.passphrase import Argon2Parameters, check_new
from perdure.runtime.secrets.throttle import Throttle
from perdure.runtime.secrets.wrapping import (
    CREDENTIAL,
    LOCKED,
    WrappedKey,
    decode_wrapped,
    encode_wrapped,
    is_key_id,
    new_key,
    unwrap,
    wrap,
)

MAX_LOCKED_KEYS: Final = 1_000  # of one extension, for what is refused: each is a file, and libraries are many
_BEHIND: Final = (CREDENTIAL, LOCKED)


class Chain(Protocol):
    """What the locks need of their keychain."""

    def extension_key(self, extension: str) -> str:
        """See `Keychain.extension_key`."""

    def extension_key_bytes(self, extension: str) -> bytes:
        """The key itself."""

    def is_destroyed(self, key_id: str) -> bool:
        """See `Keychain.is_destroyed`."""

    def destroy(self, *key_ids: str) -> None:
        """See `Keychain.destroy`."""

    def forget(self, key_ids: Collection[str]) -> None:
        """Forget what was unwrapped."""

    def held(self) -> contextlib.AbstractContextManager[bool]:
        """See `Keychain.held`."""


class LockState(msgspec.Struct, frozen=True):
    """An extension's lock. ``seconds``: how long it stays unlocked, 0 while it is locked or there is none.

    ``wait``: seconds until a passphrase is looked at; 0 but after wrong ones.
    """

    has_passphrase: bool
    unlocked: bool
    seconds: float
    wait: float


class _Opened(msgspec.Struct):
    """An unlocked lock: until when, the private keys by their locks, and the keys that were opened with them."""

    until: float
    private: dict[str, bytes]
    keys: dict[str, bytes]

    def __repr__(self) -> str:
        return f"_Opened(until={self.until})"


class Locks:
    """See the module. Thread-safe. Every change is durable when its call returns.

    All methods may raise what `Keychain`'s do where a key is not to be had.

    Args:
        files: the key files.
        chain: the keychain.
        monotonic: seconds of a clock that only goes on.

    Attributes:
        parameters: how much work a passphrase is, of locks that are made from now on.
    """

    def __init__(self, files: KeyFiles, chain: Chain, monotonic: Callable[[], float]) -> None:
        self._files = files
        self._chain = chain
        self._monotonic = monotonic
        self.parameters = Argon2Parameters()
        self._records: dict[str, LockRecord] | None = None
        self._opened: dict[str, _Opened] = {}  # by extension
        self._throttles: dict[str, Throttle] = {}
        # One try at a time: each takes 64 MiB, and the throttle is not to be overtaken. Held without the chain's lock,
        # so that nobody else waits for a derivation.
        self._trying = threading.Lock()
        self._while_locked: dict[tuple[str, str], str] = {}  # keys for what is refused, by extension and library
        self._sealing: dict[str, bytes] = {}  # the same by their ids: they seal, and open nothing

    # --- what there is -----------------------------------------------------------------------------------------------

    def of(self, extension: str) -> LockRecord | None:
        """The lock of an extension, or None."""
        with self._chain.held():
            own = [record for record in self._all().values() if record.owner == extension]
            replaced = {record.previous for record in own}
            current = [record for record in own if record.id not in replaced]
            if len(current) > 1:
                raise CorruptKeys(current[1].file, f"it is a second lock of {extension!r}")
            return current[0] if current else None

    def extensions(self) -> list[str]:
        """The extensions that have a passphrase, by name."""
        with self._chain.held():
            return sorted({record.owner for record in self._all().values()})

    def state(self, extension: str) -> LockState:
        """Whether there is a passphrase, and how long the credentials stay unlocked."""
        with self._chain.held():
            now = self._monotonic()
            opened = self._open_now(extension)
            wait = self._throttle(extension).wait(now)
            return LockState(
                self.of(extension) is not None,
                opened is not None,
                opened.until - now if opened is not None else 0.0,
                wait,
            )

    def is_locked(self, extension: str) -> bool:
        """Whether its credentials can only be used after unlocking."""
        with self._chain.held():
            return self.of(extension) is not None and self._open_now(extension) is None

    def require_open(self, extension: str) -> None:
        """Make sure that the extension's credentials may be used.

        Raises:
            CredentialsLocked: they may not.
        """
        if self.is_locked(extension):
            raise CredentialsLocked(extension)

    def lock_of(self, key_id: str) -> str | None:
        """The extension whose lock a key is behind; None for any other key."""
        with self._chain.held():
            for kind in _BEHIND:
                name = f"{kind}-{key_id}"
                data = self._files.read(name) if is_key_id(key_id) and not self._chain.is_destroyed(key_id) else None
                if data is not None:
                    owner = decode_wrapped(name, data).owner
                    return owner if self.of(owner) is not None else None
            return None

    # --- passphrases -------------------------------------------------------------------------------------------------

    def set(self, extension: str, passphrase: str) -> None:
        """Give an extension's credentials a passphrase; they are locked then. Its keys are put behind the lock.

        Raises:
            PassphraseIsSet: there is one.
            UnfitPassphrase: it is too short or too long.
        """
        check_new(passphrase)
        with self._trying:
            if self.of(extension) is not None:
                raise PassphraseIsSet(extension)
            parent, parent_key = self._parent(extension)
            record, _ = make_lock(extension, parent, parent_key, passphrase, self.parameters)
            with self._chain.held():
                if self._chain.is_destroyed(parent):
                    raise KeyDestroyed(parent)  # erased at this moment; whoever wants it asks again
                self._write(record)
                self._move(extension, record, {})

    def change(self, extension: str, passphrase: str, new_passphrase: str) -> None:
        """Put another passphrase in the place of one; what is unlocked stays so until its time.

        The lock gets new keys, so that an old copy of its file with the old passphrase opens nothing that is made now.

        Raises:
            NoPassphrase, WrongPassphrase, PassphraseThrottled, UnfitPassphrase: nothing was changed.
        """
        check_new(new_passphrase)
        with self._trying:
            old, private = self._tried(extension, passphrase)
            parent, parent_key = self._parent(extension)
            with self._chain.held():
                self._move(extension, old, private)  # what an earlier change left
                self._destroy_previous(old)
            record, key = make_lock(
                extension, parent, parent_key, new_passphrase, self.parameters, (old.id, private[old.id])
            )
            with self._chain.held():
                self._require_current(old)
                self._write(record)  # from here on it is the new one that opens
                private[record.id] = key
                if (opened := self._open_now(extension)) is not None:
                    opened.private = dict(private)
                self._move(extension, record, private)
                self._destroy_previous(record)

    def remove(self, extension: str, passphrase: str) -> None:
        """Take the passphrase away; the credentials are open to whoever has the master key then.

        Raises:
            NoPassphrase, WrongPassphrase, PassphraseThrottled: nothing was changed.
        """
        with self._trying:
            record, private = self._tried(extension, passphrase)
            with self._chain.held():
                self._require_current(record)
                self._move(extension, None, private)
                self._chain.destroy(*(one.id for one in self._all().values() if one.owner == extension))
                self._opened.pop(extension, None)

    def unlock(self, extension: str, passphrase: str, seconds: float) -> None:
        """Unlock an extension's credentials in this process for so long; nothing is written.

        Raises:
            NoPassphrase, WrongPassphrase, PassphraseThrottled: nothing was changed.
        """
        with self._trying:
            record, private = self._tried(extension, passphrase)
            with self._chain.held():
                self._require_current(record)
                before = self._open_now(extension)
                keys = before.keys if before is not None else {}
                self._opened[extension] = _Opened(self._monotonic() + seconds, private, keys)

    def close(self, extension: str) -> bool:
        """Lock it again: forget what was unlocked. False if it was not."""
        with self._chain.held():
            was_open = self._open_now(extension) is not None
            self._opened.pop(extension, None)
            return was_open

    def forget_expired(self) -> None:
        """Forget what is past its time. It is not used in any case; but it need not stay in memory either."""
        with self._chain.held():
            for extension in list(self._opened):
                self._open_now(extension)

    # --- keys behind a lock ------------------------------------------------------------------------------------------

    def cached(self, key_id: str) -> bytes | None:
        """A key that is behind a lock and was opened, as long as that is unlocked."""
        for extension in list(self._opened):
            opened = self._open_now(extension)
            if opened is not None and (key := opened.keys.get(key_id)) is not None:
                return key
        return None

    def opened_key(self, wrapped: WrappedKey) -> bytes:
        """The key in ``wrapped``, whose owner has a lock.

        Raises:
            CredentialsLocked: it is locked.
            SealBroken: the key's file was altered.
        """
        opened = self._open_now(wrapped.owner)
        if opened is None:
            raise CredentialsLocked(wrapped.owner)
        # One that is still outside was left there by a crash; the next open puts it behind the lock.
        key = self._unwrapped(wrapped, opened.private)
        opened.keys[wrapped.id] = key
        return key

    def new_credential_key(self, record: LockRecord) -> str:
        """The id of a new key for a credential behind the lock.

        Raises:
            CredentialsLocked: it is locked.
        """
        opened = self._open_now(record.owner)
        if opened is None:
            raise CredentialsLocked(record.owner)
        made, key = self._make(record, CREDENTIAL, "")
        opened.keys[made] = key
        return made

    def key_while_locked(self, extension: str, library_id: UUID | None) -> str | None:
        """The id of a key behind the lock for a call in this library that was refused; None if there is no lock.

        It seals without the passphrase, and opens nothing without it. One a library in each process.
        """
        with self._chain.held():
            record = self.of(extension)
            if record is None:
                return None
            library = str(library_id or "")
            for place in ((extension, library), (extension, "")):
                known = self._while_locked.get(place)
                if known is not None and not self._chain.is_destroyed(known):
                    return known
                if place[1] and sum(name.startswith(f"{LOCKED}-") for name in self._files.names()) < MAX_LOCKED_KEYS:
                    break
            made, key = self._make(record, LOCKED, place[1])
            self._while_locked[place] = made
            self._sealing[made] = key
            return made

    def sealing_key(self, key_id: str) -> bytes | None:
        """A key of `key_while_locked`, to seal with."""
        return self._sealing.get(key_id)

    def keys_of(self, owners: Collection[str], library_id: UUID | None) -> list[str]:
        """The ids of what goes with an erasure: see `Keychain.keys_of`."""
        found = [
            wrapped.id
            for wrapped in self._wrapped((LOCKED,))
            if wrapped.owner in owners and library_id in (None, UUID(wrapped.library) if wrapped.library else None)
        ]
        if library_id is None:
            found += [record.id for record in self._all().values() if record.owner in owners]
        return found

    def destroyed(self, key_ids: Collection[str]) -> None:
        """Take note that keys or locks are gone."""
        for record in [self._records[key] for key in key_ids if self._records is not None and key in self._records]:
            self._all().pop(record.id)
            if not any(other.owner == record.owner for other in self._all().values()):
                self._opened.pop(record.owner, None)
                self._throttles.pop(record.owner, None)
        for key in key_ids:
            self._sealing.pop(key, None)
            for opened in self._opened.values():
                opened.keys.pop(key, None)

    # --- what a crash left -------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Put behind each lock what is outside of it, which needs no passphrase. Durable, idempotent."""
        with self._chain.held():
            for extension in self.extensions():
                record = self.of(extension)
                if record is None:
                    continue
                keys = [wrapped for wrapped in self._wrapped(_BEHIND) if wrapped.owner == extension]
                for wrapped in keys:
                    if wrapped.parent == record.parent:
                        self._put_behind(record, wrapped, {})
                if record.previous and not any(wrapped.parent == record.previous for wrapped in keys):
                    self._destroy_previous(record)

    def finish_change(self, extension: str) -> None:
        """Finish a change of the passphrase that was interrupted, if the extension is unlocked. Durable, idempotent."""
        with self._chain.held():
            record, opened = self.of(extension), self._open_now(extension)
            if record is not None and opened is not None and record.previous in self._all():
                self._move(extension, record, opened.private)
                self._destroy_previous(record)

    # --- the rest ----------------------------------------------------------------------------------------------------

    def _tried(self, extension: str, passphrase: str) -> tuple[LockRecord, dict[str, bytes]]:
        """The lock, and its private keys; counts a wrong passphrase."""
        throttle = self._throttle(extension)
        with self._chain.held():
            record = self.of(extension)
            if record is None:
                raise NoPassphrase(extension)
            if wait := throttle.wait(self._monotonic()):
                raise PassphraseThrottled(extension, wait)
            inner = outer_opened(record, self._chain.extension_key_bytes(extension))
        try:
            private = {record.id: private_key(record, inner, passphrase)}
        except WrongPassphrase:
            throttle.failed(self._monotonic())
            raise
        throttle.succeeded()
        with self._chain.held():
            before = record
            while (older := self._all().get(before.previous)) is not None:
                private[older.id] = previous_key(before, private[before.id])
                before = older
        return record, private

    def _require_current(self, record: LockRecord) -> None:
        # Erased, or changed, while the passphrase was derived.
        if self._all().get(record.id) != record or self.of(record.owner) != record:
            raise NoPassphrase(record.owner)

    def _move(self, extension: str, to: LockRecord | None, private: dict[str, bytes]) -> None:
        """Wrap the extension's keys of credentials anew: behind a lock, or by its own key again (``to`` is None)."""
        parent, parent_key = self._parent(extension)
        moved = [wrapped for wrapped in self._wrapped(_BEHIND) if wrapped.owner == extension]
        self._chain.forget([wrapped.id for wrapped in moved])
        for wrapped in moved:
            if to is not None and wrapped.parent != to.id:
                self._put_behind(to, wrapped, private)
            elif to is None and wrapped.parent != parent:
                key = self._unwrapped(wrapped, private)
                outside = wrap(
                    key, id=wrapped.id, kind=wrapped.kind, owner=extension, parent=parent, parent_key=parent_key
                )
                outside = msgspec.structs.replace(outside, library=wrapped.library)
                self._files.write(outside.file, encode_wrapped(outside))

    def _put_behind(self, record: LockRecord, wrapped: WrappedKey, private: dict[str, bytes]) -> None:
        key = self._unwrapped(wrapped, private)
        behind = wrap_behind(record, key, wrapped, self._chain.extension_key_bytes(record.owner))
        self._files.write(behind.file, encode_wrapped(behind))

    def _unwrapped(self, wrapped: WrappedKey, private: dict[str, bytes]) -> bytes:
        parent_key = self._chain.extension_key_bytes(wrapped.owner)
        if wrapped.parent in private:
            return unwrap_behind(wrapped, private[wrapped.parent], parent_key)
        if wrapped.parent in self._all():
            raise CredentialsLocked(wrapped.owner)
        return unwrap(wrapped, parent_key)

    def _make(self, record: LockRecord, kind: str, library: str) -> tuple[str, bytes]:
        key = new_key()
        bare = WrappedKey(id=str(uuid4()), kind=kind, owner=record.owner, parent="", wrapped=b"", library=library)
        behind = wrap_behind(record, key, bare, self._chain.extension_key_bytes(record.owner))
        self._files.write(behind.file, encode_wrapped(behind))
        return behind.id, key

    def _destroy_previous(self, record: LockRecord) -> None:
        if record.previous in self._all():
            self._chain.destroy(record.previous)

    def _parent(self, extension: str) -> tuple[str, bytes]:
        with self._chain.held():
            return self._chain.extension_key(extension), self._chain.extension_key_bytes(extension)

    def _open_now(self, extension: str) -> _Opened | None:
        opened = self._opened.get(extension)
        if opened is not None and opened.until <= self._monotonic():
            del self._opened[extension]
            return None
        return opened

    def _throttle(self, extension: str) -> Throttle:
        # None is kept of an extension that has no lock: callers may name anything.
        if extension not in self._throttles and self.of(extension) is None:
            return Throttle()
        return self._throttles.setdefault(extension, Throttle())

    def _write(self, record: LockRecord) -> None:
        self._files.write(record.file, encode_lock(record))
        self._all()[record.id] = record

    def _all(self) -> dict[str, LockRecord]:
        if self._records is None:
            found: dict[str, LockRecord] = {}
            for name in self._files.names():
                kind, _, lock_id = name.partition("-")
                if kind == LOCK and not self._chain.is_destroyed(lock_id):
                    found[lock_id] = decode_lock(name, self._files.read(name) or b"")
            self._records = found
        return self._records

    def _wrapped(self, kinds: Collection[str]) -> Iterator[WrappedKey]:
        for name in self._files.names():
            kind, _, key_id = name.partition("-")
            if kind in kinds and not self._chain.is_destroyed(key_id):
                yield decode_wrapped(name, self._files.read(name) or b"")
