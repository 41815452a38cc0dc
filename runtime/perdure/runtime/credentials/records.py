"""How credentials are kept: a row for each, sealed with a key of its own.

    credentials NUL extension NUL library NUL name  ->  CredentialRow

What can be listed is in clear; the credential itself is sealed, bound to its row's key so that no row can stand in for
another. The same key seals what the log keeps of the calls that carried it: destroying it erases them all.
"""

from __future__ import annotations

import threading
from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.credentials.credential import Credential, expiry_of, kind_of
from perdure.runtime.secrets.errors import SealBroken
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.rows import SEPARATOR, row_key

TABLE: Final = "credentials"


class CredentialRow(msgspec.Struct, frozen=True, array_like=True):
    """A row's value. Times are in seconds since 1970."""

    key: str
    kind: str
    expires_at: int | None
    stored_at: int
    sealed: bytes


class CredentialPlace(msgspec.Struct, frozen=True):
    """Whose credential it is, where, and its name."""

    extension: str
    library_id: UUID
    name: str

    @property
    def row(self) -> bytes:
        """The key of its row.

        Raises:
            ValueError: the name is too long for one.
        """
        return row_key(TABLE, self.extension, str(self.library_id), self.name)


def prefix_of(extension: str | None = None, library_id: UUID | None = None) -> bytes:
    """What the keys of all rows, of an extension's, or of those in one library begin with."""
    parts = [TABLE, *([extension] if extension else []), *([str(library_id)] if library_id else [])]
    return row_key(*parts) + SEPARATOR


def place_of(row: bytes) -> CredentialPlace:
    """What a row's key says."""
    _, extension, library_id, name = row.decode().split("\0")
    return CredentialPlace(extension, UUID(library_id), name)


_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(CredentialRow).decode
_decode = msgspec.msgpack.Decoder(Credential).decode


def read_row(value: bytes) -> CredentialRow:
    """A row's value."""
    return _decode_row(value)


class Sealer:
    """Seals credentials and opens them. Thread-safe."""

    def __init__(self, keychain: Keychain) -> None:
        self._keychain = keychain
        self._lock = threading.Lock()
        self._new: dict[bytes, str] = {}

    def key_for(self, place: CredentialPlace, row: CredentialRow | None) -> str:
        """The key for a credential: its row's, or a new one; the same one until there is a row. Durable.

        A row whose key is destroyed is one that is being deleted.
        """
        with self._lock:
            if row is not None and not self._keychain.is_destroyed(row.key):
                self._new.pop(place.row, None)
                return row.key
            key = self._new.get(place.row)
            if key is None or self._keychain.is_destroyed(key):
                key = self._new[place.row] = self._keychain.new_credential_key(place.extension)
            return key

    def seal(self, place: CredentialPlace, key: str, credential: Credential, now: float) -> bytes:
        """The value of its row.

        Raises:
            SecretsError: the key cannot be used.
        """
        sealed = self._keychain.encrypt(key, _purpose(place), _encode(credential))
        return _encode(CredentialRow(key, kind_of(credential), expiry_of(credential), int(now), sealed))

    def open(self, place: CredentialPlace, row: CredentialRow) -> Credential:
        """The credential.

        Raises:
            KeyDestroyed: it was deleted.
            SecretsError: its key cannot be used.
        """
        data = self._keychain.decrypt(row.key, _purpose(place), row.sealed)
        try:
            credential: Credential = _decode(data)
        except msgspec.MsgspecError:
            raise SealBroken(row.key) from None
        return credential

    def destroy(self, place: CredentialPlace, row: CredentialRow) -> None:
        """Destroy its key, and so the credential. Durable, idempotent.

        Raises:
            CredentialsLocked: the extension's credentials are locked. To finish what was begun needs no passphrase.
        """
        if not self._keychain.is_destroyed(row.key):
            self._keychain.locks.require_open(place.extension)
        with self._lock:
            self._new.pop(place.row, None)
            self._keychain.destroy(row.key)


def _purpose(place: CredentialPlace) -> str:
    return f"credential {place.row.hex()}"
