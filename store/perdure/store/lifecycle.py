"""A job's life as a table: which event may follow in which status, and what the status is afterwards.

Nothing else may live here: no I/O, no clock, no counters. Events that are not in `TRANSITIONS` (what a guest did) need
a running job and leave its status alone.

    queued ──started──▶ running ──completed──▶ completed
      ▲                   │  │ ├──failed────▶ failed ──resumed (retry)──▶ queued
      │                   │  │ └──cancelled─▶ cancelled
      └──resumed, recovered──┘ └─paused─▶ paused, suspended, backoff ──resumed, recovered──▶ queued
                                  in-doubt─▶ attention ──resolved, recovered──▶ queued
"""

from __future__ import annotations

import enum
from typing import Final

from perdure.store.errors import IllegalTransition
from perdure.store.events import (
    DoubtResolved,
    Event,
    ForkAbandoned,
    ForkBegun,
    GuestEvent,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobFolded,
    JobForked,
    JobInDoubt,
    JobKeyed,
    JobLinked,
    JobMoved,
    JobPaused,
    JobPauseRequested,
    JobRecovered,
    JobResumed,
    JobRunEnded,
    JobStarted,
    JobSuspended,
    RetryScheduled,
    tag_of,
)


class Status(enum.StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # waits for a slot
    RUNNING = "running"  # an attempt began and has not ended (or its process died)
    PAUSED = "paused"  # a person stopped it; waits for a person
    SUSPENDED = "suspended"  # the host stopped it; the next host resumes it
    BACKOFF = "backoff"  # failed, and will be tried again
    COPYING = "copying"  # a fork that is being made
    ATTENTION = "attention"  # an action of it is in doubt; waits for a person to say what happened
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
UNFINISHED: Final = frozenset(Status) - TERMINAL

S = Status
TRANSITIONS: Final[dict[type[Event], dict[Status | None, Status]]] = {
    JobDispatched: {None: S.QUEUED},
    ForkBegun: {None: S.COPYING},
    JobStarted: {S.QUEUED: S.RUNNING},
    JobResumed: {
        S.RUNNING: S.QUEUED,  # its process or its actor died
        S.PAUSED: S.QUEUED,
        S.SUSPENDED: S.QUEUED,
        S.BACKOFF: S.QUEUED,
        S.FAILED: S.QUEUED,  # a person retries it
        S.CANCELLED: S.QUEUED,
        S.ATTENTION: S.QUEUED,
    },
    JobRecovered: {
        S.RUNNING: S.QUEUED,
        S.PAUSED: S.QUEUED,
        S.SUSPENDED: S.QUEUED,
        S.ATTENTION: S.QUEUED,
    },
    JobInDoubt: {
        S.RUNNING: S.ATTENTION,
        S.PAUSED: S.ATTENTION,
        S.SUSPENDED: S.ATTENTION,
        S.BACKOFF: S.ATTENTION,
        S.FAILED: S.ATTENTION,
        S.CANCELLED: S.ATTENTION,
    },
    DoubtResolved: {
        S.ATTENTION: S.ATTENTION,  # in the append that queues it again
        S.RUNNING: S.RUNNING,  # the host's own word: it was stopped before the action was begun
    },
    JobForked: {S.COPYING: S.SUSPENDED},  # in the append that queues it
    ForkAbandoned: {S.COPYING: S.CANCELLED},
    JobMoved: {  # in an append with JobResumed
        S.QUEUED: S.SUSPENDED,
        S.RUNNING: S.SUSPENDED,  # its process or its actor died
        S.PAUSED: S.PAUSED,
        S.SUSPENDED: S.SUSPENDED,
        S.BACKOFF: S.BACKOFF,
        S.FAILED: S.FAILED,
        S.CANCELLED: S.CANCELLED,
    },
    JobRunEnded: {S.RUNNING: S.RUNNING, S.PAUSED: S.PAUSED, S.SUSPENDED: S.SUSPENDED},
    JobLinked: {S.QUEUED: S.QUEUED},  # in the append that dispatches it
    JobKeyed: {S.QUEUED: S.QUEUED},  # as above
    JobPauseRequested: {S.RUNNING: S.RUNNING},
    JobCancelRequested: {S.RUNNING: S.RUNNING},
    JobPaused: {S.RUNNING: S.PAUSED, S.QUEUED: S.PAUSED, S.SUSPENDED: S.PAUSED, S.BACKOFF: S.PAUSED},
    JobSuspended: {S.RUNNING: S.SUSPENDED},
    RetryScheduled: {S.RUNNING: S.BACKOFF},
    JobCompleted: {S.RUNNING: S.COMPLETED},
    JobFailed: {
        S.RUNNING: S.FAILED,
        S.QUEUED: S.FAILED,
        S.SUSPENDED: S.FAILED,
        S.BACKOFF: S.FAILED,
        S.ATTENTION: S.FAILED,
    },
    JobCancelled: {
        S.RUNNING: S.CANCELLED,
        S.QUEUED: S.CANCELLED,
        S.PAUSED: S.CANCELLED,
        S.SUSPENDED: S.CANCELLED,
        S.BACKOFF: S.CANCELLED,
        S.ATTENTION: S.CANCELLED,
    },
    JobFolded: {S.COMPLETED: S.COMPLETED, S.FAILED: S.FAILED, S.CANCELLED: S.CANCELLED},  # and nothing follows
}
del S


def next_status(job_id: str, status: Status | None, event: Event) -> Status:
    """The status after ``event``; ``status`` is None for a job that does not exist yet.

    Raises:
        IllegalTransition: the table has no such step; nothing was changed.
    """
    steps = TRANSITIONS.get(type(event))
    if steps is None:
        if status is Status.RUNNING and isinstance(event, GuestEvent):
            return status
    elif (after := steps.get(status)) is not None:
        return after
    raise IllegalTransition(job_id, str(status) if status is not None else "unknown", tag_of(event))
