"""What a job has done since its last checkpoint, for a guest that is started from there again: pure.

Each of those actions has an effect key, and the new run calls for the same effects under the same keys
(`perdure.actors.effect_keys`). So an action that succeeded is answered with its outcome, and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from perdure.actors.effect_keys import EffectKeys
from perdure.actors.errors import UnreadableNow
from perdure.actors.replay.recorded_calls import AskedEvent, Outcome
from perdure.store.errors import BlobMissing, CorruptBlob, StoreError
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    CheckpointSaved,
    DoubtResolved,
    JobResumed,
    Recorded,
)

_LOST: Final = (BlobMissing, CorruptBlob)


class DoneActions:
    """The actions of earlier runs, by their effect keys.

    Attributes:
        outcomes: the sequence of the outcome of each action that succeeded; of several with one key, the last.
        in_doubt: the key of an action whose outcome nobody knows; it may be done again under that key.
        unreadable: method and library of actions that succeeded, and whose payloads are lost or erased: whether a new
            call of this method is the same one, nobody can tell.

    Args:
        events: those of the job's stream behind the checkpoint, in order.
        job_id, library_id: the job, and the library that a call without one means.
        checkpoint: its sequence; 0 is the job's start.
        opened: the bytes of a payload.
        outcome: the action whose outcome stands at a sequence of the stream.

    Raises:
        StoreError, UnreadableNow: the log cannot be read, or not now.
    """

    def __init__(
        self,
        events: Iterable[StoredEvent],
        job_id: UUID,
        library_id: UUID,
        checkpoint: int,
        opened: Callable[[Recorded], bytes],
        outcome: Outcome,
    ) -> None:
        self.outcomes: dict[str, int] = {}
        self.in_doubt: str | None = None
        self.unreadable: set[tuple[str, UUID]] = set()
        self._library_id = library_id
        self._opened = opened
        # Not the recorded keys: there is none beside a sealed payload, and those in a fork are of the parent's.
        self._keys = EffectKeys(job_id, checkpoint)
        intent: ActionIntended | None = None
        for stored in events:
            event = stored.event
            if isinstance(event, ActionIntended):
                intent = event
            elif isinstance(event, ActionAnswered):
                intent = None
                if not event.code:
                    self._done(event, stored.sequence)
            elif isinstance(event, ActionReused):
                asked = outcome(event.sequence).asked
                if asked is not None:
                    self._done(asked, event.sequence)
            elif isinstance(event, DoubtResolved):
                if intent is not None and event.resolution == "succeeded":
                    self._done(intent, stored.sequence)
                intent = None
            elif isinstance(event, CheckpointSaved):
                self._keys.saved(stored.sequence)
            elif isinstance(event, JobResumed):
                self._keys = EffectKeys(job_id, event.checkpoint)
        if intent is not None and (what := self._what(intent)) is not None:
            self.in_doubt = self._keys.next(*what)

    def _done(self, asked: AskedEvent, sequence: int) -> None:
        what = self._what(asked)
        if what is None:
            self.unreadable.add((asked.method, self._library_of(asked)))
        else:
            self.outcomes[self._keys.next(*what)] = sequence
            self._keys.done(*what)

    def _what(self, asked: AskedEvent) -> tuple[str, UUID, bytes] | None:
        try:
            return asked.method, self._library_of(asked), self._opened(asked.payload)
        except Exception as error:
            if isinstance(error, StoreError | UnreadableNow) and not isinstance(error, _LOST):
                raise  # it passes
            return None

    def _library_of(self, asked: AskedEvent) -> UUID:
        return asked.library_id if asked.library_id is not None else self._library_id
