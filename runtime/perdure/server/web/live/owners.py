"""Whose jobs are: asked for each event where somebody may not see all."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from perdure.store.event_store import EventStore
from perdure.store.job_state import JobState

_KNOWN: Final = 16_384


class Owners:
    """The extension and the library of each job's stream; they never change."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._known: dict[str, tuple[str, UUID]] = {}

    def of(self, stream: str) -> tuple[str, UUID] | None:
        """Those of a stream; None if it is no job's."""
        if (known := self._known.get(stream)) is not None:
            return known
        state = self._store.state(stream)
        if not isinstance(state, JobState):
            return None
        if len(self._known) >= _KNOWN:
            self._known.clear()
        owner = self._known[stream] = (state.extension, state.library_id)
        return owner  # another thread may have cleared what is known
