"""That one stream was among what a seal states: checked without the log, on any machine.

A proof holds the seal's statement and signature, the public keys, and the way through the Merkle tree from the stream's
end to the signed root. Its bytes are msgpack, the same for the same proof.
"""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.runtime.seals.errors import InvalidSeal
from perdure.runtime.seals.key_line import MAX_KEYS, KeyLine
from perdure.runtime.seals.sealed_log import SealedLog, changed_ends, runtime_events
from perdure.store.errors import CorruptLog
from perdure.store.event_store import EventStore
from perdure.store.events import UNREADABLE, SealKeyIntroduced
from perdure.store.seals.ends import StreamSeal, encode_end
from perdure.store.seals.merkle import MAX_PATH, leaf_hash, root_by
from perdure.store.seals.statement import KeyIntroduction, introduction_of, is_possible, read_statement

_WHAT: Final = "the proof of the seal"
MAX_PROOF_BYTES: Final = 4 << 20


class SealProof(msgspec.Struct, frozen=True, array_like=True):
    """A seal, and the way from one stream's end to its root.

    ``leaf`` is the place of that end among all of them, from 0. The stream's event ``sequence`` has ``hash``; what came
    after it is not sealed.
    """

    statement: bytes
    signature: bytes
    keys: tuple[KeyIntroduction, ...]
    stream: str
    sequence: int
    hash: bytes
    leaf: int
    path: tuple[bytes, ...]


class CheckedSeal(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof proves: event ``sequence`` of ``stream`` had ``hash`` when the log was at ``position``.

    ``time`` is the signer's, in microseconds since 1970; ``key`` the public key that signed. ``trusted`` says whether
    that was checked against a key that the checker brought, or only against the proof's own.
    """

    stream: str
    sequence: int
    hash: bytes
    position: int
    time: int
    key: bytes
    trusted: bool


def proof_of(store: EventStore, stream: str) -> SealProof | None:
    """A proof by the newest seal of the log, if that one covers the stream; None otherwise.

    Raises:
        StoreError: the log is damaged.
        InvalidSeal: its seals are.
    """
    log = SealedLog()
    introductions: list[KeyIntroduction] = []
    end: StreamSeal | None = None
    for sequence, at, event in runtime_events(store):
        if isinstance(event, SealKeyIntroduced):
            introductions.append(introduction_of(event))
            continue
        changes = list(changed_ends(event, store.blobs))
        log.take(event, sequence, at, changes)
        end = next((changed for changed in changes if changed.stream == stream), end)
    if end is None or log.newest is None:
        return None
    return SealProof(
        statement=log.newest.statement.text,
        signature=log.newest.signature,
        keys=tuple(introductions),
        stream=stream,
        sequence=end.sequence,
        hash=end.hash,
        leaf=end.index,
        path=log.tree.path(end.index),
    )


def check_proof(proof: SealProof, key: bytes | None = None) -> CheckedSeal:
    """Check a proof, which may be anything.

    Args:
        key: a public key that is trusted, of whatever time; None: the proof's own keys are taken on trust.

    Raises:
        InvalidSeal: it proves nothing.
    """
    try:
        statement = read_statement(proof.statement)
        end = encode_end(StreamSeal(proof.leaf + 1, proof.stream, proof.sequence, proof.hash))
    except (CorruptLog, ValueError) as error:
        raise InvalidSeal(_WHAT, str(error)) from None
    if not is_possible(statement) or len(proof.path) > MAX_PATH or len(proof.keys) > MAX_KEYS:
        raise InvalidSeal(_WHAT, "no log could be as it says")
    KeyLine(proof.keys).check(statement, proof.signature, key)
    if root_by(leaf_hash(end), proof.leaf, statement.streams, proof.path) != statement.root:
        raise InvalidSeal(_WHAT, f"the end of {proof.stream} is not among what was signed")
    return CheckedSeal(
        stream=proof.stream,
        sequence=proof.sequence,
        hash=proof.hash,
        position=statement.position,
        time=statement.time,
        key=statement.key,
        trusted=key is not None,
    )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SealProof).decode


def encode_proof(proof: SealProof) -> bytes:
    """The proof's bytes."""
    return _encode(proof)


def decode_proof(data: bytes) -> SealProof:
    """The proof with these bytes; nothing in it is checked yet.

    Raises:
        InvalidSeal: they are no proof.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise InvalidSeal(_WHAT, f"it is larger than {MAX_PROOF_BYTES:,} bytes")
    try:
        return _decode(data)
    except UNREADABLE as error:
        raise InvalidSeal(_WHAT, f"these bytes are none: {error}") from None
