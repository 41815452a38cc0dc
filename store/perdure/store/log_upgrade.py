"""Bringing the log of an older perdure to the present format: its events stay as they are, what is kept beside changes.

Format 3 keeps more of each job (`JobState`), so every job is folded anew from its events, some thousand of them a
transaction. How far that came is in the file: where a process died, the next one goes on. Then the runs are ended that
an older perdure left broken off: it did not record checkpoints that it refused, nor what it was about to do, so no
guest can be led through them. Those jobs go on from their last checkpoints, as they did in that version.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Final, Protocol

from perdure.store.errors import CorruptLog
from perdure.store.event_store import Appended, JobPage, JobQuery
from perdure.store.events import Event, JobRunEnded, job_stream
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED
from perdure.store.projection import State

logger = logging.getLogger(__name__)

_EVENTS: Final = 100_000  # what a transaction folds, more or less
_JOBS = 1_000  # in a transaction, and in a page; tests take fewer
_TELL: Final = 5.0  # seconds between two words about how far it is


class _Store(Protocol):
    """What an upgrade needs of a store."""

    def upgraded_through(self) -> str | None: ...

    def streams(self, prefix: str = "") -> Iterator[str]: ...

    def state(self, stream: str) -> State | None: ...

    def rebuild(self, stream: str) -> State | None: ...

    def refold(self, states: dict[str, State | None], through: str) -> None: ...

    def jobs(self, query: JobQuery) -> JobPage: ...

    def append(self, stream: str, events: list[Event]) -> Appended: ...

    def end_upgrade(self) -> None: ...


def upgrade(store: _Store) -> None:
    """Do what is left to do; nothing, if the log has the present format. Durable.

    Raises:
        StoreError: it could not be written; what is done is kept, and the next upgrade goes on from there.
    """
    through = store.upgraded_through()
    if through is None:
        return
    logger.info("the log is brought to the present format")
    jobs = _fold_anew(store, through)
    ended = _end_runs(store)
    store.end_upgrade()
    logger.info("the log has the present format: %d jobs were folded anew, %d begin new runs", jobs, ended)


def _fold_anew(store: _Store, through: str) -> int:
    folded: dict[str, State | None] = {}
    jobs = events = 0
    told = time.monotonic()
    for stream in store.streams("job:"):
        if stream <= through:
            continue  # an upgrade whose process died has done it
        state = _folded(store, stream)
        if isinstance(state, JobState):
            folded[stream] = state
            events += state.sequence
        jobs += 1
        if events >= _EVENTS or len(folded) >= _JOBS:
            store.refold(folded, stream)
            folded, events = {}, 0
            if time.monotonic() - told >= _TELL:
                told = time.monotonic()
                logger.warning("the log is brought to the present format: %d jobs so far", jobs)
    if folded:
        store.refold(folded, max(folded))
    return jobs


def _folded(store: _Store, stream: str) -> State | None:
    try:
        return store.rebuild(stream)
    except CorruptLog as error:
        # One damaged stream must not keep the others from being used; its old projection can still be read.
        logger.error("%s keeps its projection, for it cannot be folded: %s", stream, error)
        return None


def _end_runs(store: _Store) -> int:
    ended = 0
    query = JobQuery(statuses=UNFINISHED, limit=_JOBS)
    while True:
        page = store.jobs(query)
        for state in page.jobs:
            if state.is_broken_off:
                ended += _end_run(store, state)
        if page.next is None:
            return ended
        query = JobQuery(statuses=UNFINISHED, limit=_JOBS, before=page.next)


def _end_run(store: _Store, state: JobState) -> bool:
    try:
        store.append(job_stream(state.job_id), [JobRunEnded("format")])
    except CorruptLog as error:
        logger.error("the run of job %s could not be ended: %s", state.job_id, error)
        return False
    return True
