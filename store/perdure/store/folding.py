"""Folding: what is left of a finished job once its events are removed.

`JobFolded` is appended to the job's stream and is its last event. It holds what the events add up to, the hash of the
last of them, and what the check of a log needs to know of those that are not there any more: the places that they
left empty, and the rows that they were the last to write. From its commit on the events before it do not exist; their
frames are removed afterwards, oldest first, in small transactions (`EventStore.remove_folded`).
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from perdure.store.blobs import store_payload
from perdure.store.errors import IllegalTransition, JobIsFolded
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import JobFolded, job_stream, tag_of, writes_of
from perdure.store.frame import genesis
from perdure.store.job_state import JobState, summary_of
from perdure.store.position_set import PositionSet
from perdure.store.references import blobs_of
from perdure.store.rows import digest_of_value

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[bytes, int, bytes | None]]).decode


class FoldedRow(msgspec.Struct, frozen=True):
    """A row that a folded job was the last to write, at ``position``; ``digest`` is None where it was deleted."""

    key: bytes
    position: int
    digest: bytes | None


class Fold(msgspec.Struct, frozen=True):
    """A job that is to be folded: the event to append at ``expected``, and the blobs that the removed events name."""

    stream: str
    expected: int
    event: JobFolded
    blobs: frozenset[str]


def fold_job(store: EventStore, state: JobState) -> Fold:
    """Read a finished job's events, and say what is to be appended in their place. Appends nothing.

    Raises:
        JobIsFolded: that was done already.
        IllegalTransition: the job has not ended.
        CorruptLog: its events are not what was written; a damaged job is not folded.
        StoreError: the log cannot be read.
    """
    if state.folded_at is not None:
        raise JobIsFolded(str(state.job_id), state.folded_at, state.sequence - 1)
    if not state.finished:
        raise IllegalTransition(str(state.job_id), str(state.status), tag_of(JobFolded))
    stream = job_stream(state.job_id)
    places, written, blobs = _Places(), _Written(), set[str]()
    size, tip = 0, genesis(stream)
    for stored in store.read(stream, until=state.sequence):
        places.add(stored.position)
        written.add(stored)
        blobs |= blobs_of(stored.event)
        size += len(stored.body)
        tip = stored.hash
    rows = [(row.key, row.position, row.digest) for row in written.last_of(store)]
    event = JobFolded(
        through=state.sequence,
        hash=tip,
        size=size,
        positions=places.end().digest,
        rows=store_payload(store.blobs, _encode(rows)),
        summary=summary_of(state),
    )
    return Fold(stream, state.sequence, event, frozenset(blobs))


def folded_rows(data: bytes) -> list[FoldedRow]:
    """What the payload ``JobFolded.rows`` says.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return [FoldedRow(*row) for row in _decode(data)]


def folded_event(store: EventStore, job_id: UUID) -> StoredEvent | None:
    """The `JobFolded` that ends a job's stream, None if it is not folded."""
    stored = next(store.read(job_stream(job_id), backward=True), None)
    return stored if stored is not None and isinstance(stored.event, JobFolded) else None


class _Places:
    """The positions of a job's events, range by range: those of one frame follow one another."""

    def __init__(self) -> None:
        self._set = PositionSet()
        self._first = self._count = 0

    def add(self, position: int) -> None:
        if position != self._first + self._count:
            self.end()
            self._first = position
        self._count += 1

    def end(self) -> PositionSet:
        self._set.add(self._first, self._count)
        self._first, self._count = 0, 0
        return self._set


class _Written:
    """The rows that a job's events wrote: for each, its last change."""

    def __init__(self) -> None:
        self._last: dict[bytes, FoldedRow] = {}

    def add(self, stored: StoredEvent) -> None:
        for write in writes_of(stored.event):
            digest = digest_of_value(write.value) if write.value is not None else None
            self._last[write.key] = FoldedRow(write.key, stored.position, digest)

    def last_of(self, store: EventStore) -> list[FoldedRow]:
        """Those that nothing has changed since."""
        left = []
        for key, last in sorted(self._last.items()):
            row = store.row(key)
            if (row is None and last.digest is None) or (row is not None and row.version == last.position):
                left.append(last)
        return left
