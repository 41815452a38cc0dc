"""A lock on an extension's credentials: a key pair whose private part needs a passphrase. Functions of bytes.

    passphrase ─Argon2id─▶ key ─┐
                                ├─wraps (AES-256-GCM, one inside the other)─▶ the lock's private key, ``keys/lock-ID``
    the extension's key ────────┘
    the lock's public key ──────┐
                                ├─wraps (HPKE inside AES-256-GCM)───────────▶ a credential's key
    the extension's key ────────┘

Both are needed: the files without the passphrase open nothing, nor does the passphrase without the master key. With a
key pair (HPKE, RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) a key can be put behind the lock while that is closed: what
is refused then is recorded all the same, and what a crash left outside is put behind it by the next open.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec

from perdure.runtime.secrets.errors import CorruptKeys, SealBroken, WrongPassphrase
from perdure.runtime.secrets.passphrase import SALT_BYTES, Argon2Parameters, derived
from perdure.runtime.secrets.wrapping import WrappedKey, decrypt, encrypt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

LOCK: Final = "lock"
_ARGON2ID: Final = "argon2id"


class LockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What ``keys/lock-ID`` holds.

    ``owner`` is the extension, ``parent`` the id of its key. ``private`` is wrapped as above. ``previous`` names the
    lock whose place this one takes, with its private key (``previous_private``) for this one's public key; empty if
    none.
    """

    format: int = 1
    id: str
    owner: str
    parent: str
    kdf: str
    parameters: Argon2Parameters
    salt: bytes
    public: bytes
    private: bytes
    previous: str = ""
    previous_private: bytes = b""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{LOCK}-{self.id}"

    @property
    def purpose(self) -> str:
        """What its ciphertexts are bound to: all that could be altered."""
        parts = (self.id, self.owner, self.parent, self.kdf, self.parameters, self.salt, self.public, self.previous)
        return f"{LOCK} {msgspec.json.encode(parts).decode()}"


def make_lock(
    owner: str,
    parent: str,
    parent_key: bytes,
    passphrase: str,
    parameters: Argon2Parameters,
    previous: tuple[str, bytes] | None = None,
) -> tuple[LockRecord, bytes]:
    """A new lock, and its private key. ``previous`` are the id and the private key of the one that it replaces.

    Raises:
        UnfitPassphrase, PassphrasesUnsupported: there is no key for the passphrase.
    """
    private, public = _key_pair()
    record = LockRecord(
        id=str(uuid4()),
        owner=owner,
        parent=parent,
        kdf=_ARGON2ID,
        parameters=parameters,
        salt=os.urandom(SALT_BYTES),
        public=public,
        private=b"",
        previous=previous[0] if previous is not None else "",
    )
    inner = encrypt(derived(passphrase, record.salt, parameters), record.id, record.purpose, private)
    sealed = encrypt(parent_key, record.id, record.purpose, inner)
    old = _encrypt_for(public, previous[1], record.purpose) if previous is not None else b""
    return msgspec.structs.replace(record, private=sealed, previous_private=old), private


def outer_opened(record: LockRecord, parent_key: bytes) -> bytes:
    """What the passphrase's key wraps: by this the file is whole, and what it says of the derivation is true.

    Raises:
        SealBroken: it was altered, or this is not the extension's key.
    """
    return decrypt(parent_key, record.id, record.purpose, record.private)


def private_key(record: LockRecord, inner: bytes, passphrase: str) -> bytes:
    """The private key, from what `outer_opened` returned. Takes as long as `derived`.

    Raises:
        WrongPassphrase: this is not the one.
        UnfitPassphrase, PassphrasesUnsupported: there is no key for the passphrase.
    """
    key = derived(passphrase, record.salt, record.parameters)
    try:
        return decrypt(key, record.id, record.purpose, inner)
    except SealBroken:
        raise WrongPassphrase(record.owner) from None


def previous_key(record: LockRecord, private: bytes) -> bytes:
    """The private key of the lock whose place this one takes.

    Raises:
        SealBroken: it was altered.
    """
    return _decrypt_with(private, record.previous_private, record.purpose, record.id)


def wrap_behind(record: LockRecord, key: bytes, wrapped: WrappedKey, parent_key: bytes) -> WrappedKey:
    """``key`` behind the lock, which needs no passphrase; ``wrapped`` says what it is."""
    behind = msgspec.structs.replace(wrapped, parent=record.id, wrapped=b"")
    purpose = _purpose(behind)
    sealed = encrypt(parent_key, behind.id, purpose, _encrypt_for(record.public, key, purpose))
    return msgspec.structs.replace(behind, wrapped=sealed)


def unwrap_behind(wrapped: WrappedKey, private: bytes, parent_key: bytes) -> bytes:
    """The key that `wrap_behind` wrapped.

    Raises:
        SealBroken: it was altered, or these are not the keys that open it.
    """
    purpose = _purpose(wrapped)
    return _decrypt_with(private, decrypt(parent_key, wrapped.id, purpose, wrapped.wrapped), purpose, wrapped.id)


def encode_lock(record: LockRecord) -> bytes:
    """Its file's bytes: a line of JSON."""
    return msgspec.json.encode(record) + b"\n"


def decode_lock(name: str, data: bytes) -> LockRecord:
    """Its file's content.

    Raises:
        CorruptKeys: it is none of ours, or another's.
    """
    try:
        record = msgspec.json.decode(data, type=LockRecord)
    except msgspec.MsgspecError:
        raise CorruptKeys(name, "it is no lock") from None
    if record.format != 1 or record.kdf != _ARGON2ID:
        raise CorruptKeys(name, f"its format is {record.format} with {record.kdf}, this perdure knows 1 with argon2id")
    if record.file != name:
        raise CorruptKeys(name, "it is another lock's")
    return record


def _purpose(wrapped: WrappedKey) -> str:
    said = (wrapped.kind, wrapped.owner, wrapped.parent, wrapped.library)
    return f"behind {msgspec.json.encode(said).decode()}"


# --- the key pair (imported when first needed: see `wrapping`) --------------------------------------------------------


def _key_pair() -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite  # noqa: PLC0415

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _encrypt_for(public: bytes, data: bytes, purpose: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415

    return _suite().encrypt(data, X25519PublicKey.from_public_bytes(public), info=purpose.encode())


def _decrypt_with(private: bytes, sealed: bytes, purpose: str, key_id: str) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    key: Any = X25519PrivateKey.from_private_bytes(private)
    try:
        return _suite().decrypt(sealed, key, info=purpose.encode())
    except InvalidTag:
        raise SealBroken(key_id) from None
