"""A job's history, altered by somebody who can compute the hash chain anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from perdure.runtime import JobHandle, Runtime
from perdure.runtime.proof import Proof, Verifier
from perdure.store import MemoryEventStore
from perdure.store.event_store import AppendRequest, EventStore
from perdure.store.events import AnyEvent, Event, encode, job_stream

E = TypeVar("E", bound=Event)
Alter = Callable[[list[AnyEvent]], Sequence[Any]]


def history_of(store: EventStore, job_id: UUID) -> list[AnyEvent]:
    """All events of a job."""
    return [stored.event for stored in store.read(job_stream(job_id))]


def rewritten(store: EventStore, job_id: UUID, alter: Alter) -> MemoryEventStore:
    """A log with that job alone, whose events are what ``alter`` makes of them: in itself it is sound."""
    there = list(store.read(job_stream(job_id)))
    events = list(alter([stored.event for stored in there]))
    times = [stored.time for stored in there]
    times += [times[-1]] * (len(events) - len(times))
    copy = MemoryEventStore()
    copy.blobs = store.blobs  # type: ignore[assignment]  # of whatever kind they are, they are read
    request = AppendRequest(job_stream(job_id), [encode(event) for event in events], times[: len(events)])
    (answer,) = copy.append_batch([request])
    if isinstance(answer, Exception):
        raise answer
    return copy


def proof_of_rewritten(runtime: Runtime, job: JobHandle, alter: Alter) -> Proof:
    """What a verification says of the altered history."""
    return Verifier(rewritten(runtime.store, job.job_id, alter), runtime.keychain).verify(job.job_id)


def changing(kind: type[Event], number: int = 0, **fields: Any) -> Alter:
    """Changes fields of event ``number`` of a kind."""

    def alter(events: list[AnyEvent]) -> list[Any]:
        places = [place for place, event in enumerate(events) if type(event) is kind]
        events[places[number]] = msgspec.structs.replace(events[places[number]], **fields)
        return events

    return alter


def without(kind: type[Event], number: int = 0) -> Alter:
    """Drops event ``number`` of a kind."""

    def alter(events: list[AnyEvent]) -> list[AnyEvent]:
        places = [place for place, event in enumerate(events) if type(event) is kind]
        return [event for place, event in enumerate(events) if place != places[number]]

    return alter
