"""The actor that writes the log: group commit.

It takes whatever waits in its mailbox and in the lanes, appends all of it in one transaction, and answers those who
asked for durability after the transaction is synced. While one commit syncs, the next batch gathers: that is where
batches come from, nobody waits for a batch to fill. Events that are only buffered are written with the next durable
one, or `LINGER` after the first of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import pykka

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.lane import Entry, Lane
from perdure.actors.mailbox import DEFERRED, MailboxActor
from perdure.actors.messages import AnyMessage, Append, CommitFailed, Committed, LaneFlush, LaneReady
from perdure.store.errors import StoreError
from perdure.store.event_store import Appended, AppendRequest, EventStore
from perdure.store.failpoints import hit
from perdure.store.job_state import JobState

logger = logging.getLogger(__name__)

LINGER: Final = 0.015  # seconds a buffered event waits at most for company; the promise is 20 ms
RETRY: Final = 0.25  # seconds until buffered events are tried again after a failed commit
MOST: Final = 512  # messages taken into one commit at the most


class LogWriter(MailboxActor):
    """The only writer of ``store``.

    Args:
        store: where events go.
        lanes: the lanes by stream; shared with the system, which opens and closes them.
        ended: told of each job whose end was just committed.
    """

    def __init__(
        self,
        store: EventStore,
        lanes: dict[str, Lane],
        hooks: ActorHooks,
        clock: Clock,
        died: Callable[[str], None],
        ended: Callable[[JobState], None] = lambda state: None,
    ) -> None:
        super().__init__("log", died)
        self._store = store
        self._lanes = lanes
        self._hooks = hooks
        self._clock = clock
        self._ended = ended
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
            request = AppendRequest(message.stream, message.bodies, message.times, message.expected)
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

    def _write(self) -> None:
        hit("commit.before_drain")
        asked, self._asked = self._asked, []
        ready, self._ready = self._ready, {}
        self._urgent, self._due, self._taken = False, None, 0
        batch = [(lane, entries) for stream in ready if (lane := self._lanes.get(stream)) and (entries := lane.take())]
        requests = [request for request, _ in asked]
        requests += [
            AppendRequest(lane.stream, [entry.body for entry in entries], [entry.time for entry in entries])
            for lane, entries in batch
        ]
        hit("commit.after_drain")
        if not requests:
            return
        start = self._clock.monotonic()
        try:
            answers = self._store.append_batch(requests)
        except StoreError as error:
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
            if isinstance(answer, StoreError):
                self._refuse(lane, entries, answer)
                continue
            lane.done(entries)
            for sequence, entry in enumerate(entries, answer.first):
                if entry.token:
                    lane.reply(Committed(entry.token, sequence))
        for answer in answers:
            if isinstance(answer, Appended) and isinstance(answer.state, JobState) and answer.state.finished:
                self._ended(answer.state)
        hit("answer.after")

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

    def on_stop(self) -> None:
        """Write what is left."""
        self._ready.update(dict.fromkeys(self._lanes))
        self._write()
