"""Server-sent events as bytes (WHATWG HTML, section 9.2). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from perdure.api.events import event_of
from perdure.api.jobs import Job, job_of
from perdure.api.watching import END, JOBS, RESET
from perdure.store.event_store import StoredEvent
from perdure.store.events import tag_of
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

HEARTBEAT_BYTES: Final = b": here\n\n"
_encode = msgspec.json.Encoder().encode


def event_message(cursor: int, stored: StoredEvent, *, bodies: bool) -> bytes:
    """An event of the log."""
    return _message(cursor, tag_of(stored.event), _encode(event_of(stored, bodies=bodies)))


def end_message(state: JobState) -> bytes:
    """A job has ended: it is the last one."""
    return _message(state.sequence, END, job_bytes(state))


def job_bytes(state: JobState) -> bytes:
    """A job as it is in messages."""
    job: Job = job_of(state)
    return _encode(job)


def jobs_message(cursor: int, jobs: Iterable[bytes], left: Iterable[UUID], counts: dict[Status, int] | None) -> bytes:
    """A `perdure.api.watching.LiveJobs`, of jobs that are encoded already."""
    data = b'{"jobs":[' + b",".join(jobs) + b'],"left":' + _encode(list(left)) + b',"counts":' + _encode(counts) + b"}"
    return _message(cursor, JOBS, data)


def reset_message(cursor: int) -> bytes:
    """Something was missed."""
    return _message(cursor, RESET, b"{}")


def _message(cursor: int, name: str, data: bytes) -> bytes:
    # JSON has no line feeds outside of strings, and in them they are escaped.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, name.encode(), data)
