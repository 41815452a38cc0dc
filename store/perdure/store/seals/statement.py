"""The texts that are signed: what a seal states, and how a key is introduced. docs/seals.md shows them.

Lines of ``name value``, each ended by a line feed, in a fixed order: one statement has one text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from perdure.store.errors import CorruptLog
from perdure.store.events import HeadsSealed, SealKeyIntroduced
from perdure.store.frame import MAX_TIME

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_TEXT: Final = 1024
_SEAL: Final = "perdure-seal 1"
_KEY: Final = "perdure-seal-key 1"
_FIELDS: Final = ("log", "position", "streams", "root", "time", "previous", "key")
_PAIR: Final = ("name", "value")
_MAX_NUMBER: Final = 1 << 63
_NONE: Final = "-"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal states; the fields are those of `HeadsSealed`."""

    log: bytes
    position: int
    streams: int
    root: bytes
    time: int
    previous: bytes
    key: bytes

    @property
    def text(self) -> bytes:
        """The bytes that are signed."""
        values = (
            self.log.hex(),
            str(self.position),
            str(self.streams),
            self.root.hex(),
            str(self.time),
            self.previous.hex() or _NONE,
            self.key.hex(),
        )
        return _lines(_SEAL, [f"{name} {value}" for name, value in zip(_FIELDS, values, strict=True)])

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text, which the next statement names."""
        return hashlib.sha256(self.text).digest()


def statement_of(event: HeadsSealed) -> Statement:
    """What an event of the log states."""
    return Statement(
        log=event.log,
        position=event.position,
        streams=event.streams,
        root=event.root,
        time=event.time,
        previous=event.previous,
        key=event.key,
    )


def read_statement(text: bytes) -> Statement:
    """The statement that has this text.

    Raises:
        CorruptLog: none has.
    """
    try:
        head, *lines = text[:MAX_TEXT].decode("ascii").split("\n")
        if head != _SEAL:
            raise ValueError("it does not begin with its kind")
        pairs = [line.split(" ", 1) for line in lines if line]
        if tuple(pair[0] for pair in pairs) != _FIELDS or any(len(pair) < len(_PAIR) for pair in pairs):
            raise ValueError("its lines are not those of a seal")
        values = {pair[0]: pair[1] for pair in pairs}
        statement = Statement(
            log=bytes.fromhex(values["log"]),
            position=int(values["position"]),
            streams=int(values["streams"]),
            root=bytes.fromhex(values["root"]),
            time=int(values["time"]),
            previous=b"" if values["previous"] == _NONE else bytes.fromhex(values["previous"]),
            key=bytes.fromhex(values["key"]),
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptLog("the statement of a seal", str(error)) from None
    # Whatever is written in another way than this, with other spaces or digits, is no statement.
    if statement.text != text or not is_possible(statement):
        raise CorruptLog("the statement of a seal", "it is not written as a statement is")
    return statement


def is_possible(statement: Statement) -> bool:
    """Whether a log could be as ``statement`` says: sizes and ranges only."""
    return (
        len(statement.log) == len(statement.root) == len(statement.key) == KEY_BYTES
        and len(statement.previous) in (0, KEY_BYTES)
        and 0 < statement.streams <= statement.position < _MAX_NUMBER
        and 0 <= statement.time <= MAX_TIME
    )


class KeyIntroduction(msgspec.Struct, frozen=True, array_like=True):
    """A public key, and who vouches for it; the fields are those of `SealKeyIntroduced`."""

    log: bytes
    position: int
    key: bytes
    previous: bytes
    signature: bytes
    endorsement: bytes

    @property
    def text(self) -> bytes:
        """The bytes that both keys sign."""
        return _lines(
            _KEY,
            [
                f"log {self.log.hex()}",
                f"position {self.position}",
                f"key {self.key.hex()}",
                f"previous {self.previous.hex() or _NONE}",
            ],
        )


def introduction_of(event: SealKeyIntroduced) -> KeyIntroduction:
    """The introduction that an event of the log holds."""
    return KeyIntroduction(event.log, event.position, event.key, event.previous, event.signature, event.endorsement)


def _lines(head: str, lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in (head, *lines)).encode()
