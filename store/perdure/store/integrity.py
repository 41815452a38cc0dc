"""Whether a log is what was written.

Reads everything: the file's pages are sound, frames follow one another by position, each stream's sequences and hash
chain are whole, the stored ends and projections equal a fresh fold, every payload and module is in the blob store and
unaltered, the index names every frame and the index of statuses every job, the rows are those that the outcomes of
actions wrote (but for those under `DERIVED`, which no event carries). What it cannot see: a stream whose last
events were cut off together with its stored end and projection; for that the heads have to be kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from perdure.store.blobs import BlobStore
from perdure.store.errors import CorruptLog, StoreError
from perdure.store.event_store import EventStore, Head, RawFrame
from perdure.store.events import (
    BlobRef,
    ExtensionInstalled,
    JobDispatched,
    Sealed,
    UpdateProposed,
    decode,
    writes_of,
)
from perdure.store.frame import Frame, genesis, link, read_frame
from perdure.store.lmdb_store import LmdbEventStore
from perdure.store.rows import DERIVED

_PAGE: Final = 4096  # rows


class Problem(msgspec.Struct, frozen=True):
    """One thing that is not as it was written; ``where`` names the position, stream, blob or file."""

    where: str
    what: str


class Report(msgspec.Struct, kw_only=True):
    """What was looked at, and what was found."""

    events: int = 0
    frames: int = 0
    streams: int = 0
    blobs: int = 0
    problems: list[Problem] = []

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def add(self, where: str, what: str | StoreError) -> None:
        """Note a problem; an error of a damaged log says itself where that is."""
        if isinstance(what, CorruptLog):
            where, what = what.where, what.reason
        self.problems.append(Problem(where, str(what)))


class _Written(msgspec.Struct, frozen=True):
    """A row as the log has it: the position of the event that wrote it, and a digest of its value."""

    position: int
    digest: bytes


class _Chain(msgspec.Struct):
    name: str
    sequence: int
    hash: bytes
    at_head: bytes | None = None  # the hash where the stream ended when the check began


def check(store: EventStore) -> Report:
    """Check the whole log as it is now; another process may go on writing to it.

    Reads once through the log, once through each stream and once through the rows. It remembers each frame's place,
    each blob's digest and each row's: some 200 bytes for each.
    """
    report = Report(problems=[])
    if isinstance(store, LmdbEventStore) and (damage := store.damaged_pages()):
        # LMDB must not read such a file: it ends the process on some of this damage.
        report.problems.extend(Problem("data.mdb", what) for what in damage)
        return report
    try:
        # Heads first, names last: what a writer adds meanwhile is in the log and has a name, but is nobody's head.
        heads = dict(_heads(store, report))
        until = store.position_in_file() if isinstance(store, LmdbEventStore) else store.position()
        names = {head.number: name for name, head in _heads(store, Report(problems=[]))}
        walk = _Walk(report, heads, names)
        for raw in store.frames():
            if raw.position > until:
                break
            walk.step(raw)
        walk.end(until)
        if not walk.unreadable:
            _check_rows(store, walk.rows, until, report)
        for name, head in heads.items():
            _check_end(store, name, head, walk.chain_of(head), report)
        if isinstance(store, LmdbEventStore):
            _check_indexes(store, walk, until, report)
    except StoreError as error:
        report.add("the log", error)
        return report
    _check_blobs(store.blobs, walk.digests, report)
    return report


def _heads(store: EventStore, report: Report) -> Iterator[tuple[str, Head]]:
    for name in store.streams():
        try:
            head = store.head(name)
        except CorruptLog as error:
            report.add(name, error)
            continue
        if head is not None:
            yield name, head


class _Walk:
    """One way through the log, from its first frame to its last."""

    def __init__(self, report: Report, heads: dict[str, Head], names: dict[int, str]) -> None:
        self.placed: dict[tuple[int, int], int] = {}  # (stream number, first sequence) -> position
        self.unreadable: set[int] = set()
        self.digests: set[str] = set()
        self.rows: dict[bytes, _Written] = {}
        self._report = report
        self.heads = heads
        self._names = names
        self._chains: dict[int, _Chain] = {}
        self._expected: int | None = 1

    def chain_of(self, head: Head) -> _Chain | None:
        return self._chains.get(head.number)

    def step(self, raw: RawFrame) -> None:
        where = f"position {raw.position}"
        if self._expected is not None and raw.position != self._expected:
            self._report.add(where, f"position {self._expected} is missing before it")
        try:
            frame = read_frame(raw.data, raw.position)
        except CorruptLog as error:
            self._report.add(where, error)
            self.unreadable.add(raw.position)
            self._expected = None  # nobody knows how many events it held
            return
        self._expected = raw.position + len(frame.bodies)
        self._report.frames += 1
        self._report.events += len(frame.bodies)
        name = self._names.get(frame.stream)
        if name is None:
            self._report.add(where, f"no stream has the number {frame.stream}")
            return
        self.placed[frame.stream, frame.first] = raw.position
        self._follow(raw.position, name, frame)

    def _follow(self, position: int, name: str, frame: Frame) -> None:
        where = f"position {position}"
        chain = self._chains.setdefault(frame.stream, _Chain(name, 0, genesis(name)))
        if frame.first != chain.sequence + 1:
            self._report.add(where, f"{name} goes on at sequence {frame.first} after {chain.sequence}")
        if frame.previous != chain.hash:
            self._report.add(where, f"{name} is broken before sequence {frame.first}: altered or cut")
        head = self.heads[name].sequence if name in self.heads else 0
        tip = frame.previous
        for place, (time, raw_body) in enumerate(zip(frame.times(), frame.bodies, strict=True)):
            sequence, body = frame.first + place, bytes(raw_body)
            tip = link(tip, sequence, time, body)
            if sequence == head:
                chain.at_head = tip
            try:
                event = decode(body, name)
                self.digests.update(_references(event))
                for write in writes_of(event):
                    if write.value is None:
                        self.rows.pop(write.key, None)
                    else:
                        self.rows[write.key] = _Written(position + place, _digest(write.value))
            except StoreError as error:
                self.unreadable.add(position)
                self._report.add(f"{name}, sequence {sequence}", error)
        chain.sequence, chain.hash = frame.last, tip

    def end(self, until: int) -> None:
        """The log ends where its position said."""
        if self._expected is not None and self._expected != until + 1:
            self._report.add(f"position {self._expected}", f"the log ends before it, not at {until}")


def _references(event: Any) -> Iterator[str]:
    if isinstance(event, ExtensionInstalled | JobDispatched | UpdateProposed):
        yield event.module
    for name in ("state", "payload", "answer"):
        value = getattr(event, name, None)
        if isinstance(value, Sealed):
            value = value.data
        if isinstance(value, BlobRef):
            yield value.digest


def _check_end(store: EventStore, name: str, head: Head, chain: _Chain | None, report: Report) -> None:
    report.streams += 1
    if chain is None:
        report.add(name, "the stream has an end but no events")
        return
    if chain.sequence < head.sequence:
        report.add(name, f"ends at sequence {chain.sequence}, not at {head.sequence}")
    elif chain.at_head != head.hash:
        report.add(name, f"its last event, {head.sequence}, or one before it was altered")
    try:
        fresh, now = store.rebuild(name, head.sequence), store.head(name)
        # Another process may have appended since: then there is nothing to compare with.
        if now == head and fresh != store.state(name) and store.head(name) == head:
            report.add(name, "its projection differs from a fresh fold of its events")
    except StoreError as error:
        report.add(name, error)


def _check_rows(store: EventStore, written: dict[bytes, _Written], until: int, report: Report) -> None:
    suspects: dict[bytes, str] = {}
    left = dict(written)
    after = b""
    while page := store.rows(b"", after=after, limit=_PAGE):
        after = page[-1].key
        for row in page:
            if row.key.startswith(DERIVED):
                continue
            said = left.pop(row.key, None)
            if said is None:
                suspects[row.key] = "no event wrote it"
            elif said.digest != _digest(row.value):
                suspects[row.key] = f"its value is not what the event at position {said.position} wrote"
            elif said.position != row.version:
                suspects[row.key] = f"its version is {row.version}, the event that wrote it is at {said.position}"
    suspects |= dict.fromkeys(left, "the log has it, the rows do not")
    if suspects:
        # What a writer changed meanwhile stands in the log behind the place where the check began.
        for stored in store.read_all(after=until):
            for write in writes_of(stored.event):
                suspects.pop(write.key, None)
    for key, what in sorted(suspects.items()):
        report.add(f"the row {key!r}", what)


def _digest(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=16).digest()


def _check_indexes(store: LmdbEventStore, walk: _Walk, until: int, report: Report) -> None:
    left = dict(walk.placed)
    for number, sequence, position in store.indexed():
        if position > until or position in walk.unreadable:
            continue
        if left.get((number, sequence)) == position:
            del left[number, sequence]
        else:
            report.add(f"position {position}", f"the index says it is sequence {sequence} of stream {number}")
    for position in left.values():
        report.add(f"position {position}", "it is not in the index")
    for stream, head in walk.heads.items():
        if (name := store.name_of(head.number)) != stream:
            report.add(stream, f"its number, {head.number}, is filed under {name!r}: the log's events get a wrong name")
    missing, extra = store.misfiled_jobs()
    for stream in missing:
        report.add(stream, "it is not filed under its status: a list of jobs by status lacks it")
    if extra:
        report.add("the index of statuses", f"{extra} of its entries are of no job, or not of its status")


def _check_blobs(blobs: BlobStore, digests: set[str], report: Report) -> None:
    for digest in sorted(digests):
        report.blobs += 1
        try:
            blobs.get(digest)
        except StoreError as error:
            report.add(f"blob {digest}", error)
