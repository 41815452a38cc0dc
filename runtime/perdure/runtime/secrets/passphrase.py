"""From a passphrase to a key: Argon2id (RFC 9106). Pure.

It is made to be slow, and to need memory, so that whoever has a copy of the keys cannot try many passphrases a second.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from perdure.runtime.secrets.errors import PassphrasesUnsupported, UnfitPassphrase
from perdure.runtime.secrets.wrapping import KEY_BYTES

LEAST_CHARACTERS: Final = 8
MOST_BYTES: Final = 1024
SALT_BYTES: Final = 16


class Argon2Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """How much work a try is: ``memory_kib`` KiB, gone over ``passes`` times, in ``lanes`` threads.

    The defaults are the second recommended option of RFC 9106, 4: 64 MiB, three passes, four lanes.
    """

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if not (1 <= self.passes <= 2**20 and 1 <= self.lanes <= 256 and 8 * self.lanes <= self.memory_kib <= 2**24):
            raise ValueError("Argon2id takes a pass or more, a lane or more, and 8 KiB or more for each lane")


def prepared(passphrase: str) -> bytes:
    """A passphrase's bytes, the same for each way in which a keyboard composes its characters (NFC, as RFC 8265, 4.2).

    Raises:
        UnfitPassphrase: it is longer than any, or no text.
    """
    try:
        data = unicodedata.normalize("NFC", passphrase).encode()
    except UnicodeEncodeError:
        raise UnfitPassphrase("it is no text") from None
    if not data or len(data) > MOST_BYTES:
        raise UnfitPassphrase(f"it must have 1 to {MOST_BYTES:,} bytes")
    return data


def check_new(passphrase: str) -> None:
    """Whether a passphrase may be set. How hard it is to guess nobody here can say; this refuses what is hopeless.

    Raises:
        UnfitPassphrase: it is too short or too long.
    """
    prepared(passphrase)
    if len(set(passphrase)) < 2 or len(unicodedata.normalize("NFC", passphrase)) < LEAST_CHARACTERS:
        raise UnfitPassphrase(f"it must have {LEAST_CHARACTERS} characters or more, better five words or more")


def derived(passphrase: str, salt: bytes, parameters: Argon2Parameters) -> bytes:
    """The key that a passphrase makes. Takes some 0.2 s and the memory that the parameters say, without the GIL.

    Raises:
        UnfitPassphrase: it cannot be one.
        PassphrasesUnsupported: this build of ``cryptography`` has no Argon2id.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as in `wrapping`: few processes need it
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    data = prepared(passphrase)
    try:
        kdf = Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=parameters.passes,
            lanes=parameters.lanes,
            memory_cost=parameters.memory_kib,
        )
    except UnsupportedAlgorithm as error:
        raise PassphrasesUnsupported from error
    return kdf.derive(data)
