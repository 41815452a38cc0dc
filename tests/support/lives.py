"""The shortest life of a job after which an event may come: one of each of `EXAMPLES` fits behind it."""

from __future__ import annotations

from uuid import UUID

import msgspec
from tests.support.job_events import checkpoint, dispatched, run_of, started

from perdure.store import events as ev


def life_before(example: ev.JobEvent, job: UUID) -> list[ev.Event]:
    """The events of ``job`` before ``example``, whose own numbers they meet."""
    queued: list[ev.Event] = [dispatched(job)]
    running = [*queued, started()]
    if isinstance(example, ev.JobForked | ev.ForkAbandoned):
        parent = example.parent if isinstance(example, ev.JobForked) else job
        return [ev.ForkBegun(**msgspec.structs.asdict(dispatched(job)), parent=parent)]
    if isinstance(example, ev.JobStarted | ev.JobLinked | ev.JobKeyed | ev.JobMoved):
        return queued
    if isinstance(example, ev.JobResumed):
        # The checkpoint that it names is the last.
        return [*running, *run_of(example.checkpoint - 3), checkpoint(example.checkpoint - 2)]
    if isinstance(example, ev.JobRecovered):
        # The run begins from the checkpoint that it names, and was broken off at the end.
        saved = [*running, *run_of(example.origin - 3), checkpoint(example.origin - 2)]
        again = [*saved, ev.JobPaused(forced=False, fuel=0), ev.JobResumed(example.origin, "resume"), started(2)]
        return [*again, *run_of(example.through - len(again))]
    if isinstance(example, ev.JobInDoubt):
        return [*running, *run_of(example.sequence - 3), _intent(example.call)]
    if isinstance(example, ev.DoubtResolved):
        return [*running, _intent(example.call), ev.JobInDoubt(example.call, 3)]
    return running


def _intent(call: int) -> ev.Event:
    return ev.ActionIntended(call, call * 10, "action:mail.send", None, "non_idempotent", "ab" * 16, ev.Inline(b"{}"))
