"""The keys of one data folder: made when first needed, found by their ids, destroyed for good.

A key is destroyed in two steps: its id is added to ``keys/destroyed``, durably, then its file is overwritten and
removed. So a crash in between is finished at the next open, and a key that somebody destroyed is told from one whose
file was lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from perdure.runtime.secrets.errors import CorruptKeys, KeyDestroyed, KeyMissing, SecretsError
from perdure.runtime.secrets.key_files import FolderKeyFiles, KeyFiles, MemoryKeyFiles
from perdure.runtime.secrets.lock_record import LOCK
from perdure.runtime.secrets.locks import Locks
from perdure.runtime.secrets.master_key import MasterKey, MasterKeys, MasterRecord
from perdure.runtime.secrets.os_keyring import no_keyring
from perdure.runtime.secrets.wrapping import (
    CREDENTIAL,
    EXTENSION,
    KEY_BYTES,
    LIBRARY,
    LOCKED,
    SEAL,
    WrappedKey,
    decode_wrapped,
    decrypt,
    encode_wrapped,
    encrypt,
    is_key_id,
    new_key,
    unwrap,
    wrap,
)

logger = logging.getLogger(__name__)

KEYS_FOLDER: Final = "keys"
DESTROYED_FILE: Final = "destroyed"
MAX_LIBRARY_KEYS: Final = 10_000  # of one extension
HOST: Final = ""  # the owner of the key for what the host itself calls
_KINDS: Final = (CREDENTIAL, LIBRARY, EXTENSION, SEAL, LOCK, LOCKED)


class Keychain:
    """Keys by their ids, each wrapped by the one above it (`perdure.runtime.secrets.wrapping`). Thread-safe.

    Nothing is read or made before it is needed; every change is durable when its call returns. All methods that need a
    key may raise `MasterKeyUnavailable`, `WrongMasterKey`, `UnsafeKeys`, `CorruptKeys` and the store's `DiskFull` and
    `StoreFailed`.
    """

    def __init__(self, files: KeyFiles, master: MasterKeys, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._masters = master
        self._lock = threading.RLock()
        self._master: MasterKey | None = None
        self._keys: dict[str, bytes] = {}  # unwrapped, by id
        self._extensions: dict[str, WrappedKey] | None = None  # by owner
        self._destroyed: set[str] | None = None
        self._libraries: dict[str, set[str]] | None = None  # the libraries' keys of each extension
        self.locks = Locks(files, self, monotonic)  # the passphrases of extensions' credentials

    @classmethod
    def of_folder(
        cls, data: Path, given: bytes | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> Keychain:
        """The keys of a data folder. ``given`` is the master key, if the embedder brought one.

        ``monotonic`` is the clock, in seconds, by which what is unlocked is locked again.

        Raises:
            InvalidMasterKey: it has the wrong size.
        """
        files = FolderKeyFiles(data / KEYS_FOLDER)
        return cls(files, MasterKeys(files, given), monotonic)

    @classmethod
    def in_memory(
        cls, files: MemoryKeyFiles | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> Keychain:
        """Keys that end with the process."""
        files = files if files is not None else MemoryKeyFiles()
        return cls(files, MasterKeys(files, None, no_keyring), monotonic)

    # --- sealing -----------------------------------------------------------------------------------------------------

    def extension_key(self, extension: str) -> str:
        """The id of the key of an extension (`HOST` for the host), which is made if there is none."""
        with self._lock:
            known = self._extension_keys().get(extension)
            if known is not None:
                return known.id
            master = self._found_master(make=True)
            return self._make(EXTENSION, extension, master.id, master.key)

    def payload_key(self, extension: str, library_id: UUID | None, *, make: bool = True) -> str:
        """The id of the key for what an extension calls in a library; without ``make`` one that is there already.

        It is the extension's own for what is called outside of a library, where none is there, and once the extension
        has `MAX_LIBRARY_KEYS` others: it chooses the ids of libraries, and each key is a file.
        """
        with self._lock:
            parent = self.extension_key(extension)
            if library_id is None:
                return parent
            key_id = self._library_key(parent, library_id)
            if key_id in self._keys or self._files.read(f"{LIBRARY}-{key_id}") is not None:
                return key_id
            if not make or len(self._libraries_of(extension)) >= MAX_LIBRARY_KEYS:
                return parent
            made = self._make(LIBRARY, extension, parent, self._key(parent), key_id=key_id)
            self._libraries_of(extension).add(key_id)
            return made

    def _libraries_of(self, extension: str) -> set[str]:
        if self._libraries is None:
            self._libraries = {}
            for name in self._files.names():
                kind, _, key_id = name.partition("-")
                if kind == LIBRARY and key_id not in self._destroyed_keys():
                    wrapped = decode_wrapped(name, self._files.read(name) or b"")
                    self._libraries.setdefault(wrapped.owner, set()).add(key_id)
        return self._libraries.setdefault(extension, set())

    def new_credential_key(self, extension: str) -> str:
        """The id of a new key for one credential of the extension.

        Raises:
            CredentialsLocked: the extension's credentials are locked.
        """
        with self._lock:
            parent = self.extension_key(extension)
            if (lock := self.locks.of(extension)) is not None:
                return self.locks.new_credential_key(lock)
            return self._make(CREDENTIAL, extension, parent, self._key(parent))

    def encrypt(self, key_id: str, purpose: str, data: bytes) -> bytes:
        """``data`` sealed with a key, for one purpose.

        Raises:
            KeyDestroyed, KeyMissing, SealBroken: the key cannot be used.
            CredentialsLocked: it is behind a lock.
        """
        sealing = self.locks.sealing_key(key_id)
        return encrypt(sealing if sealing is not None else self._key(key_id), key_id, purpose, data)

    def decrypt(self, key_id: str, purpose: str, sealed: bytes) -> bytes:
        """What `encrypt` sealed.

        Raises:
            KeyDestroyed: it is erased.
            KeyMissing, SealBroken: the key, or what it sealed, was lost or altered.
            CredentialsLocked: it is behind a lock.
        """
        return decrypt(self._key(key_id), key_id, purpose, sealed)

    # --- the key that signs seals -------------------------------------------------------------------------------------

    def seal_keys(self) -> dict[bytes, str]:
        """The ids of the keys that sign seals, by their public keys: one, or two where a crash ended a rotation."""
        prefix = f"{SEAL}-"
        with self._lock:
            found: dict[bytes, str] = {}
            for name in self._files.names():
                if name.startswith(prefix) and name.removeprefix(prefix) not in self._destroyed_keys():
                    wrapped = decode_wrapped(name, self._files.read(name) or b"")
                    found[_public(name, wrapped.owner)] = wrapped.id
            return found

    def new_seal_key(self, public_key: Callable[[bytes], bytes]) -> tuple[bytes, str]:
        """A new key for signing: the public part, by ``public_key`` from the private one, and its id."""
        with self._lock:
            private, master = new_key(), self._found_master(make=True)
            public = public_key(private)
            return public, self._make(SEAL, public.hex(), master.id, master.key, key=private)

    def seal_private_key(self, key_id: str) -> bytes:
        """The private part of a key for signing.

        Raises:
            KeyDestroyed, KeyMissing, SealBroken: it cannot be used.
        """
        return self._key(key_id)

    def held(self) -> contextlib.AbstractContextManager[bool]:
        """While it lasts no other thread makes, uses or destroys a key."""
        return self._lock

    # --- the end of a key --------------------------------------------------------------------------------------------

    def destroy(self, *key_ids: str) -> None:
        """Destroy keys: what they sealed, wherever that is, is erased. Idempotent, durable.

        What they wrap is lost with them; whoever destroys an extension's key destroys those too, so that they are known
        to be destroyed.
        """
        with self._lock:
            new = [_checked(key_id) for key_id in key_ids if key_id not in self._destroyed_keys()]
            if new:
                self._files.append(DESTROYED_FILE, "".join(f"{key_id}\n" for key_id in new).encode())
                self._destroyed_keys().update(new)
            self._libraries = None
            doomed = set(key_ids)
            self.forget(doomed)
            self.locks.destroyed(doomed)
            if self._extensions is not None:
                self._extensions = {owner: key for owner, key in self._extensions.items() if key.id not in doomed}
            for name in (f"{kind}-{key_id}" for key_id in key_ids for kind in _KINDS):
                if self._files.read(name) is not None:
                    self._files.destroy(name)

    def keys_of(self, extension: str | None, library_id: UUID | None, credentials: Sequence[str]) -> list[str]:
        """The ids of the keys that are to be destroyed for an erasure, those of extensions last.

        Args:
            extension: whose; None: everybody's, also the host's own.
            library_id: the library in which; None: all, and what is outside of libraries.
            credentials: the ids of the credentials' keys that belong to it.
        """
        with self._lock:
            owners = {owner: key.id for owner, key in self._extension_keys().items() if extension in (None, owner)}
            if library_id is not None:
                found = [self._library_key(parent, library_id) for parent in owners.values()]
                found = [key for key in found if self._files.read(f"{LIBRARY}-{key}") is not None]
                return [*credentials, *found, *self.locks.keys_of(owners, library_id)]
            below = self.locks.keys_of(owners, None)
            for name in self._files.names():
                kind, _, key_id = name.partition("-")
                if kind not in (LIBRARY, CREDENTIAL) or key_id in self._destroyed_keys():
                    continue
                if decode_wrapped(name, self._files.read(name) or b"").owner in owners:
                    below.append(key_id)
            return [*below, *owners.values()]

    def _library_key(self, parent: str, library_id: UUID) -> str:
        # Found by whose it is, without a look at all files; one that was destroyed has a successor.
        ids = (_library_key_id(parent, library_id, generation) for generation in itertools.count())
        return next(key_id for key_id in ids if key_id not in self._destroyed_keys())

    def is_destroyed(self, key_id: str) -> bool:
        """Whether somebody destroyed this key."""
        with self._lock:
            return key_id in self._destroyed_keys()

    def credential_keys(self) -> list[str]:
        """The ids of all keys of credentials that are not destroyed."""
        prefix = f"{CREDENTIAL}-"
        return [name.removeprefix(prefix) for name in self._files.names() if name.startswith(prefix)]

    def extension_key_bytes(self, extension: str) -> bytes:
        """An extension's key itself."""
        with self._lock:
            return self._key(self.extension_key(extension))

    def forget(self, key_ids: Collection[str]) -> None:
        """Forget what was unwrapped of these."""
        with self._lock:
            for key_id in key_ids:
                self._keys.pop(key_id, None)

    # --- opening, and the master key ---------------------------------------------------------------------------------

    def recover(self) -> None:
        """Finish what a crash interrupted: destroying keys, and a rotation of the master key.

        A rotation whose keys are both not to be had is left for later, with a warning.
        """
        with self._lock:
            if isinstance(self._files, FolderKeyFiles):
                self._files.sweep()
            there = {
                key_id for kind, _, key_id in (name.partition("-") for name in self._files.names()) if kind in _KINDS
            }
            self.destroy(*sorted(there & self._destroyed_keys()))
            try:
                self._masters.sweep()
                self._finish_rotation()
            except SecretsError as error:
                logger.warning("the rotation of the master key is not finished: %s", error)
            try:
                self.locks.finish()
            except SecretsError as error:
                logger.warning("keys of credentials are not behind their passphrase yet: %s", error)

    def rotate(self, given: bytes | None = None) -> str:
        """Put a new master key in the place of the old one; returns its id. Durable; a crash is finished by `recover`.

        Args:
            given: the new key, if the embedder brings it; from then on `RuntimeSettings.master_key` has to be that one.

        Raises:
            InvalidMasterKey: ``given`` has the wrong size.
        """
        with self._lock:
            self._finish_rotation()
            old = self._found_master(make=True)
            self._masters.begin_rotation(old, given)
            self._finish_rotation()
            return self._found_master(make=False).id

    def master_record(self) -> MasterRecord | None:
        """Which master key this folder has, and where it is kept; None before one is needed."""
        rotation = self._masters.rotation()
        return self._masters.record() or (rotation.record if rotation is not None else None)

    def check_master(self) -> None:
        """Make sure that the master key is there and is the right one, if there is one at all."""
        with self._lock:
            rotation = self._masters.rotation()
            if rotation is not None:
                self._masters.rotating(rotation)
            else:
                self._masters.find()

    def _finish_rotation(self) -> MasterKey | None:
        """End a rotation that has begun; returns the new master key, None if there is no rotation."""
        rotation = self._masters.rotation()
        if rotation is None:
            return None
        old, new = self._masters.rotating(rotation)
        for owner, wrapped in self._extension_keys().items():
            if wrapped.parent == new.id:
                continue
            key = unwrap(wrapped, old.key)
            changed = wrap(key, id=wrapped.id, kind=EXTENSION, owner=owner, parent=new.id, parent_key=new.key)
            self._files.write(changed.file, encode_wrapped(changed))
            self._extension_keys()[owner] = changed
        for name in self._files.names():
            if name.startswith(f"{SEAL}-"):
                wrapped = decode_wrapped(name, self._files.read(name) or b"")
                if wrapped.parent != new.id:
                    key = unwrap(wrapped, old.key)
                    changed = wrap(
                        key, id=wrapped.id, kind=SEAL, owner=wrapped.owner, parent=new.id, parent_key=new.key
                    )
                    self._files.write(changed.file, encode_wrapped(changed))
        self._masters.end_rotation(rotation, old, new)
        self._master = new
        return new

    def _found_master(self, *, make: bool) -> MasterKey:
        if self._master is not None:
            return self._master
        found = self._finish_rotation() or self._masters.find()
        if found is None and not make:
            raise KeyMissing("master")
        self._master = found if found is not None else self._masters.make()
        return self._master

    # --- files -------------------------------------------------------------------------------------------------------

    def _make(
        self, kind: str, owner: str, parent: str, parent_key: bytes, *, key: bytes = b"", key_id: str = ""
    ) -> str:
        key_id, key = key_id or str(uuid4()), key or new_key()
        wrapped = wrap(key, id=key_id, kind=kind, owner=owner, parent=parent, parent_key=parent_key)
        self._files.write(wrapped.file, encode_wrapped(wrapped))
        self._keys[key_id] = key
        if kind == EXTENSION:
            self._extension_keys()[owner] = wrapped
        return key_id

    def _key(self, key_id: str) -> bytes:
        with self._lock:
            key = self._keys.get(key_id)
            if key is None:
                key = self.locks.cached(key_id)
            return key if key is not None else self._unwrapped(key_id)

    def _unwrapped(self, key_id: str) -> bytes:
        """The key from its file; it is kept, but for one that is behind a lock: `Locks` keeps that while it may."""
        if self.is_destroyed(key_id):
            raise KeyDestroyed(key_id)
        for owned in self._extension_keys().values():
            if owned.id == key_id:
                key = self._keys[key_id] = unwrap(owned, self._found_master(make=False).key)
                return key
        for kind in (CREDENTIAL, LIBRARY, SEAL, LOCKED):
            name = f"{kind}-{_checked(key_id)}"
            if (data := self._files.read(name)) is None:
                continue
            wrapped = decode_wrapped(name, data)
            if kind in (CREDENTIAL, LOCKED) and self.locks.of(wrapped.owner) is not None:
                return self.locks.opened_key(wrapped)
            parent = self._found_master(make=False).key if kind == SEAL else self._key(wrapped.parent)
            key = self._keys[key_id] = unwrap(wrapped, parent)
            return key
        raise KeyMissing(key_id)

    def _extension_keys(self) -> dict[str, WrappedKey]:
        if self._extensions is None:
            found: dict[str, WrappedKey] = {}
            for name in self._files.names():
                if (
                    name.startswith(f"{EXTENSION}-")
                    and name.removeprefix(f"{EXTENSION}-") not in self._destroyed_keys()
                ):
                    wrapped = decode_wrapped(name, self._files.read(name) or b"")
                    if wrapped.owner in found:
                        raise CorruptKeys(name, f"it is a second key of {wrapped.owner!r}")
                    found[wrapped.owner] = wrapped
            self._extensions = found
        return self._extensions

    def _destroyed_keys(self) -> set[str]:
        if self._destroyed is None:
            data = self._files.read(DESTROYED_FILE) or b""
            # A crash may have left a part of the last line: an id that no key has.
            self._destroyed = set(data.decode(errors="replace").split("\n")) - {""}
            if not data.endswith(b"\n") and data:
                self._files.append(DESTROYED_FILE, b"\n")
        return self._destroyed


def _library_key_id(parent: str, library_id: UUID, generation: int) -> str:
    said = f"perdure library key\0{parent}\0{library_id}\0{generation}"
    return str(UUID(bytes=hashlib.blake2b(said.encode(), digest_size=16).digest()))


def _public(name: str, owner: str) -> bytes:
    try:
        public = bytes.fromhex(owner)
    except ValueError:
        public = b""
    if len(public) != KEY_BYTES:
        raise CorruptKeys(name, "it does not say which public key it has")
    return public


def _checked(key_id: str) -> str:
    if not is_key_id(key_id):
        raise KeyMissing(key_id)
    return key_id
