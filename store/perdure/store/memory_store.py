"""An event store in memory, for embedders' tests and for runs that nobody needs to keep."""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from perdure.store.blobs import MemoryBlobs
from perdure.store.commit_plan import CommitPlan, StreamEnd
from perdure.store.errors import StoreClosed, StoreError, UnknownJob
from perdure.store.event_store import (
    Appended,
    AppendRequest,
    Head,
    JobPage,
    JobQuery,
    LogMoment,
    RawFrame,
    Removed,
    StoredEvent,
)
from perdure.store.events import Event, RowWrite, encode, job_stream
from perdure.store.frame import read_frame
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status
from perdure.store.projection import State
from perdure.store.reading import (
    count_by_status,
    events_gone,
    expand,
    fold_of,
    folded,
    matches,
    read_stream,
    rebuild_from,
)
from perdure.store.rows import Row, RowOverlay


class MemoryEventStore:
    """`EventStore` without a disk: the same frames, chains and projections, gone with the object.

    Args:
        clock: the time for `append`, in microseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self.blobs = MemoryBlobs()
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False
        self._position = 0
        self._frames: list[RawFrame] = []
        self._positions: list[int] = []
        self._ends: dict[str, StreamEnd] = {}
        self._names: dict[int, str] = {}
        self._by_stream: dict[int, list[tuple[int, RawFrame]]] = {}  # first sequence, frame
        self._folding: dict[str, tuple[int, int]] = {}  # number and last sequence of what is to be removed
        self._rows: dict[bytes, Row] = {}
        self._keys: list[bytes] = []  # of the rows, in order

    def _check(self) -> None:
        if self._closed:
            raise StoreClosed

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> Appended:
        """See `EventStore.append`."""
        now = self._clock()
        request = AppendRequest(stream, [encode(event) for event in events], [now] * len(events), expected)
        answer = self.append_batch([request])[0]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def append_batch(
        self, requests: Sequence[AppendRequest], riders: Sequence[RowWrite] = ()
    ) -> list[Appended | StoreError]:
        """See `EventStore.append_batch`."""
        with self._changed:
            self._check()
            plan = CommitPlan(
                self._position, len(self._ends) + 1, self._ends.get, RowOverlay(self._rows.get, self._rows_after)
            )
            answers = plan.add_all(requests)
            plan.ride(riders)
            for key, row in plan.rows.changed.items():
                if row is not None:
                    if key not in self._rows:
                        bisect.insort(self._keys, key)
                    self._rows[key] = row
                elif self._rows.pop(key, None) is not None:
                    del self._keys[bisect.bisect_left(self._keys, key)]
            self._ends.update(plan.ends)
            self._names.update({end.head.number: stream for stream, end in plan.ends.items()})
            for frame, entry in zip(plan.frames, plan.index, strict=True):
                self._frames.append(frame)
                self._positions.append(frame.position)
                self._by_stream.setdefault(entry.number, []).append((entry.sequence, frame))
            self._folding |= plan.folded
            self._position = plan.position
            self._changed.notify_all()
            return answers

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `EventStore.read`."""
        with self._changed:
            self._check()
            end = self._ends.get(stream)
            if end is None:
                return
            frames = list(self._by_stream[end.head.number])
        wanted, gone = after, events_gone(end.state)
        last = end.head.sequence if until is None else min(until, end.head.sequence)
        if wanted < min(gone, last) and (last <= gone or not backward):
            raise folded(end.state)
        after = max(wanted, gone)
        start = max(0, bisect.bisect_right(frames, after + 1, key=lambda pair: pair[0]) - 1)
        stop = bisect.bisect_right(frames, last, key=lambda pair: pair[0])
        part = [frame for _, frame in frames[start:stop]]
        yield from read_stream(
            reversed(part) if backward else part, stream, end.head, after=after, last=last, backward=backward
        )
        if backward and wanted < gone < last:
            raise folded(end.state)

    def read_all(self, *, after: int = 0, until: int | None = None, containing: bytes = b"") -> Iterator[StoredEvent]:
        """See `EventStore.read_all`."""
        for frame in self._frames_after(after):
            if containing not in frame.data:
                continue
            for event in expand(frame, self._names.get):
                if until is not None and event.position > until:
                    return
                if event.position > after:
                    yield event

    def _frames_after(self, after: int) -> Iterator[RawFrame]:
        with self._changed:
            self._check()
            start = max(0, bisect.bisect_right(self._positions, after + 1) - 1)
            frames = self._frames[start:]
        return iter(frames)

    def frames(self) -> Iterator[RawFrame]:
        """See `EventStore.frames`."""
        return self._frames_after(0)

    def position(self) -> int:
        """See `EventStore.position`."""
        self._check()
        return self._position

    def wait(self, after: int, timeout: float | None = None) -> int:
        """See `EventStore.wait`."""
        with self._changed:
            self._check()
            self._changed.wait_for(lambda: self._position > after or self._closed, timeout)
            self._check()
            return self._position

    def head(self, stream: str) -> Head | None:
        """See `EventStore.head`."""
        self._check()
        end = self._ends.get(stream)
        return end.head if end is not None else None

    def heads(self, visit: Callable[[str, Head], object]) -> LogMoment:
        """See `EventStore.heads`."""
        with self._changed:
            self._check()
            for stream, end in self._ends.items():
                visit(stream, end.head)
            return LogMoment(self._position, len(self._ends))

    def streams(self, prefix: str = "") -> Iterator[str]:
        """See `EventStore.streams`."""
        self._check()
        return iter(sorted(stream for stream in list(self._ends) if stream.startswith(prefix)))

    def state(self, stream: str) -> State | None:
        """See `EventStore.state`."""
        self._check()
        end = self._ends.get(stream)
        return end.state if end is not None else None

    def rebuild(self, stream: str, until: int | None = None) -> State | None:
        """See `EventStore.rebuild`."""
        with self._changed:
            self._check()
            end = self._ends.get(stream)
            frames = [frame for _, frame in self._by_stream[end.head.number]] if end is not None else []
        if frames and (gone := fold_of(stream, frames[-1])) is not None:
            if until is not None and until <= gone.through:
                raise gone
            frames = frames[-1:]
        return rebuild_from(stream, frames, until)

    def row(self, key: bytes) -> Row | None:
        """See `EventStore.row`."""
        self._check()
        return self._rows.get(key)

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        """See `EventStore.rows`."""
        with self._changed:
            self._check()
            return self._rows_after(prefix, after, limit)

    def _rows_after(self, prefix: bytes, after: bytes, limit: int) -> list[Row]:
        place = max(bisect.bisect_left(self._keys, prefix), bisect.bisect_right(self._keys, after))
        found: list[Row] = []
        while place < len(self._keys) and len(found) < limit and self._keys[place].startswith(prefix):
            found.append(self._rows[self._keys[place]])
            place += 1
        return found

    def job(self, job_id: UUID) -> JobState:
        """See `EventStore.job`."""
        state = self.state(job_stream(job_id))
        if not isinstance(state, JobState):
            raise UnknownJob(str(job_id))
        return state

    def jobs(self, query: JobQuery) -> JobPage:
        """See `EventStore.jobs`."""
        found = list(itertools.islice(self._matching(query), query.offset, query.offset + query.limit + 1))
        more = len(found) > query.limit
        return JobPage(found[: query.limit], found[query.limit - 1].job_id if more else None)

    def _matching(self, query: JobQuery) -> Iterator[JobState]:
        for stream in reversed(list(self.streams("job:"))):
            state = self.state(stream)
            if isinstance(state, JobState) and matches(query, state):
                yield state

    def count_unfinished(self) -> dict[Status, int]:
        """See `EventStore.count_unfinished`."""
        counts = dict.fromkeys(sorted(UNFINISHED), 0)
        for end in list(self._ends.values()):
            if isinstance(end.state, JobState) and end.state.status in counts:
                counts[end.state.status] += 1
        return counts

    def count_jobs(self, query: JobQuery | None = None) -> dict[Status, int]:
        """See `EventStore.count_jobs`."""
        return count_by_status(self._matching(query or JobQuery()))

    def unfolded(self, *, after: UUID | None = None, until: UUID | None = None, limit: int = 1000) -> list[UUID]:
        """See `EventStore.unfolded`."""
        self._check()
        states = (end.state for end in list(self._ends.values()))
        jobs = [state for state in states if isinstance(state, JobState) and state.finished]
        ids = sorted(
            state.job_id
            for state in jobs
            if state.folded_at is None
            and (after is None or state.job_id > after)
            and (until is None or state.job_id < until)
        )
        return ids[:limit]

    def remove_folded(self, limit: int) -> Removed:
        """See `EventStore.remove_folded`."""
        with self._changed:
            self._check()
            gone: dict[int, RawFrame] = {}
            for stream, (number, through) in list(self._folding.items()):
                frames = self._by_stream[number]
                while frames[0][0] <= through and len(gone) < limit:
                    frame = frames.pop(0)[1]
                    gone[frame.position] = frame
                if frames[0][0] <= through:
                    break
                del self._folding[stream]
            self._frames = [frame for frame in self._frames if frame.position not in gone]
            self._positions = [frame.position for frame in self._frames]
            events = sum(len(read_frame(frame.data, frame.position).bodies) for frame in gone.values())
            size = sum(len(frame.data) for frame in gone.values())
            return Removed(len(gone), events, size, left=bool(self._folding))

    def close(self) -> None:
        """See `EventStore.close`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
