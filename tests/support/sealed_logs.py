"""Logs with seals, in memory and without a runtime, and logs that somebody rewrote so that every hash fits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from tests.support.job_events import START, Ticks, dispatched, items, job_id, put_module, runtime_opened, started
from tests.support.manual_clock import ManualClock

from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.secrets.keychain import Keychain
from perdure.store import AppendRequest, MemoryEventStore, StoreError
from perdure.store import events as ev

STREAMS = [ev.job_stream(job_id(number)) for number in (1, 2, 3)]


class SealedLog:
    """A log in memory, its keys, and who seals it."""

    def __init__(self, jobs: int = 3) -> None:
        self.store = MemoryEventStore(Ticks())
        self.clock = ManualClock(START)
        self.keychain = Keychain.in_memory()
        self.sealer = Sealer(self.store, self.keychain, self.store.append, self.clock)
        put_module(self.store)
        self.store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        for number in range(1, jobs + 1):
            self.store.append(ev.job_stream(job_id(number)), [dispatched(job_id(number)), started()])
        self.calls = 0

    def work(self, stream: str = STREAMS[0], count: int = 1) -> None:
        """Something happens in a job."""
        for _ in range(count):
            self.calls += 1
            self.store.append(stream, [items(self.calls)])

    @property
    def facts(self) -> list[Fact]:
        return [Fact(stored.stream, stored.body, stored.time) for stored in self.store.read_all()]


class Fact(msgspec.Struct, frozen=True):
    """An event as somebody who forges a log writes it."""

    stream: str
    body: bytes
    time: int


def forged(log: SealedLog, facts: Sequence[Fact]) -> MemoryEventStore | None:
    """A log of these events whose chains, heads and projections all fit; None if no store takes such events."""
    store = MemoryEventStore()
    store.blobs = log.store.blobs
    for fact in facts:
        answer = store.append_batch([AppendRequest(fact.stream, [fact.body], [fact.time])])[0]
        if isinstance(answer, StoreError):
            return None
    return store
