"""Ed25519 (RFC 8032): pure functions of bytes."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Final

from perdure.runtime.seals.errors import InvalidSeal, SealFileFailed
from perdure.store.seals.statement import KEY_BYTES, SIGNATURE_BYTES

# What RFC 8410 puts before the 32 bytes of a public key.
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
_PEM: Final = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----\s*")
_MAX_FILE: Final = 4096


def public_key(private: bytes) -> bytes:
    """The public key of a private one."""
    # 22 ms that a start without seals need not spend.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(private: bytes, text: bytes) -> bytes:
    """The signature of ``text``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(private).sign(text)


def is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether ``signature`` is that of ``text`` by the owner of ``public``; all three may be anything."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def as_pem(public: bytes) -> str:
    """A public key as other programs read it, for example ``openssl pkey -pubin``."""
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(_SPKI + public).decode()}\n-----END PUBLIC KEY-----\n"


def parse_public_key(text: str) -> bytes:
    """A public key from PEM, or from 64 hexadecimal digits.

    Raises:
        InvalidSeal: it is neither.
    """
    with_spki = b""
    try:
        if (pem := _PEM.fullmatch(text)) is not None:
            with_spki = base64.b64decode("".join(pem[1].split()), validate=True)
        elif re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", text):
            with_spki = _SPKI + bytes.fromhex(text.strip())
    except (binascii.Error, ValueError):
        with_spki = b""
    if not with_spki.startswith(_SPKI) or len(with_spki) != len(_SPKI) + KEY_BYTES:
        raise InvalidSeal("the public key", "it is neither the PEM of an Ed25519 key nor its 64 hexadecimal digits")
    return with_spki[len(_SPKI) :]


def read_public_key(path: Path) -> bytes:
    """The public key in a file.

    Raises:
        SealFileFailed: the file cannot be read.
        InvalidSeal: it holds none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise SealFileFailed(path, error.strerror or str(error)) from None
    if len(data) > _MAX_FILE:
        raise InvalidSeal("the public key", f"{path} is no key: it is larger than {_MAX_FILE:,} bytes")
    return parse_public_key(data.decode(errors="replace"))
