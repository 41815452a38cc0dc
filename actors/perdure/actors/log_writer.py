"""The actor that writes the log: group commit.

It takes whatever waits in its mailbox and in the lanes, appends all of it in one transaction, and answers those who
asked for durability after the transaction is synced. While one commit syncs, the next batch gathers: that is where
batches come from, nobody waits for a batch to fill. Events that are only buffered are written with the next durable
one, or `LINGER` after the first of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import pykka

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.lane import Entry, Lane
from perdure.actors.mailbox import DEFERRED, MailboxActor
from perdure.actors.messages import AnyMessage, Append, CommitFailed, Committed, LaneFlush, LaneReady
from perdure.store.errors import IllegalTransition, SequenceConflict, StoreError, WriteConflict
from perdure.store.event_store import Appended, AppendRequest, EventStore
from perdure.store.events import RowWrite
from perdure.store.failpoints import hit
from perdure.store.job_state import JobState

logger = logging.getLogger(__name__)

LINGER: Final = 0.015  # seconds a buffered event waits at most for company; the promise is 20 ms
RETRY: Final = 0.25  # seconds until buffered events are tried again after a failed commit
MOST: Final = 512  # messages taken into one commit at the most


class Riders(Protocol):
    """State outside the events that is to be on disk with them: changes of rows that ride along with each commit."""

    def take(self) -> Sequence[RowWrite]:
        """What changed since it was last taken; called on the log writer's thread before a commit."""

    def failed(self, writes: Sequence[RowWrite]) -> None:
        """The commit that these rode on failed: give them again."""


class NoRiders:
    """Nothing rides along."""

    def take(self) -> Sequence[RowWrite]:
        """See `Riders.take`."""
        return ()

    def failed(self, writes: Sequence[RowWrite]) -> None:
        """See `Riders.failed`."""


class LogWriter(MailboxActor):
    """The only writer of ``store``.

    Args:
        store: where events go.
        lanes: the lanes by stream; shared with the system, which opens and closes them.
        ended: told of each job whose end was just committed.
        dispatched: told of each job whose dispatch was just committed as another event's effect.
        riders: what else is to be on disk with the events.
    """

    def __init__(
        self,
        store: EventStore,
        lanes: dict[str, Lane],
        hooks: ActorHooks,
        clock: Clock,
        died: Callable[[str], None],
        ended: Callable[[JobState], None] = lambda state: None,
        dispatched: Callable[[JobState], None] = lambda state: None,
        riders: Riders | None = None,
    ) -> None:
        super().__init__("log", died)
        self._store = store
        self._lanes = lanes
        self._hooks = hooks
        self._clock = clock
        self._ended = ended
        self._dispatched = dispatched
        self._riders = riders or NoRiders()
        self._asked: list[tuple[AppendRequest, pykka.Future[Any] | None]] = []
        self._ready: dict[str, None] = {}
        self._due: float | None = None
        self._urgent = False
        self._taken = 0

    # --- gathering ---------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """Note what is to be written; write when the mailbox is empty or the time has come."""
        answer: object = None
        if isinstance(message, LaneFlush):
            self._ready[message.stream] = None
            self._urgent = True
        elif isinstance(message, LaneReady):
            self._ready[message.stream] = None
            if self._due is None:
                self._due = self._clock.monotonic() + LINGER
        elif isinstance(message, Append):
            request = AppendRequest(message.stream, message.bodies, message.times, message.expected, message.effects)
            self._asked.append((request, self.defer()))
            self._urgent = True
            answer = DEFERRED
        else:
            raise TypeError(f"the log writer got {type(message).__name__}")
        self._taken += 1
        if self._urgent:
            if self._taken >= MOST or self.actor_inbox.empty():
                self._write()
        elif self._due is not None and self._clock.monotonic() >= self._due:
            self._write()
        return answer

    def wakeup(self) -> float | None:
        """Until buffered events are due."""
        return None if self._due is None else self._due - self._clock.monotonic()

    def on_wakeup(self) -> None:
        """Buffered events are due."""
        self._write()

    # --- writing -----------------------------------------------------------------------------------------------------

    def _write(self, *, last: bool = False) -> None:
        hit("commit.before_drain")
        asked, self._asked = self._asked, []
        ready, self._ready = self._ready, {}
        self._urgent, self._due, self._taken = False, None, 0
        batch = [
            (lane, part) for stream in ready if (lane := self._lanes.get(stream)) for part in _requests_of(lane.take())
        ]
        requests = [request for request, _ in asked]
        requests += [
            AppendRequest(
                lane.stream,
                [entry.body for entry in entries],
                [entry.time for entry in entries],
                effects=entries[-1].effects,
            )
            for lane, entries in batch
        ]
        hit("commit.after_drain")
        riders = self._riders.take() if requests or last else ()
        if not requests and not riders:
            return
        start = self._clock.monotonic()
        try:
            answers = self._store.append_batch(requests, riders)
        except StoreError as error:
            self._riders.failed(riders)
            self._fail(error, asked, batch)
            return
        except BaseException as error:
            # A defect: this actor dies of it, so those who wait must be told now.
            for _, reply in asked:
                if reply is not None:
                    reply.set_exception((type(error), error, None))
            raise
        self._measure(requests, answers, self._clock.monotonic() - start)
        self._answer(answers, asked, batch)

    def _answer(
        self,
        answers: list[Appended | StoreError],
        asked: list[tuple[AppendRequest, pykka.Future[Any] | None]],
        batch: list[tuple[Lane, list[Entry]]],
    ) -> None:
        hit("answer.before")
        for (_, reply), answer in zip(asked, answers, strict=False):
            if reply is not None:
                if isinstance(answer, StoreError):
                    reply.set_exception((type(answer), answer, None))
                else:
                    reply.set(answer)
        for (lane, entries), answer in zip(batch, answers[len(asked) :], strict=True):
            self._answer_lane(lane, entries, answer)
        for answer in answers:
            if not isinstance(answer, Appended):
                continue
            if isinstance(answer.state, JobState) and answer.state.finished:
                self._ended(answer.state)
            for side in answer.side:
                if isinstance(side.state, JobState):
                    if side.first == 1:
                        self._dispatched(side.state)
                    elif side.state.finished:
                        self._ended(side.state)
        hit("answer.after")

    def _answer_lane(self, lane: Lane, entries: list[Entry], answer: Appended | StoreError) -> None:
        if isinstance(answer, StoreError) and entries[-1].effects is not None and not _of_owner(lane, answer):
            lane.done(entries)  # only this event is refused; its owner waits, so nothing follows it
            conflict = isinstance(answer, WriteConflict | SequenceConflict | IllegalTransition)
            failed = CommitFailed(entries[-1].token, str(answer), refused=True, conflict=conflict, unfit=not conflict)
            lane.reply(failed)
        elif isinstance(answer, StoreError):
            self._refuse(lane, entries, answer)
        else:
            lane.done(entries)
            for sequence, entry in enumerate(entries, answer.first):
                if entry.token:
                    lane.reply(Committed(entry.token, sequence))

    def _refuse(self, lane: Lane, entries: list[Entry], error: StoreError) -> None:
        """The log will never take these events, so nothing may follow them."""
        logger.warning("the log refused events of %s: %s", lane.stream, error)
        for entry in lane.break_off(str(error)):
            if entry.token:
                lane.reply(CommitFailed(entry.token, str(error), refused=True))

    def _fail(
        self,
        error: StoreError,
        asked: list[tuple[AppendRequest, pykka.Future[Any] | None]],
        batch: list[tuple[Lane, list[Entry]]],
    ) -> None:
        """The commit failed and changed nothing: those who wait are told, what is only buffered is tried again."""
        logger.error("a commit failed: %s", error)
        self._hooks.commit_failed(type(error).__name__)
        for _, reply in asked:
            if reply is not None:
                reply.set_exception((type(error), error, None))
        for lane, entries in batch:
            for entry in lane.failed(entries):
                lane.reply(CommitFailed(entry.token, str(error), refused=False))
            if lane.waiting:
                self._ready[lane.stream] = None
                self._due = self._clock.monotonic() + RETRY

    def _measure(self, requests: list[AppendRequest], answers: list[Appended | StoreError], seconds: float) -> None:
        stored = [request for request, answer in zip(requests, answers, strict=True) if isinstance(answer, Appended)]
        events = sum(len(request.bodies) for request in stored)
        size = sum(len(body) for request in stored for body in request.bodies)
        self._hooks.committed(events, size, len(requests), seconds)
        self._hooks.synced(answers, size, seconds)

    def on_stop(self) -> None:
        """Write what is left."""
        self._ready.update(dict.fromkeys(self._lanes))
        self._write(last=True)


def _of_owner(lane: Lane, error: StoreError) -> bool:
    """Whether the lane's own stream takes no such event any more, whatever its effects are: the job was ended."""
    return isinstance(error, IllegalTransition) and lane.stream == f"job:{error.job_id}"


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
