"""Whether a log is what was written.

Reads everything: the file's pages are sound, frames follow one another by position, each stream's sequences and hash
chain are whole, the stored ends and projections equal a fresh fold, every payload and module is in the blob store and
unaltered, the index names every frame and the index of statuses every job, the rows are those that the outcomes of
actions wrote (but for those under `DERIVED`, which no event carries). What is missing is what folded jobs left empty
(`perdure.store.fold_check`). What it cannot see by itself: a stream whose
last events were cut off, or that was written anew, together with all that is stored of it. For that somebody has to
know how the streams once ended: a `Witness` says so (`perdure.runtime.seals`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from perdure.store.blobs import BlobStore
from perdure.store.errors import CorruptLog, StoreError
from perdure.store.event_store import EventStore, Head, RawFrame
from perdure.store.events import (
    JobFolded,
    decode,
    writes_of,
)
from perdure.store.fold_check import FoldCheck, Skip, rows_of
from perdure.store.frame import Frame, genesis, is_as_made, link, read_frame
from perdure.store.lmdb_store import LmdbEventStore
from perdure.store.projection import is_as_kept
from perdure.store.reading import events_gone
from perdure.store.references import blobs_of
from perdure.store.rows import DERIVED, digest_of_value
from perdure.store.seals.comparison import Comparison, SealedEnd, SealedMoment

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
    sealed: int = 0  # ends of streams that were compared with what was sealed
    seals: int = 0  # in the log; the newest of them states `sealed_position`, at `sealed_at` (microseconds since 1970)
    sealed_position: int = 0
    sealed_at: int = 0
    folded: list[str] = []  # streams whose sealed events were removed by retention since, behind what is still there
    notes: list[str] = []  # what is no problem, and worth knowing
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


# Says how streams once ended, from the log or from elsewhere, and notes in the report what is wrong with what says so.
Witness = Callable[[EventStore, Report], Iterable[SealedEnd | SealedMoment]]


class _Written(msgspec.Struct, frozen=True):
    """A row as the log has it: the position of the event that wrote it, and a digest of its value; None: deleted it."""

    position: int
    digest: bytes | None


class _Chain(msgspec.Struct):
    name: str
    sequence: int
    hash: bytes
    at_head: bytes | None = None  # the hash where the stream ended when the check began


def check(store: EventStore, witness: Witness | None = None) -> Report:
    """Check the whole log as it is now, also against a ``witness``; another process may go on writing to it.

    Reads once through the log, once through each stream and once through the rows. It remembers each frame's place,
    each blob's digest and each row's: some 200 bytes for each.
    """
    report = Report(folded=[], notes=[], problems=[])
    if isinstance(store, LmdbEventStore) and (damage := store.damaged_pages()):
        # LMDB must not read such a file: it ends the process on some of this damage.
        report.problems.extend(Problem("data.mdb", what) for what in damage)
        return report
    try:
        sealed = Comparison(report.add, witness(store, report) if witness is not None else ())
        # Heads first, names last: what a writer adds meanwhile is in the log and has a name, but is nobody's head.
        heads = dict(_heads(store, report))
        until = store.position_in_file() if isinstance(store, LmdbEventStore) else store.position()
        names = {head.number: name for name, head in _heads(store, Report(problems=[]))}
        walk = _Walk(store, report, heads, names, sealed)
        for raw in store.frames():
            if raw.position > until:
                break
            walk.step(raw)
        walk.end(until)
        late = _folded_since(store, until, walk.folds)
        _check_folds(store, walk, report)
        sealed.finish({name: head.sequence for name, head in heads.items()}, walk.unreadable_streams)
        report.sealed, report.folded = sealed.compared, sealed.folded
        if not walk.unreadable:
            _check_rows(store, walk.rows, until, late, report)
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

    def __init__(
        self, store: EventStore, report: Report, heads: dict[str, Head], names: dict[int, str], sealed: Comparison
    ) -> None:
        self.folds = FoldCheck()
        self.placed: dict[tuple[int, int], int] = {}  # (stream number, first sequence) -> position
        self.unreadable: set[int] = set()
        self.unreadable_streams: set[str] = set()
        self.digests: set[str] = set()
        self._sealed = sealed
        self._store = store
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
        if self._expected is not None and raw.position > self._expected:
            self.folds.gap(self._expected, raw.position - self._expected)
        elif self._expected is not None and raw.position < self._expected:
            self._report.add(where, f"position {self._expected} is missing before it")
        try:
            frame = read_frame(raw.data, raw.position)
        except CorruptLog as error:
            self._report.add(where, error)
            self.unreadable.add(raw.position)
            self._expected = None  # nobody knows how many events it held
            return
        self._expected = raw.position + len(frame.bodies)
        if not is_as_made(frame, raw.data):
            self._report.add(where, "it is not written as a frame is: altered")
        self._report.frames += 1
        self._report.events += len(frame.bodies)
        name = self._names.get(frame.stream)
        if name is None:
            self._report.add(where, f"no stream has the number {frame.stream}")
            return
        self.placed[frame.stream, frame.first] = raw.position
        self.folds.frame(raw.position, len(frame.bodies))
        self._follow(raw.position, name, frame)

    def _follow(self, position: int, name: str, frame: Frame) -> None:
        where = f"position {position}"
        chain = self._chains.setdefault(frame.stream, _Chain(name, 0, genesis(name)))
        linked = frame.previous == chain.hash
        if frame.first > chain.sequence + 1 and name.startswith("job:"):
            # Whether its job was folded is known at the end of its stream.
            skip = Skip(position, name, frame.stream, chain.sequence, frame.first, linked)
            self.folds.skip(skip)
        elif frame.first != chain.sequence + 1:
            self._report.add(where, f"{name} goes on at sequence {frame.first} after {chain.sequence}")
        if not linked and not (frame.first > chain.sequence + 1 and name.startswith("job:")):
            self._report.add(where, f"{name} is broken before sequence {frame.first}: altered or cut")
        head = self.heads[name].sequence if name in self.heads else 0
        if chain.sequence == 0:
            self._sealed.born(name, frame.stream, position)
        concerned = self._sealed.concerns(name)
        tip = frame.previous
        for place, (time, raw_body) in enumerate(zip(frame.times(), frame.bodies, strict=True)):
            sequence, body = frame.first + place, bytes(raw_body)
            tip = link(tip, sequence, time, body)
            if sequence == head:
                chain.at_head = tip
            if concerned:
                self._sealed.event(name, sequence, position + place, tip)
            try:
                event = decode(body, name)
                if isinstance(event, JobFolded):
                    self._sealed.fold(name, event.through, event.hash)
                    self._fold(position + place, name, frame, event)
                self.digests.update(blobs_of(event))
                for write in writes_of(event):
                    digest = digest_of_value(write.value) if write.value is not None else None
                    self.rows[write.key] = _Written(position + place, digest)
            except StoreError as error:
                self.unreadable.add(position)
                self.unreadable_streams.add(name)
                self._report.add(f"{name}, sequence {sequence}", error)
        chain.sequence, chain.hash = frame.last, tip

    def _fold(self, position: int, name: str, frame: Frame, event: JobFolded) -> None:
        if len(frame.bodies) != 1 or event.through != frame.first - 1 or event.hash != frame.previous:
            self._report.add(f"position {position}", f"{name} is folded there, but not with the end that it had")
        self.folds.fold(frame.stream, event)
        for row in rows_of(self._store, event):
            # What was written behind the folded events stands in the log already, or is yet to come.
            if (known := self.rows.get(row.key)) is None or known.position < row.position:
                self.rows[row.key] = _Written(row.position, row.digest)

    def end(self, until: int) -> None:
        """The log ends where its position said."""
        if self._expected is not None and self._expected != until + 1:
            self._report.add(f"position {self._expected}", f"the log ends before it, not at {until}")


def _folded_since(store: EventStore, until: int, folds: FoldCheck) -> list[JobFolded]:
    """The folds that were appended since the check began, whose frames may have gone from under it."""
    late: list[JobFolded] = []
    for stored in store.read_all(after=until):
        if isinstance(stored.event, JobFolded) and (head := store.head(stored.stream)) is not None:
            late.append(stored.event)
            folds.fold(head.number, stored.event)
    return late


def _check_folds(store: EventStore, walk: _Walk, report: Report) -> None:
    wrong = list(walk.folds.wrong_skips())
    if isinstance(store, LmdbEventStore):
        # Frames go from the oldest on: what was seen in front of others that are missing has to be gone by now.
        wrong += [skip for skip in walk.folds.late_starts() if store.first_sequence(skip.number) <= skip.last]
    else:
        wrong += walk.folds.late_starts()
    for skip in wrong:
        where = f"position {skip.position}"
        report.add(where, f"{skip.stream} goes on at sequence {skip.first} after {skip.last}")
        if not skip.linked:
            report.add(where, f"{skip.stream} is broken before sequence {skip.first}: altered or cut")
    if not walk.unreadable:
        for where, what in walk.folds.wrong_gaps(walk.placed):
            report.add(where, what)


def _check_end(store: EventStore, name: str, head: Head, chain: _Chain | None, report: Report) -> None:
    report.streams += 1
    if _was_folded(store, name, head):
        return
    if chain is None:
        report.add(name, "the stream has an end but no events")
        return
    if chain.sequence < head.sequence:
        report.add(name, f"ends at sequence {chain.sequence}, not at {head.sequence}")
    elif chain.at_head != head.hash:
        report.add(name, f"its last event, {head.sequence}, or one before it was altered")
    try:
        # What a writer added since the check began has moved the stored end too.
        if chain.sequence > head.sequence and ((end := store.head(name)) is None or end.sequence < chain.sequence):
            report.add(name, f"the log has its events up to {chain.sequence}, its end says {head.sequence}: inserted")
        fresh, now = store.rebuild(name, head.sequence), store.head(name)
        # Another process may have appended since: then there is nothing to compare with.
        as_kept = not isinstance(store, LmdbEventStore) or is_as_kept(store.kept_state(name), fresh)
        if now == head and (fresh != store.state(name) or not as_kept) and store.head(name) == head:
            report.add(name, "its projection differs from a fresh fold of its events")
    except StoreError as error:
        report.add(name, error)


def _was_folded(store: EventStore, name: str, head: Head) -> bool:
    """Whether the stream's events up to ``head`` were removed since the check began."""
    try:
        now = store.head(name)  # the event that says so has moved it
        gone = events_gone(store.state(name)) if now is not None and now.sequence > head.sequence else 0
        return name.startswith("job:") and gone >= head.sequence > 0
    except StoreError:
        return False  # the rest of the check says what is wrong


def _check_rows(
    store: EventStore, written: dict[bytes, _Written], until: int, late: list[JobFolded], report: Report
) -> None:
    suspects: dict[bytes, str] = {}
    left = {key: row for key, row in written.items() if row.digest is not None}
    after = b""
    while page := store.rows(b"", after=after, limit=_PAGE):
        after = page[-1].key
        for row in page:
            if row.key.startswith(DERIVED):
                continue
            said = left.pop(row.key, None)
            if said is None:
                suspects[row.key] = "no event wrote it"
            elif said.digest != digest_of_value(row.value):
                suspects[row.key] = f"its value is not what the event at position {said.position} wrote"
            elif said.position != row.version:
                suspects[row.key] = f"its version is {row.version}, the event that wrote it is at {said.position}"
    suspects |= dict.fromkeys(left, "the log has it, the rows do not")
    if suspects:
        for event in late:
            for folded in rows_of(store, event):
                suspects.pop(folded.key, None)
        # What a writer changed meanwhile stands in the log behind the place where the check began.
        for stored in store.read_all(after=until):
            for write in writes_of(stored.event):
                suspects.pop(write.key, None)
    for key, what in sorted(suspects.items()):
        report.add(f"the row {key!r}", what)


def _check_indexes(store: LmdbEventStore, walk: _Walk, until: int, report: Report) -> None:
    left = dict(walk.placed)
    for number, sequence, position in store.indexed():
        if position > until or position in walk.unreadable:
            continue
        if left.get((number, sequence)) == position:
            del left[number, sequence]
        else:
            report.add(f"position {position}", f"the index says it is sequence {sequence} of stream {number}")
    for (number, first), position in left.items():
        if not walk.folds.covers(number, first):  # else it was removed meanwhile
            report.add(f"position {position}", "it is not in the index")
    names = store.numbered()
    for stream, head in walk.heads.items():
        if (name := names.pop(head.number, None)) != stream:
            report.add(stream, f"its number, {head.number}, is filed under {name!r}: the log's events get a wrong name")
    for number, name in names.items():
        if (now := store.head(name)) is None or now.number != number:
            report.add(f"number {number}", f"it is filed under {name!r}, and there is no such stream")
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
