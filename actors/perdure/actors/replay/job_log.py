"""A run's recorded calls, read from a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from perdure.actors.replay.recorded_calls import RecordedCall, recorded_calls
from perdure.store.errors import CorruptLog
from perdure.store.event_store import StoredEvent
from perdure.store.events import ActionAnswered, ActionIntended, DoubtResolved, job_stream
from perdure.store.job_state import Run


class EventReader(Protocol):
    """What has events: an `perdure.store.EventStore`, or something else that holds one job's."""

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `perdure.store.EventStore.read`."""


def run_calls(store: EventReader, job_id: UUID, run: Run, until: int) -> Iterator[RecordedCall]:
    """The calls of a run up to sequence ``until``.

    Raises:
        StoreError: the log cannot be read, or an action's outcome is not where it is said to be.
    """
    events = store.read(job_stream(job_id), after=run.after, until=until)
    return recorded_calls(events, lambda sequence: action_done(store, job_id, sequence), run.calls)


def action_done(store: EventReader, job_id: UUID, sequence: int) -> RecordedCall:
    """The action whose outcome stands at ``sequence`` of the job's stream: an `ActionAnswered` or a `DoubtResolved`.

    Raises:
        CorruptLog: there is none.
    """
    stream = job_stream(job_id)
    for stored in store.read(stream, after=sequence - 1, until=sequence):
        event = stored.event
        if isinstance(event, ActionAnswered):
            return RecordedCall(
                call=event.call,
                fuel=event.fuel,
                sequence=sequence,
                event=event,
                asked=event,
                answer=event.answer,
                code=event.code,
            )
        if isinstance(event, DoubtResolved):
            for before in store.read(stream, until=sequence, backward=True):
                intent = before.event
                if isinstance(intent, ActionIntended) and intent.call == event.call:
                    return RecordedCall(
                        call=event.call,
                        fuel=intent.fuel,
                        sequence=sequence,
                        event=intent,
                        asked=intent,
                        answer=event.answer,
                        code=event.code,
                    )
    raise CorruptLog(stream, f"it has no outcome of an action at sequence {sequence}")
