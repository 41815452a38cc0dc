"""Group commit: whoever has the turn writes for all who wait.

A job that wants an event on disk takes the turn if nobody has it, and commits on its own thread: there is nobody to
hand over to. Who is alone never waits. With many jobs the flush of the disk is what costs, so as many as possible share
one: jobs that were answered a moment ago, and were quick to come again the last time, are *expected*; the last of them
to come commits for all. If one does not come, the log writer looks after those who wait: `patience` is as long as the
last commit took, at least a millisecond.

Those whose events are on disk are woken one by one: each wakes the next before it goes on. A hundred threads that are
woken at once fight for the GIL, and each hand-over costs more than what is done between two of them (ADR 0026).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import pykka

from perdure.actors.affinity import Affinity, NoAffinity
from perdure.actors.clock import Clock
from perdure.actors.errors import SystemStopped
from perdure.actors.herd import Herd
from perdure.actors.hooks import ActorHooks
from perdure.actors.lane import Entry, Lane
from perdure.actors.mailbox import Address
from perdure.actors.messages import CommitFailed, Committed, JobsKept, LaneFlush, LaneReady, LanesWait, Message
from perdure.store.errors import IllegalTransition, SequenceConflict, StoreError, WriteConflict
from perdure.store.event_store import Appended, AppendRequest, EventStore
from perdure.store.events import RowWrite
from perdure.store.failpoints import hit
from perdure.store.job_state import JobState

logger = logging.getLogger(__name__)

_PATIENCE: Final = 0.001  # seconds
_PER_LANE: Final = 0.000_05  # seconds that a job may take to be woken and to come again
_MOST_PATIENCE: Final = 0.02

Asked = tuple[AppendRequest, "pykka.Future[Any] | None"]


class Riders(Protocol):
    """State outside the events that is to be on disk with them: changes of rows that ride along with each commit."""

    def take(self) -> Sequence[RowWrite]:
        """What changed since it was last taken; called before a commit, by one thread at a time."""

    def failed(self, writes: Sequence[RowWrite]) -> None:
        """The commit that these rode on failed: give them again."""


class NoRiders:
    """Nothing rides along."""

    def take(self) -> Sequence[RowWrite]:
        """See `Riders.take`."""
        return ()

    def failed(self, writes: Sequence[RowWrite]) -> None:
        """See `Riders.failed`."""


class GroupCommit:
    """The commits of one store. Thread-safe.

    Attributes:
        ready: the streams whose lanes hold a durable event, which somebody waits for.
        buffered: those whose lanes hold only others.
        expected: lanes whose owners will have another durable event in a moment.
        since: when the first of those came who wait, on the monotonic clock, in seconds.
        patience: how long the first may wait for those who are expected, in seconds.
        lingering: whether the log writer will write what is buffered, in its time.
        watched: whether the log writer will look after those who wait.
        herd: the jobs whose threads are kept together.
        defect: what a commit on a job's thread died of; the log writer dies of it in its stead.

    Args:
        store: where events go.
        lanes: the lanes by stream; shared with the system, which opens and closes them.
        writer: the log writer, which commits when no job does.
        ended: told of each job whose end was just committed, on the thread that committed.
        dispatched: told of each job whose dispatch was just committed as another event's effect.
        riders: what else is to be on disk with the events.
        affinity: how the threads of jobs that come again at once are kept on one processor.
    """

    def __init__(
        self,
        store: EventStore,
        lanes: Mapping[str, Lane],
        writer: Address,
        hooks: ActorHooks,
        clock: Clock,
        ended: Callable[[JobState], None] = lambda state: None,
        dispatched: Callable[[JobState], None] = lambda state: None,
        riders: Riders | None = None,
        affinity: Affinity | None = None,
    ) -> None:
        self.ready: deque[str] = deque()
        self.buffered: deque[str] = deque()
        self.expected: set[Lane] = set()
        self.since = 0.0
        self.patience = _PATIENCE
        self.lingering = False
        self.watched = False
        self.defect: BaseException | None = None
        self._store = store
        self._lanes = lanes
        self._writer = writer
        self._hooks = hooks
        self._clock = clock
        self._ended = ended
        self._dispatched = dispatched
        self._riders = riders or NoRiders()
        self.herd = Herd(affinity or NoAffinity(), lambda: self._ask(JobsKept()))
        self._turn = threading.Lock()
        self._leader: Lane | None = None
        self._sleepers: deque[Callable[[], None]] = deque()

    # --- the turn ----------------------------------------------------------------------------------------------------

    def come(self, lane: Lane, now: float) -> None:
        """The lane has a durable event, and its owner will wait: commit on this thread, if all who are expected came.

        Durable, when the lane is answered.

        Raises:
            SystemStopped: nothing is written any more.
        """
        if self._writer.ref is None:
            raise SystemStopped(self._writer.name)
        if not self.ready:
            self.since = now
        self.ready.append(lane.stream)
        quick = lane in self.expected
        if quick:
            self.expected.discard(lane)
        if quick or lane.thread:
            self.herd.came(lane, quick=quick)
        if not self.expected and self._turn.acquire(blocking=False):
            stored = True
            try:
                self._leader = lane
                stored = self._write(())
            except BaseException as error:  # noqa: BLE001  # a defect: the log writer dies of it, not this job
                self.defect = error
            finally:
                self._leader = None
                self._turn.release()
            self.wake_next()
            # What came meanwhile was left to whoever had the turn.
            if self.defect is not None or (self.ready and not self.expected):
                self._ask(LaneFlush(lane.stream))
            if not stored and self.buffered and not self.lingering:
                self.lingering = True
                self._ask(LaneReady(lane.stream))  # who tries again until it is stored
        # Nobody waits unwatched, whatever becomes of those who are expected, or of whoever has the turn.
        if self.ready and not self.watched:
            self.watched = True
            self._ask(LanesWait())

    def _ask(self, message: Message) -> None:
        """Tell the log writer; when it is gone for good, the system answers all who wait."""
        with contextlib.suppress(SystemStopped):
            self._writer.tell(message)

    def write(self, asked: Sequence[Asked] = (), *, last: bool = False) -> bool:
        """Commit what was asked for and all that waits; for the log writer, which waits for the turn.

        Returns False if the store failed; what is buffered is to be tried again later. Durable.
        """
        with self._turn:
            stored = self._write(asked, last=last)
        self.wake_next()
        return stored

    def leave(self, lane: Lane) -> None:
        """The lane's owner has no durable event in the next moment; called on its thread."""
        self.expected.discard(lane)
        self.herd.leave(lane)

    def wake_next(self) -> None:
        """Wake one of those whose events are on disk, who wakes the next."""
        try:
            wake = self._sleepers.popleft()
        except IndexError:
            return
        wake()

    # --- one commit --------------------------------------------------------------------------------------------------

    def _write(self, asked: Sequence[Asked], *, last: bool = False) -> bool:
        hit("commit.before_drain")
        streams: dict[str, None] = {}
        for gathered in (self.ready, self.buffered):
            while gathered:
                streams[gathered.popleft()] = None
        requests = [request for request, _ in asked]
        batch: list[tuple[Lane, list[Entry]]] = []
        for stream in streams:
            lane = self._lanes.get(stream)
            if lane is not None:
                for entries in _requests_of(lane.take()):
                    requests.append(_request_of(stream, entries))
                    batch.append((lane, entries))
        hit("commit.after_drain")
        riders = self._riders.take() if requests or last else ()
        if not requests and not riders:
            return True
        start = self._clock.monotonic()
        try:
            answers = self._store.append_batch(requests, riders)
        except StoreError as error:
            self._riders.failed(riders)
            self._fail(error, asked, batch)
            return False
        except BaseException as error:
            # A defect: those who wait must be told now.
            for _, reply in asked:
                if reply is not None:
                    reply.set_exception((type(error), error, None))
            raise
        seconds = self._clock.monotonic() - start
        self.patience = min(max(seconds, _PATIENCE) + _PER_LANE * len(batch), _MOST_PATIENCE)
        self._measure(requests, answers, seconds)
        self._answer(answers, asked, batch)
        return True

    def _answer(
        self, answers: list[Appended | StoreError], asked: Sequence[Asked], batch: list[tuple[Lane, list[Entry]]]
    ) -> None:
        hit("answer.before")
        for (_, reply), answer in zip(asked, answers, strict=False):
            if reply is not None:
                if isinstance(answer, StoreError):
                    reply.set_exception((type(answer), answer, None))
                else:
                    reply.set(answer)
        for (lane, entries), answer in zip(batch, answers[len(asked) :], strict=True):
            lane.company = len(batch)
            self._answer_lane(lane, entries, answer)
        for answer in answers:
            if isinstance(answer, Appended):
                self._tell(answer)
        hit("answer.after")

    def _tell(self, appended: Appended) -> None:
        """Tell of a job that ended, and of what became of others with it."""
        state = appended.state
        if isinstance(state, JobState) and state.finished:
            self._let_leader_go()
            self._ended(state)
        for side in appended.side:
            if isinstance(side.state, JobState):
                self._let_leader_go()
                if side.first == 1:
                    self._dispatched(side.state)
                elif side.state.finished:
                    self._ended(side.state)

    def _let_leader_go(self) -> None:
        # A thread or a process inherits where it may run: what those start who are told would be kept with the leader.
        if self._leader is not None:
            self.herd.leave(self._leader)

    def _answer_lane(self, lane: Lane, entries: list[Entry], answer: Appended | StoreError) -> None:
        if isinstance(answer, StoreError) and entries[-1].effects is not None and not _of_owner(lane, answer):
            lane.done(entries)  # only this event is refused; its owner waits, so nothing follows it
            conflict = isinstance(answer, WriteConflict | SequenceConflict | IllegalTransition)
            failed = CommitFailed(entries[-1].token, str(answer), refused=True, conflict=conflict, unfit=not conflict)
            self._reply(lane, failed)
        elif isinstance(answer, StoreError):
            self._refuse(lane, entries, answer)
        else:
            lane.done(entries)
            for sequence, entry in enumerate(entries, answer.first):
                if entry.token:
                    self._reply(lane, Committed(entry.token, sequence))

    def _reply(self, lane: Lane, answer: Committed | CommitFailed) -> None:
        wake = lane.reply(answer)
        if wake is None:
            return
        if lane.pause < self.patience and isinstance(answer, Committed):
            self.expected.add(lane)
        if lane is self._leader:
            wake()  # it does not sleep
        else:
            self._sleepers.append(wake)

    def _refuse(self, lane: Lane, entries: list[Entry], error: StoreError) -> None:
        """The log will never take these events, so nothing may follow them."""
        # A start, or what a killed guest still said, behind somebody's pause or cancel is nothing to be woken for.
        level = logging.INFO if _of_owner(lane, error) else logging.WARNING
        logger.log(level, "the log refused events of %s: %s", lane.stream, error)
        for entry in lane.break_off(str(error)):
            if entry.token:
                self._reply(lane, CommitFailed(entry.token, str(error), refused=True))

    def _fail(self, error: StoreError, asked: Sequence[Asked], batch: list[tuple[Lane, list[Entry]]]) -> None:
        """The commit failed and changed nothing: those who wait are told, what is only buffered is tried again."""
        logger.error("a commit failed: %s", error)
        self._hooks.commit_failed(type(error).__name__)
        for _, reply in asked:
            if reply is not None:
                reply.set_exception((type(error), error, None))
        for lane, entries in batch:
            for entry in lane.failed(entries):
                self._reply(lane, CommitFailed(entry.token, str(error), refused=False))
            if lane.waiting:
                self.buffered.append(lane.stream)

    def _measure(self, requests: list[AppendRequest], answers: list[Appended | StoreError], seconds: float) -> None:
        events = size = 0
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Appended):
                events += len(request.bodies)
                size += sum(map(len, request.bodies))
        self._hooks.committed(events, size, len(requests), seconds)
        self._hooks.synced(answers, size, seconds)


def _of_owner(lane: Lane, error: StoreError) -> bool:
    """Whether the lane's own stream takes no such event any more, whatever its effects are: the job was ended."""
    return isinstance(error, IllegalTransition) and lane.stream == f"job:{error.job_id}"


def _request_of(stream: str, entries: list[Entry]) -> AppendRequest:
    events = [entry.event for entry in entries if entry.event is not None]
    return AppendRequest(
        stream,
        [entry.body for entry in entries],
        [entry.time for entry in entries],
        effects=entries[-1].effects,
        events=events if len(events) == len(entries) else None,
    )


def _requests_of(entries: list[Entry]) -> list[list[Entry]]:
    """A lane's events as they go into requests: one with effects is its own request, which may be refused alone."""
    if not entries or not any(entry.effects is not None for entry in entries):
        return [entries] if entries else []
    parts: list[list[Entry]] = [[]]
    for entry in entries:
        if entry.effects is not None:
            parts += [[entry], []]
        else:
            parts[-1].append(entry)
    return [part for part in parts if part]
