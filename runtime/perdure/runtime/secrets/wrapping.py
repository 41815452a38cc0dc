"""AES-256-GCM, and which key wraps which: pure functions of bytes.

    master key                      in the OS keyring, in ``keys/master``, or brought by the embedder
      └─ a key for each extension   wrapped by the master key, ``keys/extension-ID``
      │    ├─ one for each library     wrapped by its extension's key, ``keys/library-ID``: payloads of calls in there
      │    └─ one for each credential  wrapped by its extension's key, ``keys/credential-ID``; or behind a passphrase:
      │                                see `perdure.runtime.secrets.lock_record`
      └─ the key that signs seals      wrapped by the master key, ``keys/seal-ID``

Every ciphertext is bound to what it is (its key's id, its purpose, whose key it is) as associated data, so that none
can be put in another's place. Nonces are 96 random bits; a key seals far fewer than the 2^32 messages that allows.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

import msgspec

from perdure.runtime.secrets.errors import CorruptKeys, SealBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

EXTENSION: Final = "extension"
CREDENTIAL: Final = "credential"
LIBRARY: Final = "library"
SEAL: Final = "seal"
LOCKED: Final = "locked"
PAYLOAD: Final = "payload"
ROW: Final = "row"


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key file's content.

    ``kind`` is `EXTENSION`, `LIBRARY`, `CREDENTIAL`, `SEAL`, or `LOCKED` for what was refused while a lock was closed;
    ``owner`` is the extension, empty for the host itself, for the key of seals its public key in hex; ``parent`` is the
    id of the key, or of the lock, that wraps this one; ``library``, of `LOCKED` only, is where that was.
    """

    format: int = 1
    id: str
    kind: str
    owner: str
    parent: str
    wrapped: bytes
    library: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.kind}-{self.id}"


_ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_key_id(text: str) -> bool:
    """Whether this can be a key's id: it becomes a file's name, and may come from a log that somebody else wrote."""
    return _ID.fullmatch(text) is not None


def new_key() -> bytes:
    """A new random key."""
    return os.urandom(KEY_BYTES)


def encrypt(key: bytes, key_id: str, purpose: str, data: bytes) -> bytes:
    """``data`` sealed: nonce, ciphertext, tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, data, _bound("data", key_id, purpose))


def decrypt(key: bytes, key_id: str, purpose: str, sealed: bytes) -> bytes:
    """What `encrypt` sealed.

    Raises:
        SealBroken: these are not the bytes it made with this key for this purpose.
    """
    return _open(key, key_id, sealed, _bound("data", key_id, purpose))


def wrap(key: bytes, *, id: str, kind: str, owner: str, parent: str, parent_key: bytes) -> WrappedKey:
    """``key`` in its wrapping."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + _cipher(parent_key).encrypt(nonce, key, _bound("key", id, kind, owner, parent))
    return WrappedKey(id=id, kind=kind, owner=owner, parent=parent, wrapped=sealed)


def unwrap(wrapped: WrappedKey, parent_key: bytes) -> bytes:
    """The key.

    Raises:
        SealBroken: it was altered, or ``parent_key`` is not the one that wraps it.
    """
    bound = _bound("key", wrapped.id, wrapped.kind, wrapped.owner, wrapped.parent)
    return _open(parent_key, wrapped.id, wrapped.wrapped, bound)


def encode_wrapped(wrapped: WrappedKey) -> bytes:
    """A key file's bytes: a line of JSON."""
    return msgspec.json.encode(wrapped) + b"\n"


def decode_wrapped(name: str, data: bytes) -> WrappedKey:
    """A key file's content.

    Raises:
        CorruptKeys: it is not one of ours, or it is in the place of another.
    """
    try:
        wrapped = msgspec.json.decode(data, type=WrappedKey)
    except msgspec.MsgspecError:
        raise CorruptKeys(name, "it is no wrapped key") from None
    if wrapped.format != 1:
        raise CorruptKeys(name, f"its format is {wrapped.format}, this perdure knows 1")
    if wrapped.file != name:
        raise CorruptKeys(name, "it is another key's")
    return wrapped


def _open(key: bytes, key_id: str, sealed: bytes, bound: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see `_cipher`

    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken(key_id)
    try:
        return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except InvalidTag:
        raise SealBroken(key_id) from None


def _cipher(key: bytes) -> AESGCM:
    # 22 ms that a start without secrets need not spend.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key)


def _bound(*parts: str) -> bytes:
    # As JSON, so that no two lists of parts have the same bytes.
    return msgspec.json.encode(("perdure 1", *parts))
