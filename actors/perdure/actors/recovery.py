"""Taking up what an earlier process, or an unload, left unfinished."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from perdure.actors.messages import Admit, AdmitAll, WakeJob
from perdure.actors.requeueing import unmet_wish
from perdure.actors.system import ActorSystem
from perdure.store.errors import StoreError
from perdure.store.event_store import JobQuery
from perdure.store.events import Event, JobInDoubt, job_stream
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status

logger = logging.getLogger(__name__)

_PAGE: Final = 1000


def recover(system: ActorSystem) -> list[JobState]:
    """Queue every job that an earlier process left unfinished; returns them. Their extensions are to be loaded.

    Paused jobs stay paused; a requested pause or cancel that the earlier process did not live to carry out is carried
    out now. Durable.
    """
    found = _unfinished(system)
    # All in one go: the log writer makes one commit of what waits in its mailbox.
    sent = [
        (state, events, system.append_soon(job_stream(state.job_id), events))
        for state in found
        if (events := recovery_events(system, state))
    ]
    for state, events, future in sent:
        try:
            after = system.appended(future).state
        except StoreError as error:
            logger.error("job %s could not be recovered: %s", state.job_id, error)
        else:
            system.count_doubt(state, events)
            if isinstance(after, JobState) and after.finished:
                system.count_end(after, after.status)
    return found


def _unfinished(system: ActorSystem) -> list[JobState]:
    """What is to be taken up, oldest first."""
    found: list[JobState] = []
    before: UUID | None = None
    while True:
        page = system.store.jobs(JobQuery(statuses=UNFINISHED, before=before, limit=_PAGE))
        found.extend(state for state in page.jobs if state.status is not Status.PAUSED or unmet_wish(state))
        before = page.next
        if before is None:
            return found[::-1]


def admit_recovered(system: ActorSystem, states: Sequence[JobState]) -> int:
    """Let recovered jobs run, whose extensions are loaded by now; returns how many go on."""
    count = 0
    queued: dict[str, list[UUID]] = {}
    for before in states:
        state = system.store.job(before.job_id)
        if state.status is Status.QUEUED:
            queued.setdefault(state.extension, []).append(state.job_id)
        elif state.status is Status.BACKOFF and state.retry_at is not None:
            delay = max(0, state.retry_at - system.clock.now()) // 1000
            system.supervisor.tell(WakeJob(state.job_id, delay, state.attempts))
        elif is_due_later(state, system.clock.now()):
            _wake_when_due(system, state)
        else:
            continue
        count += 1
    for extension, job_ids in queued.items():
        system.extension_address(extension).tell(AdmitAll(job_ids))
    system.hooks.recovered(count)
    return count


def requeue(system: ActorSystem, states: Sequence[JobState]) -> None:
    """Queue jobs of an extension that is loaded again. Durable."""
    for state in states:
        if is_due_later(state, system.clock.now()):
            _wake_when_due(system, state)
            continue
        events = recovery_events(system, state)
        if events:
            system.append(job_stream(state.job_id), events)
            system.count_doubt(state, events)
        if events and isinstance(events[-1], JobInDoubt):
            continue
        system.extension_address(state.extension).tell(Admit(state.job_id))


def is_due_later(state: JobState, now: int) -> bool:
    """Whether the job was suspended at the edge of a budget which has no room at ``now``, microseconds since 1970."""
    return (
        state.status is Status.SUSPENDED
        and state.retry_at is not None
        and state.retry_at > now
        and unmet_wish(state) is None
    )


def _wake_when_due(system: ActorSystem, state: JobState) -> None:
    delay = max(1, ((state.retry_at or 0) - system.clock.now()) // 1000)
    system.supervisor.tell(WakeJob(state.job_id, delay, state.attempts))


def recovery_events(system: ActorSystem, state: JobState) -> tuple[Event, ...]:
    """What to record for a job that an earlier process left unfinished, if anything."""
    wish = unmet_wish(state)
    if is_due_later(state, system.clock.now()):
        return ()
    if wish is None and state.status in (Status.RUNNING, Status.SUSPENDED):
        return system.going_on(state, "recovery")
    return (wish,) if wish is not None else ()
