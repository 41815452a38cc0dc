"""Payloads as the log keeps them when they hold secrets: `perdure.store.events.Sealed`."""

from __future__ import annotations

from perdure.runtime.secrets.errors import KeyDestroyed, NeverSealed
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.wrapping import PAYLOAD
from perdure.store.blobs import BlobReader, BlobStore, load_payload, store_payload
from perdure.store.events import Inline, Recorded, Sealed


def seal(keychain: Keychain, blobs: BlobStore, key: str, shown: bytes, data: bytes) -> Sealed:
    """``data`` sealed with a key; durable, if it is so large that it becomes a blob.

    If the key is destroyed already, so is ``data``: only what is shown is kept.

    Raises:
        SecretsError: the key cannot be used.
        StoreError: a blob cannot be stored.
    """
    try:
        sealed = keychain.encrypt(key, PAYLOAD, data)
    except KeyDestroyed:
        return Sealed(key, shown, Inline(b""))
    return Sealed(key, shown, store_payload(blobs, sealed))


def not_sealed(shown: bytes) -> Sealed:
    """For what there is no key for: what is shown is all that is kept."""
    return Sealed("", shown, Inline(b""))


def open_recorded(keychain: Keychain, blobs: BlobReader, recorded: Recorded) -> bytes:
    """The bytes of a payload or an answer, as they were.

    Raises:
        KeyDestroyed: they were erased.
        NeverSealed: they were not kept: there was no key at that moment.
        SecretsError: the key cannot be used now.
        BlobMissing, CorruptBlob: see `BlobStore.get`.
    """
    if not isinstance(recorded, Sealed):
        return load_payload(blobs, recorded)
    if not recorded.key:
        raise NeverSealed
    if keychain.is_destroyed(recorded.key):
        raise KeyDestroyed(recorded.key)
    return keychain.decrypt(recorded.key, PAYLOAD, load_payload(blobs, recorded.data))
