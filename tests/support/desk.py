"""A log writer with lanes, around a store that counts, blocks and fails."""

from __future__ import annotations

import queue
from typing import Any

import pykka
from tests.support.job_events import dispatched, items, job_id, started
from tests.support.manual_clock import ManualClock
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT

from perdure.actors import ActorHooks
from perdure.actors.group_commit import GroupCommit
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LogWriter
from perdure.actors.mailbox import Address, MailboxActor
from perdure.actors.messages import (
    AnyMessage,
    Append,
)
from perdure.store import (
    JobState,
)
from perdure.store import events as ev


class Owner(MailboxActor):
    """Stands for a job's actor: keeps what it is answered."""

    def __init__(self) -> None:
        super().__init__("owner")
        self.answers: queue.SimpleQueue[AnyMessage] = queue.SimpleQueue()

    def on_message(self, message: AnyMessage) -> object:
        self.answers.put(message)
        return None


class Hooks(ActorHooks):
    def __init__(self) -> None:
        self.commits: list[tuple[int, int, int]] = []
        self.failures: list[str] = []

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        self.commits.append((events, size, requests))

    def commit_failed(self, kind: str) -> None:
        self.failures.append(kind)


class Desk:
    """A log writer, started or not, with lanes and what is around them."""

    def __init__(self, store: StoreWrapper) -> None:
        self.store = store
        self.clock = ManualClock()
        self.hooks = Hooks()
        self.lanes: dict[str, Lane] = {}
        self.log = Address("log")
        self.deaths: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.ended: list[JobState] = []
        self.commits = GroupCommit(store, self.lanes, self.log, self.hooks, self.clock, self._end)
        self._refs: list[pykka.ActorRef[Any]] = []

    def _end(self, state: JobState) -> None:
        self.ended.append(state)

    def start(self) -> pykka.ActorRef[LogWriter]:
        ref = LogWriter.start(self.commits, lambda: list(self.lanes), self.clock, self.deaths.put)
        self._refs.append(ref)
        self.log.set(ref)
        return ref

    def idle_writer(self) -> LogWriter:
        """A log writer without a thread, moved by the test; what is told to it goes nowhere."""
        deaf = Owner.start()
        self._refs.append(deaf)
        self.log.set(deaf)
        return LogWriter(self.commits, lambda: list(self.lanes), self.clock, self.deaths.put)

    def job(self, number: int = 1) -> tuple[Lane, Owner]:
        """A running job with a lane."""
        stream = ev.job_stream(job_id(number))
        self.store.append(stream, [dispatched(job_id(number)), started()])
        ref = Owner.start()
        self._refs.append(ref)
        owner = ref._actor_weakref()
        assert owner is not None
        lane = Lane(stream, ref, self.log, self.commits, self.clock)
        self.lanes[stream] = lane
        return lane, owner

    def counts(self, number: int = 1) -> list[int]:
        """The counts of the job's items events, in the order of the log."""
        stream = ev.job_stream(job_id(number))
        return [stored.event.count for stored in self.store.read(stream) if isinstance(stored.event, ev.ItemsCounted)]

    def send(self, *events: ev.Event, number: int, expected: int | None = None) -> pykka.Future[Any]:
        """What `ActorSystem.append` sends, without waiting."""
        bodies = [ev.encode(event) for event in events]
        stream = ev.job_stream(job_id(number))
        return self.log.send(Append(stream, bodies, [self.clock.now()] * len(bodies), expected))

    def stop(self) -> None:
        self.store.fail_with(None)
        self.store.unblock()
        for ref in self._refs:
            ref.stop(block=True, timeout=TIMEOUT)


def item(count: int) -> bytes:
    return ev.encode(items(count, count))
