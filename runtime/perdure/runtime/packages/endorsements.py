"""How a publisher comes to a new key: the old one signs it. Pure.

What is signed is a text of lines: ``perdure-publisher 1``, ``key`` and the old key, ``next`` and the new one. A package
carries the whole line of keys, so that a host that knows any of them can follow it to the one that signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from perdure.runtime.seals.signing import is_signed, sign
from perdure.store.seals.statement import KEY_BYTES

MAX_ENDORSEMENTS: Final = 100
_KIND: Final = "perdure-publisher 1"


class Endorsement(msgspec.Struct, frozen=True):
    """``key`` signed the key that comes after it."""

    key: bytes
    signature: bytes


def endorse(private: bytes, key: bytes, new: bytes) -> Endorsement:
    """The endorsement of ``new`` by ``key``, whose private part is ``private``."""
    return Endorsement(key, sign(private, endorsement_text(key, new)))


def endorsement_text(key: bytes, new: bytes) -> bytes:
    """The bytes that the old key signs."""
    return f"{_KIND}\nkey {key.hex()}\nnext {new.hex()}\n".encode()


def fault_of(endorsements: Sequence[Endorsement], last: bytes) -> str:
    """What is wrong with a line of keys, oldest first, that ends with ``last``; empty if nothing is."""
    keys = [*(one.key for one in endorsements), last]
    if len(endorsements) > MAX_ENDORSEMENTS:
        return f"there are more than {MAX_ENDORSEMENTS} keys before it"
    if any(len(key) != KEY_BYTES for key in keys) or len(set(keys)) != len(keys):
        return "a key is there twice, or has not the size of a key"
    for one, new in zip(endorsements, keys[1:], strict=True):
        if not is_signed(one.key, one.signature, endorsement_text(one.key, new)):
            return f"the key {one.key.hex()[:16]}… did not sign the one that comes after it"
    return ""
