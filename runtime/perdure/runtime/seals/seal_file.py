"""A seal as a file of its own, to be kept where nobody who can write to the log can write: all ends, and the signature.

JSON, so that others can read it: ``format``, ``statement`` (the signed text), ``signature`` (base64), ``keys`` (their
introductions) and ``ends`` (``[number, stream, sequence, hash]``). docs/seals.md says how to check it without perdure.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.runtime.seals.errors import InvalidSeal, NotSealed, SealFileFailed
from perdure.runtime.seals.key_line import MAX_KEYS, KeyLine
from perdure.runtime.seals.sealed_log import SealedLog, changed_ends, runtime_events
from perdure.store.errors import CorruptLog
from perdure.store.event_store import EventStore
from perdure.store.events import UNREADABLE, SealKeyIntroduced
from perdure.store.seals.ends import StreamSeal, encode_end
from perdure.store.seals.merkle import MerkleTree, leaf_hash
from perdure.store.seals.statement import KeyIntroduction, Statement, introduction_of, read_statement

FORMAT: Final = "perdure-seal 1"
MAX_FILE_BYTES: Final = 1 << 30
_WHAT: Final = "the seal"


class SealFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal's file says; `check_seal_file` says whether that is so."""

    format: str
    statement: str
    signature: bytes
    keys: tuple[KeyIntroduction, ...]
    ends: tuple[tuple[int, str, int, bytes], ...]

    @property
    def streams(self) -> Iterator[StreamSeal]:
        """The ends of all streams."""
        return (StreamSeal(*end) for end in self.ends)


def seal_file_of(store: EventStore) -> SealFile:
    """The newest seal of a log, as a file.

    Raises:
        NotSealed: there is none.
        StoreError: the log is damaged.
        InvalidSeal: its seals are.
    """
    log = SealedLog()
    introductions: list[KeyIntroduction] = []
    ends: dict[int, StreamSeal] = {}
    for sequence, at, event in runtime_events(store):
        if isinstance(event, SealKeyIntroduced):
            introductions.append(introduction_of(event))
        else:
            changes = list(changed_ends(event, store.blobs))
            log.take(event, sequence, at, changes)
            ends.update((end.number, end) for end in changes)
    if log.newest is None:
        raise NotSealed
    return SealFile(
        format=FORMAT,
        statement=log.newest.statement.text.decode(),
        signature=log.newest.signature,
        keys=tuple(introductions),
        ends=tuple((end.number, end.stream, end.sequence, end.hash) for _, end in sorted(ends.items())),
    )


def check_seal_file(seal: SealFile, key: bytes | None = None) -> Statement:
    """What a file states, which may be anything; ``key`` as in `check_proof`.

    Raises:
        InvalidSeal: it is not what was signed.
    """
    if seal.format != FORMAT:
        raise InvalidSeal(_WHAT, f"its format is {seal.format[:40]!r}, this perdure knows {FORMAT!r}")
    if len(seal.keys) > MAX_KEYS:
        raise InvalidSeal(_WHAT, f"it has more than {MAX_KEYS:,} keys")
    try:
        statement = read_statement(seal.statement.encode())
        leaves = [(end.index, leaf_hash(encode_end(end))) for end in seal.streams]
    except (CorruptLog, ValueError) as error:
        raise InvalidSeal(_WHAT, str(error)) from None
    KeyLine(seal.keys).check(statement, seal.signature, key)
    tree = MerkleTree()
    try:
        tree.change(leaves)
    except ValueError as error:
        raise InvalidSeal(_WHAT, f"its list of ends: {error}") from None
    names = {end[1] for end in seal.ends}
    if len(names) != len(seal.ends) or (tree.size, tree.root) != (statement.streams, statement.root):
        raise InvalidSeal(_WHAT, "its list of ends is not what was signed")
    return statement


def write_seal_file(seal: SealFile, path: Path) -> None:
    """Write a seal to a file, whole or not at all. Durable.

    Raises:
        SealFileFailed: it could not be written.
    """
    data = msgspec.json.format(msgspec.json.encode(seal), indent=0) + b"\n"
    new: str | None = None
    try:
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(new).chmod(0o644)
        Path(new).replace(path)
    except OSError as error:
        if new is not None:
            with contextlib.suppress(OSError):
                Path(new).unlink()
        raise SealFileFailed(path, error.strerror or str(error)) from None


_decode = msgspec.json.Decoder(SealFile).decode


def read_seal_file(path: Path) -> SealFile:
    """The seal in a file; nothing in it is checked yet.

    Raises:
        SealFileFailed: it cannot be read.
        InvalidSeal: it holds none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SealFileFailed(path, error.strerror or str(error)) from None
    if len(data) > MAX_FILE_BYTES:
        raise InvalidSeal(_WHAT, f"{path} is larger than {MAX_FILE_BYTES:,} bytes")
    try:
        return _decode(data)
    except UNREADABLE as error:
        raise InvalidSeal(_WHAT, f"{path} holds none: {error}") from None
