"""The events of a fork: a copy of the original's, with what was changed in it: pure.

A copy has the sequence of its original, so that what one event says of another's place holds in both streams. It has no
writes: the rows are the original's. Its actions are named as the fork names them (`EffectKeys`), so that a fork that
begins anew at a checkpoint finds what was done since, and does nothing of it a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from perdure.actors.effect_keys import EffectKeys
from perdure.store.errors import CorruptLog
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    CheckpointSaved,
    DoubtResolved,
    Event,
    ForkBegun,
    JobDispatched,
    JobKeyed,
    JobMoved,
    JobStarted,
    Payload,
    Recorded,
    Sealed,
)
from perdure.store.job_evolution import apply, evolve
from perdure.store.job_state import JobState, origin_of

Opened = Callable[[Recorded], bytes]
E = TypeVar("E", JobDispatched, ForkBegun, JobMoved)


class NewAnswer(msgspec.Struct, frozen=True):
    """What the guest is told at host call ``call``: ``event`` takes the place of its outcome at ``sequence``."""

    call: int
    sequence: int
    event: Event


class NewModule(msgspec.Struct, frozen=True):
    """The module that the fork runs."""

    version: str
    module: str
    export: str
    resumable: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is not as it was; ``state`` takes the place of the one at sequence ``state_at``, 1 for the dispatch."""

    state: Payload | None = None
    state_at: int = 1
    answer: NewAnswer | None = None
    module: NewModule | None = None


class ForkCopy:
    """Makes the events of one fork.

    Attributes:
        state: the fork after the events that were made so far.

    Args:
        begun: how the fork begins.
        changes: what is changed.
        opened: the bytes of a payload.
        time: of the fork's events, in microseconds since 1970.
    """

    def __init__(self, begun: ForkBegun, changes: Changes, opened: Opened, time: int) -> None:
        first = begun if changes.state is None or changes.state_at > 1 else replace(begun, state=changes.state)
        self.begun = _moved(first, changes.module)
        self.state: JobState = evolve(None, self.begun, 1, time)
        self._changes = changes
        self._time = time
        self._effects = _Effects(begun.job_id, begun.library_id, opened)

    def pairs(self, original: Iterable[StoredEvent]) -> Iterator[tuple[Event, StoredEvent]]:
        """The fork's events with the original's, which are given in order and without a gap.

        Raises:
            CorruptLog: an event is missing.
            StoreError: a payload cannot be read.
        """
        expected = 1
        for stored in original:
            if stored.sequence != expected:
                raise CorruptLog(f"{stored.stream}, sequence {expected}", "the event is not there")
            expected += 1
            if stored.sequence == 1:
                yield self.begun, stored
                continue
            event = self._effects.renamed(self._changed(stored), stored.sequence, self.state)
            self.add(event)
            yield event, stored

    def add(self, event: Event) -> None:
        """One more event of the fork."""
        self.state = apply(self.state, event, self.state.sequence + 1, self._time)

    def _changed(self, stored: StoredEvent) -> Event:
        event: Event = stored.event
        changes = self._changes
        if isinstance(event, JobMoved):
            return _moved(event, changes.module)
        if isinstance(event, CheckpointSaved) and changes.state is not None and stored.sequence == changes.state_at:
            return replace(event, state=changes.state)
        new = changes.answer
        return new.event if new is not None and new.sequence == stored.sequence else event


def _moved(event: E, module: NewModule | None) -> E:
    if module is None:
        return event
    return replace(
        event,
        version=module.version,
        module=module.module,
        export=module.export,
        resumable=module.resumable,
    )


class _Effects:
    """The names that a fork has for its effects; see `EffectKeys`."""

    def __init__(self, job_id: UUID, library_id: UUID, opened: Opened) -> None:
        self._job_id = job_id
        self._library_id = library_id
        self._opened = opened
        self._keys = EffectKeys(job_id, 0)
        self._done: dict[int, ActionAnswered | ActionIntended] = {}  # since the last checkpoint, by outcome
        self._intent: ActionIntended | None = None

    def renamed(self, event: Event, sequence: int, state: JobState) -> Event:
        """``event`` with the fork's name of its effect, and without writes; ``state`` is the fork's before it."""
        if isinstance(event, JobStarted):
            if not state.continues:
                self._keys = EffectKeys(self._job_id, origin_of(state))
        elif isinstance(event, CheckpointSaved):
            self._keys.saved(sequence)
            self._done.clear()
        elif isinstance(event, ActionIntended):
            self._intent = event
            return replace(event, effect_key=self._key(event))
        elif isinstance(event, ActionAnswered):
            key = self._key(event)
            if not event.code:
                self._did(event, sequence)
            return replace(event, effect_key=key, writes=())
        elif isinstance(event, JobKeyed):
            return replace(event, writes=())  # the key is the original's
        elif isinstance(event, DoubtResolved):
            if event.resolution == "succeeded" and self._intent is not None:
                self._did(self._intent, sequence)
        elif isinstance(event, ActionReused) and (done := self._done.get(event.sequence)) is not None:
            self._did(done, event.sequence)
        return event

    def _key(self, event: ActionAnswered | ActionIntended) -> str:
        if not event.effect_key or isinstance(event.payload, Sealed):
            return ""
        return self._keys.next(event.method, self._library(event), self._opened(event.payload))

    def _did(self, event: ActionAnswered | ActionIntended, sequence: int) -> None:
        self._done[sequence] = event
        if not isinstance(event.payload, Sealed):
            self._keys.done(event.method, self._library(event), self._opened(event.payload))

    def _library(self, event: ActionAnswered | ActionIntended) -> UUID:
        return event.library_id if event.library_id is not None else self._library_id
