"""A public key in words that two people can compare over a telephone: pure.

The first 16 bytes of the key's SHA-256, as eight words of five letters (proquints: two bytes are consonant, vowel,
consonant, vowel, consonant). It is for people; what is pinned and compared by the program is the whole key.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from perdure.runtime.packages.errors import InvalidFingerprint

BYTES: Final = 16
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"
_WORD: Final = f"[{_CONSONANTS}][{_VOWELS}][{_CONSONANTS}][{_VOWELS}][{_CONSONANTS}]"
_WORDS: Final = re.compile(rf"{_WORD}(?:[- ]{_WORD}){{{BYTES // 2 - 1}}}")
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def fingerprint(key: bytes) -> str:
    """The words of a public key, with hyphens between them."""
    digest = hashlib.sha256(key).digest()[:BYTES]
    return "-".join(_word(int.from_bytes(digest[at : at + 2])) for at in range(0, BYTES, 2))


def checked_fingerprint(text: str) -> str:
    """What a person gave as a fingerprint, in one spelling: words with hyphens, or the key's 64 hexadecimal digits.

    Raises:
        InvalidFingerprint: it is neither.
    """
    plain = " ".join(text.lower().split())
    if _WORDS.fullmatch(plain):
        return plain.replace(" ", "-")
    if _KEY.fullmatch(plain):
        return plain
    raise InvalidFingerprint(text)


def is_fingerprint_of(text: str, key: bytes) -> bool:
    """Whether ``text``, from `checked_fingerprint`, means this key."""
    return text in (fingerprint(key), key.hex())


def _word(number: int) -> str:
    return (
        _CONSONANTS[number >> 12]
        + _VOWELS[number >> 10 & 3]
        + _CONSONANTS[number >> 6 & 15]
        + _VOWELS[number >> 4 & 3]
        + _CONSONANTS[number & 15]
    )
