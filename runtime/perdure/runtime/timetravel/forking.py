"""Forking: a new job that goes on from a point of another one's past. The other one stays as it is.

A small history is copied in one append; a large one in several, so that the log's writer is never held up. Until the
last one the fork has the status ``copying``, in which nothing runs; one that its process did not live to complete is
abandoned when the folder is opened again.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from perdure.actors.clock import Clock
from perdure.actors.messages import Admit
from perdure.actors.replay.job_log import action_done
from perdure.actors.requeueing import requeueing
from perdure.actors.system import ActorSystem
from perdure.runtime.dispatching import Dispatching, Prepared
from perdure.runtime.errors import ForkRefused, InvalidState, LibraryDenied, NoSuchCall
from perdure.runtime.extensions import Extensions
from perdure.runtime.history import state_at
from perdure.runtime.job_request import encoded_state
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.masking import NOTHING_SHOWN
from perdure.runtime.secrets.sealing import open_recorded, seal
from perdure.runtime.timetravel.fork_copy import Changes, ForkCopy, NewAnswer
from perdure.runtime.timetravel.fork_module import find_module
from perdure.store.blobs import store_payload
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore, JobQuery, StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionReused,
    DoubtResolved,
    Event,
    ForkAbandoned,
    ForkBegun,
    GuestEvent,
    InterruptAnswered,
    JobDispatched,
    JobForked,
    JobInDoubt,
    JobPaused,
    JobResumed,
    OperationAnswered,
    Recorded,
    Sealed,
    job_stream,
)
from perdure.store.failpoints import hit
from perdure.store.ids import uuid7
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

logger = logging.getLogger(__name__)

CHUNK: Final = 5_000  # events of one append
CHUNK_BYTES: Final = 4 << 20
_DIED: Final = "its process died while the copy was made"
_INTERRUPTS: Final = (0, 1, 2)


class _Point(msgspec.Struct, frozen=True):
    """Where the fork branches off: behind this event of the original, whose state there is ``state``."""

    stored: StoredEvent
    state: JobState


class Forking:
    """Makes forks."""

    def __init__(
        self,
        store: EventStore,
        extensions: Extensions,
        dispatching: Dispatching,
        system: ActorSystem,
        keychain: Keychain,
        clock: Clock,
    ) -> None:
        self._store = store
        self._extensions = extensions
        self._dispatching = dispatching
        self._system = system
        self._keychain = keychain
        self._clock = clock

    def fork(
        self,
        job_id: UUID,
        at: int | None,
        *,
        state: object = msgspec.UNSET,
        answer: tuple[int, object] | None = None,
        module: str | os.PathLike[str] | None = None,
        paused: bool = False,
    ) -> UUID:
        """See `Runtime.fork`."""
        point = self._point(job_id, at)
        if state is not msgspec.UNSET and answer is not None:
            raise ForkRefused(job_id, "a new state begins a new run, which has no answers yet; change one of the two")
        changes = Changes()
        if answer is not None:
            point, new = self._answered(point, *answer)
            changes = Changes(answer=new)
        if point.state.status is Status.COMPLETED and state is msgspec.UNSET:
            raise ForkRefused(job_id, f"it had completed by event {point.stored.sequence}; name an event before it")
        dispatched = self._dispatched(job_id)
        if state is not msgspec.UNSET:
            changes = self._with_state(point.state, dispatched, state)
        if module is not None:
            found = find_module(self._store, self._extensions, point.state, module)
            changes = replace(changes, module=found)
        return self._make(point, dispatched, changes, paused=paused)

    # --- the point ---------------------------------------------------------------------------------------------------

    def _point(self, job_id: UUID, at: int | None) -> _Point:
        now = self._store.job(job_id)
        if now.copied is not None:
            raise ForkRefused(job_id, "it is a fork itself, which was never completed")
        sequence = now.sequence if at is None else at
        state = state_at(self._store, job_id, sequence)
        return _Point(next(self._store.read(job_stream(job_id), after=sequence - 1, until=sequence)), state)

    def _answered(self, point: _Point, call: int, value: object) -> tuple[_Point, NewAnswer]:
        """The point behind the outcome of a call, and what the guest is told instead."""
        state, run = point.state, point.state.run
        last = 0
        outcome: StoredEvent | None = None
        if run is not None:
            for stored in self._store.read(job_stream(state.job_id), after=run.after, until=state.sequence):
                event = stored.event
                if isinstance(event, GuestEvent):
                    last = event.call
                if _is_outcome(event) and getattr(event, "call", 0) == call:
                    outcome = stored
        if outcome is None:
            raise NoSuchCall(str(state.job_id), call, state.sequence, last)
        new = self._new_answer(state, outcome, value)
        return self._point(state.job_id, outcome.sequence), new

    def _new_answer(self, state: JobState, outcome: StoredEvent, value: object) -> NewAnswer:
        event: Event = outcome.event
        call = getattr(event, "call", 0)
        if isinstance(event, InterruptAnswered):
            told = _decoded(value)
            if isinstance(told, bool) or told not in _INTERRUPTS:
                raise InvalidState(f"call {call} asked whether to stop: 0 is no, 1 is a pause, 2 is a cancel")
            return NewAnswer(call, outcome.sequence, replace(event, answer=told))
        if isinstance(event, ActionReused):
            event = self._done_before(state.job_id, event)
        if not isinstance(event, OperationAnswered | ActionAnswered | DoubtResolved):
            raise StoreError(f"job {state.job_id} has no outcome of an action at {outcome.sequence}")
        data = encoded_state(value, self._dispatched(state.job_id).limits)
        answer: Recorded = store_payload(self._store.blobs, data)
        if isinstance(event.answer, Sealed):
            key = self._keychain.extension_key(state.extension)
            answer = seal(self._keychain, self._store.blobs, key, NOTHING_SHOWN, data)
        code = _code_of(data)
        if isinstance(event, DoubtResolved):
            resolution = "failed" if code else "succeeded"
            return NewAnswer(call, outcome.sequence, replace(event, resolution=resolution, answer=answer, code=code))
        return NewAnswer(call, outcome.sequence, replace(event, answer=answer, code=code))

    def _done_before(self, job_id: UUID, reused: ActionReused) -> Event:
        """The outcome that was given a second time, as if the action had been done at this call."""
        done = action_done(self._store, job_id, reused.sequence)
        if done.asked is None or done.answer is None:
            return reused
        asked = done.asked
        return ActionAnswered(
            reused.call, reused.fuel, asked.method, asked.library_id, "", asked.payload, done.answer, done.code
        )

    # --- what is changed ---------------------------------------------------------------------------------------------

    def _with_state(self, then: JobState, dispatched: JobDispatched, state: object) -> Changes:
        payload = store_payload(self._store.blobs, encoded_state(state, dispatched.limits))
        checkpoint = then.checkpoint if then.resumable else None
        return Changes(state=payload, state_at=checkpoint.sequence if checkpoint is not None else 1)

    def _dispatched(self, job_id: UUID) -> JobDispatched:
        for stored in self._store.read(job_stream(job_id), until=1):
            if isinstance(stored.event, JobDispatched):
                return stored.event
        raise StoreError(f"job {job_id} has no dispatch in the log")

    # --- making it ---------------------------------------------------------------------------------------------------

    def _make(self, point: _Point, dispatched: JobDispatched, changes: Changes, *, paused: bool) -> UUID:
        then = point.state
        self._extensions.ensure_loaded(then.extension)
        granted = self._extensions.effective(then.extension)
        if not granted.permissions.allows_library(then.library_id):
            raise LibraryDenied(then.extension, then.library_id)
        now = self._clock.now()
        fields = {name: getattr(dispatched, name) for name in JobDispatched.__struct_fields__}
        begun = ForkBegun(**{**fields, "job_id": uuid7(now)}, parent=then.job_id)
        copy = ForkCopy(begun, changes, self._opened, now)
        prepared = Prepared(copy.begun, then.job_type.partition(":")[2], granted.budgets)
        made = self._events(point, copy, changes, paused=paused)
        stream = job_stream(begun.job_id)
        try:
            with self._dispatching.room(prepared):
                # What is first on disk counts as a job of the extension.
                done = self._append(stream, next(made), 0)
            for chunk in made:
                hit("fork.between_chunks")
                done = self._append(stream, chunk, done)
        except BaseException as error:
            self._abandon(begun.job_id, f"the copy could not be made: {error}")
            raise
        if copy.state.status is Status.QUEUED:
            self._system.extension_address(then.extension).tell(Admit(begun.job_id))
        return begun.job_id

    def _events(self, point: _Point, copy: ForkCopy, changes: Changes, *, paused: bool) -> Iterator[list[Event]]:
        """The appends that make the fork."""
        stream = job_stream(point.state.job_id)
        chunk: list[Event] = []
        size = 0
        for event, stored in copy.pairs(self._store.read(stream, until=point.stored.sequence)):
            chunk.append(event)
            size += len(stored.body)
            if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        for event in self._end(point, copy, changes, paused=paused):
            copy.add(event)
            chunk.append(event)
        yield chunk

    def _end(self, point: _Point, copy: ForkCopy, changes: Changes, *, paused: bool) -> Iterator[Event]:
        yield JobForked(
            point.state.job_id,
            point.stored.sequence,
            point.stored.hash,
            self._made_by(point),
            changes.state is not None,
            changes.answer.call if changes.answer is not None else 0,
            changes.module is not None,
        )
        checkpoint = copy.state.checkpoint if copy.state.resumable else None
        resumed = JobResumed(checkpoint.sequence if checkpoint is not None else 0, "fork")
        if changes.state is not None or (changes.module is not None and self._is_at_checkpoint(point)):
            queued: Event = resumed
        else:
            queued = requeueing(copy.state, "fork", self._system.replay_limit)
        yield queued
        if paused and not isinstance(queued, JobInDoubt):
            yield JobPaused(forced=True, fuel=0)

    def _made_by(self, point: _Point) -> UUID:
        """The job that made the event at the point, which the original may have only a copy of."""
        parent = self._store.job(point.state.job_id)
        if parent.forked_from is not None:
            for stored in self._store.read(job_stream(parent.job_id), after=point.stored.sequence):
                if isinstance(stored.event, JobForked):
                    return stored.event.made_by
        return parent.job_id

    def _is_at_checkpoint(self, point: _Point) -> bool:
        """Whether the guest did nothing after the checkpoint: then no other guest has to repeat what led to it."""
        checkpoint = point.state.checkpoint if point.state.resumable else None
        if checkpoint is None:
            return False
        after = self._store.read(job_stream(point.state.job_id), after=checkpoint.sequence, until=point.stored.sequence)
        return not any(isinstance(stored.event, GuestEvent) for stored in after)

    def _append(self, stream: str, chunk: list[Event], done: int) -> int:
        return self._system.append(stream, chunk, done).last

    def _opened(self, recorded: Recorded) -> bytes:
        return open_recorded(self._keychain, self._store.blobs, recorded)

    # --- what is never completed -------------------------------------------------------------------------------------

    def abandon_half_made(self) -> None:
        """Give up the forks that an earlier process did not live to complete. Durable."""
        while True:
            page = self._store.jobs(JobQuery(statuses=frozenset({Status.COPYING}), limit=1000))
            for state in page.jobs:
                self._system.append(job_stream(state.job_id), [ForkAbandoned(_DIED)])
            if page.next is None:
                return

    def _abandon(self, job_id: UUID, reason: str) -> None:
        with contextlib.suppress(Exception):  # else the next open does
            self._system.append(job_stream(job_id), [ForkAbandoned(reason)])


def _is_outcome(event: Event) -> bool:
    return isinstance(event, InterruptAnswered | OperationAnswered | ActionAnswered | DoubtResolved | ActionReused)


def _decoded(value: object) -> Any:
    if not isinstance(value, bytes | bytearray):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidState(str(error)) from None


def _code_of(data: bytes) -> str:
    """The code of an answer that says that the call failed, as the ABI has it; empty for any other."""
    answer = _decoded(data)
    if isinstance(answer, dict) and isinstance(answer.get("error"), str) and isinstance(answer.get("code"), str):
        return str(answer["code"])
    return ""
