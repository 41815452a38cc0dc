"""What one transaction will write: pure, so that both stores decide alike.

A plan takes requests one by one. Each is checked against its stream's head and folded into its stream's state; if
either refuses, the plan is as if the request had not come. Nothing outside the plan changes until the store has
committed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from perdure.store.errors import BadEvent, SequenceConflict, StoreError
from perdure.store.event_store import Appended, AppendRequest, Head, RawFrame
from perdure.store.events import WRITING, Event, JobFolded, RowWrite, decode, event_base, writes_of
from perdure.store.frame import MAX_FRAME_EVENTS, MAX_TIME, genesis, make_frame
from perdure.store.job_state import JobState
from perdure.store.projection import State, project
from perdure.store.rows import RowOverlay, checked_key
from perdure.store.upcast import UPCASTS, upcast


class StreamEnd(msgspec.Struct, frozen=True):
    """A stream's head and its projection, which belong together."""

    head: Head
    state: State | None


class IndexEntry(msgspec.Struct, frozen=True):
    """Where the frame that begins at ``sequence`` of stream ``number`` stands in the log."""

    number: int
    sequence: int
    position: int


class _Checked(msgspec.Struct):
    """A request that nothing refuses: what it does to its stream."""

    stream: str
    bodies: Sequence[bytes]
    times: Sequence[int]
    end: StreamEnd | None
    state: State | None
    writes: list[tuple[int, RowWrite]]  # with the index of the event that carries it


class CommitPlan:
    """The frames, index entries, stream ends and rows of one transaction.

    Args:
        position: the log's last position.
        next_number: the number for the next new stream.
        end_of: the stored end of a stream, or None.
        rows: the stored rows; the plan's own changes gather on top of them.
    """

    def __init__(
        self, position: int, next_number: int, end_of: Callable[[str], StreamEnd | None], rows: RowOverlay
    ) -> None:
        self.position = position
        self.next_number = next_number
        self.rows = rows
        self.frames: list[RawFrame] = []
        self.index: list[IndexEntry] = []
        self.ends: dict[str, StreamEnd] = {}
        self.statuses: list[tuple[JobState | None, JobState]] = []
        self.folded: dict[str, tuple[int, int]] = {}  # number and last sequence of what is to be removed
        self._end_of = end_of

    def add_all(self, requests: Iterable[AppendRequest]) -> list[Appended | StoreError]:
        """Plan requests, each on its own: one that is refused is answered with its error, the others go in."""
        answers: list[Appended | StoreError] = []
        for request in requests:
            try:
                answers.append(self.add(request))
            except StoreError as error:
                answers.append(error)
        return answers

    def add(self, request: AppendRequest) -> Appended:
        """Plan one request, with its effects.

        Raises:
            SequenceConflict, IllegalTransition, BadEvent, WriteConflict: it is refused and the plan is as it was.
        """
        checked = self._check(request.stream, request.bodies, request.times, request.expected, request.events)
        effects = request.effects
        if effects is None:
            return self._apply(checked)
        self.rows.check(effects.reads, effects.ranges)
        time = request.times[-1]
        side = [
            self._check(part.stream, part.bodies, [time] * len(part.bodies), part.expected) for part in effects.appends
        ]
        streams = [request.stream, *(part.stream for part in side)]
        if len(set(streams)) < len(streams):
            raise BadEvent(request.stream, "its effects append to one stream twice")
        # From here on nothing can refuse.
        appended = self._apply(checked)
        return msgspec.structs.replace(appended, side=tuple(self._apply(part) for part in side))

    def ride(self, writes: Iterable[RowWrite]) -> None:
        """Plan changes of rows that no event carries."""
        for write in writes:
            self.rows.write(checked_key("a rider", write.key), write.value, self.position)

    def _check(
        self,
        stream: str,
        bodies: Sequence[bytes],
        times: Sequence[int],
        expected: int | None,
        events: Sequence[Event] | None = None,
    ) -> _Checked:
        if not bodies or len(bodies) != len(times):
            raise BadEvent(stream, "a request needs at least one event, and a time for each")
        if min(times) < 0 or max(times) > MAX_TIME:
            raise BadEvent(stream, f"a time is not between 0 and {MAX_TIME} microseconds since 1970")
        end = self.ends.get(stream)
        if end is None:
            event_base(stream)  # refuses a name that no stream can have, before it is looked up
            end = self._end_of(stream)
        found = end.head.sequence if end is not None else 0
        if expected is not None and expected != found:
            raise SequenceConflict(stream, expected, found)
        if events is None or len(events) != len(bodies):
            events = [decode(body, stream) for body in bodies]
            if UPCASTS:
                events = [upcast(event) for event in events]
        before = end.state if end is not None else None
        state = project(stream, before, zip(events, range(found + 1, found + 1 + len(events)), times, strict=True))
        writes: list[tuple[int, RowWrite]] = []
        for place, event in enumerate(events):
            kind = type(event)
            if kind in WRITING:
                writes += [(place, write) for write in writes_of(event)]
            elif kind is JobFolded:
                _check_fold(stream, events, end)
        for _, write in writes:
            checked_key(stream, write.key)
        return _Checked(stream, bodies, times, end, state, writes)

    def _apply(self, checked: _Checked) -> Appended:
        stream, bodies, times, end = checked.stream, checked.bodies, checked.times, checked.end
        if end is None:
            end = StreamEnd(Head(self.next_number, 0, genesis(stream)), None)
        head = end.head
        for place, write in checked.writes:
            self.rows.write(write.key, write.value, self.position + place + 1)
        first = sequence = head.sequence + 1
        tip = head.hash
        for start in range(0, len(bodies), MAX_FRAME_EVENTS):
            part = bodies[start : start + MAX_FRAME_EVENTS]
            data, tip = make_frame(head.number, sequence, tip, times[start : start + len(part)], part)
            self.frames.append(RawFrame(self.position + 1, data))
            self.index.append(IndexEntry(head.number, sequence, self.position + 1))
            self.position += len(part)
            sequence += len(part)
        if head.number == self.next_number:
            self.next_number += 1
        state = checked.state
        self.ends[stream] = StreamEnd(Head(head.number, sequence - 1, tip), state)
        if isinstance(state, JobState):
            before = end.state if isinstance(end.state, JobState) else None
            if before is None or before.status is not state.status or state.folded_at is not None:
                self.statuses.append((before, state))
            if state.folded_at is not None:
                self.folded[stream] = (head.number, head.sequence)
        return Appended(stream, first, sequence - 1, self.position, state)


def _check_fold(stream: str, events: Sequence[Event], end: StreamEnd | None) -> None:
    """A fold stands alone in its frame, so that all before it can go, and names the end that the chain has."""
    first = events[0]
    if len(events) != 1:
        raise BadEvent(stream, "a job is folded by a request of its own")
    if isinstance(first, JobFolded) and end is not None and first.hash != end.head.hash:
        raise BadEvent(stream, "it folds a stream with another hash")
