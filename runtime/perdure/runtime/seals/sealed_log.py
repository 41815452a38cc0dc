"""The seals that stand in a log: read one by one, each checked against those before it.

A seal's event holds the ends that changed since the seal before; together they make the list of all ends that its root
is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from perdure.runtime.seals.errors import InvalidSeal
from perdure.runtime.seals.key_line import KeyLine
from perdure.store.blobs import BlobStore, load_payload
from perdure.store.event_store import EventStore
from perdure.store.events import RUNTIME_STREAM, HeadsSealed, SealKeyIntroduced
from perdure.store.seals.ends import StreamSeal, decode_ends, encode_end
from perdure.store.seals.leaves import Leaves
from perdure.store.seals.merkle import MerkleTree, leaf_hash
from perdure.store.seals.statement import Statement, introduction_of, is_possible, statement_of


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """A signed statement; ``sequence`` and ``at`` are its event's in the stream `runtime` and in the log."""

    statement: Statement
    signature: bytes
    sequence: int
    at: int


class SealedLog:
    """What the seals say that were taken so far: the keys, the newest seal, and the tree over the ends.

    ``leaves`` is where the tree keeps its leaves; empty.
    """

    def __init__(self, leaves: Leaves | None = None) -> None:
        self.keys = KeyLine()
        self.newest: Seal | None = None
        self.tree = MerkleTree(leaves)
        self.count = 0
        self.signers: dict[bytes, int] = {}  # each key with the position of its first seal

    def take(self, event: HeadsSealed, sequence: int, at: int, changes: Iterable[StreamSeal]) -> None:
        """Take the next seal, and the ends that it says have changed (`changed_ends`). It is not checked.

        Raises:
            StoreError: the list of ends is damaged.
            InvalidSeal: the list does not go on from the one before.
        """
        try:
            self.tree.change((end.index, leaf_hash(encode_end(end))) for end in changes)
        except ValueError as error:
            raise InvalidSeal(f"the seal of position {event.position:,}", f"its list of ends: {error}") from None
        self.newest = Seal(statement=statement_of(event), signature=event.signature, sequence=sequence, at=at)
        self.count += 1
        self.signers.setdefault(event.key, event.position)

    def check(self, before: Seal | None) -> None:
        """Make sure that the newest seal is what a key of this log signed, and follows the one ``before``.

        Raises:
            InvalidSeal: it is not, or does not.
        """
        if self.newest is None:
            return
        statement = self.newest.statement
        what = f"the seal of position {statement.position:,}"
        if not is_possible(statement) or statement.position >= self.newest.at:
            raise InvalidSeal(what, "no log could be as it says")
        self.keys.check(statement, self.newest.signature)
        if statement.previous != (before.statement.digest if before is not None else b""):
            raise InvalidSeal(what, "it does not follow the seal before it: one was removed or altered")
        if (self.tree.size, self.tree.root) != (statement.streams, statement.root):
            raise InvalidSeal(what, "its list of ends is not what was signed")


def changed_ends(event: HeadsSealed, blobs: BlobStore) -> Iterator[StreamSeal]:
    """The ends that a seal says have changed since the one before, one by one.

    Raises:
        StoreError: the list is damaged or missing.
    """
    return decode_ends(load_payload(blobs, event.changes))


def runtime_events(store: EventStore, after: int = 0) -> Iterator[tuple[int, int, SealKeyIntroduced | HeadsSealed]]:
    """The sequence, the position, and the event, of every seal and every key in the log.

    Raises:
        StoreError: the stream `runtime` is damaged.
    """
    for stored in store.read(RUNTIME_STREAM, after=after):
        if isinstance(stored.event, SealKeyIntroduced | HeadsSealed):
            yield stored.sequence, stored.position, stored.event


def read_keys(store: EventStore) -> KeyLine:
    """The public keys of the log's seals.

    Raises:
        StoreError: the stream `runtime` is damaged.
        InvalidSeal: they do not follow from one another.
    """
    return KeyLine(
        introduction_of(event) for _, _, event in runtime_events(store) if isinstance(event, SealKeyIntroduced)
    )


def log_identity(store: EventStore) -> bytes:
    """What tells this log from others: the hash of its first event of the stream `runtime`; empty before that.

    Raises:
        StoreError: the stream is damaged.
    """
    return next((stored.hash for stored in store.read(RUNTIME_STREAM, until=1)), b"")
