"""What one transaction will write: pure, so that both stores decide alike.

A plan takes requests one by one. Each is checked against its stream's head and folded into its stream's state; if
either refuses, the plan is as if the request had not come. Nothing outside the plan changes until the store has
committed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from perdure.store.errors import BadEvent, SequenceConflict, StoreError
from perdure.store.event_store import Appended, AppendRequest, Head, RawFrame
from perdure.store.events import Event, decode, event_base
from perdure.store.frame import MAX_FRAME_EVENTS, MAX_TIME, genesis, make_frame
from perdure.store.job_state import JobState
from perdure.store.projection import State, project
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


class CommitPlan:
    """The frames, index entries and stream ends of one transaction.

    Args:
        position: the log's last position.
        next_number: the number for the next new stream.
        end_of: the stored end of a stream, or None.
    """

    def __init__(self, position: int, next_number: int, end_of: Callable[[str], StreamEnd | None]) -> None:
        self.position = position
        self.next_number = next_number
        self.frames: list[RawFrame] = []
        self.index: list[IndexEntry] = []
        self.ends: dict[str, StreamEnd] = {}
        self.statuses: list[tuple[JobState | None, JobState]] = []
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
        """Plan one request.

        Raises:
            SequenceConflict, IllegalTransition, BadEvent: the request is refused and the plan is as it was.
        """
        stream = request.stream
        if not request.bodies or len(request.bodies) != len(request.times):
            raise BadEvent(stream, "a request needs at least one event, and a time for each")
        if min(request.times) < 0 or max(request.times) > MAX_TIME:
            raise BadEvent(stream, f"a time is not between 0 and {MAX_TIME} microseconds since 1970")
        event_base(stream)  # refuses a name that no stream can have, before it is looked up
        end = self.ends.get(stream) or self._end_of(stream)
        if end is None:
            end = StreamEnd(Head(self.next_number, 0, genesis(stream)), None)
        head = end.head
        if request.expected is not None and request.expected != head.sequence:
            raise SequenceConflict(stream, request.expected, head.sequence)
        first = head.sequence + 1
        events: list[Event] = [decode(body, stream) for body in request.bodies]
        if UPCASTS:
            events = [upcast(event) for event in events]
        state = project(stream, end.state, zip(events, range(first, first + len(events)), request.times, strict=True))
        # From here on nothing can refuse.
        sequence, tip = first, head.hash
        for start in range(0, len(request.bodies), MAX_FRAME_EVENTS):
            bodies = request.bodies[start : start + MAX_FRAME_EVENTS]
            data, tip = make_frame(head.number, sequence, tip, request.times[start : start + len(bodies)], bodies)
            self.frames.append(RawFrame(self.position + 1, data))
            self.index.append(IndexEntry(head.number, sequence, self.position + 1))
            self.position += len(bodies)
            sequence += len(bodies)
        if head.number == self.next_number:
            self.next_number += 1
        self.ends[stream] = StreamEnd(Head(head.number, sequence - 1, tip), state)
        if isinstance(state, JobState):
            before = end.state if isinstance(end.state, JobState) else None
            if before is None or before.status is not state.status:
                self.statuses.append((before, state))
        return Appended(stream, first, sequence - 1, self.position, state)
