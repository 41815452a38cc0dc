"""Ids of traces and spans, made of what the log says, so that whoever has one finds the other.

A job's trace id is the job's id: a UUID has the 16 bytes that W3C Trace Context asks for, and version 7 has 62 random
bits at its end, where that standard (level 2, "random-trace-id") wants 56. A span's id is a digest of its job, its
attempt's number (`JobStarted`) and its host call's (`OperationAnswered`, `ActionAnswered`); a commit's, of the position
of its last event.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import Final
from uuid import UUID

from opentelemetry.sdk.trace.id_generator import IdGenerator

_SPAN: Final = 8  # bytes, as W3C Trace Context has them
_TRACE: Final = 16


def trace_of_job(job_id: UUID) -> int:
    """The trace of a job, all its attempts and what they did."""
    return job_id.int


def job_span(job_id: UUID) -> int:
    """The span of a whole job, from its dispatch to its end."""
    return _digest(f"job {job_id}", _SPAN)


def attempt_span(job_id: UUID, attempt: int) -> int:
    """The span of one attempt."""
    return _digest(f"attempt {job_id} {attempt}", _SPAN)


def operation_span(job_id: UUID, attempt: int, call: int, again: int = 0) -> int:
    """The span of the operation that was host call number ``call``; ``again`` counts the times it had begun before."""
    return _digest(f"operation {job_id} {attempt} {call} {again}", _SPAN)


def commit_span(position: int) -> int:
    """The span of the commit whose last event is at ``position``."""
    return _digest(f"commit {position}", _SPAN)


def trace_of_commit(position: int) -> int:
    """The trace of a commit that is not one job's alone. Other logs have the same positions: look at the time, too."""
    return _digest(f"commit {position}", _TRACE)


def _digest(text: str, size: int) -> int:
    found = hashlib.blake2b(text.encode(), digest_size=size, person=b"perdure-trace").digest()
    return int.from_bytes(found, "big") or 1  # zero is no id


class ChosenIds(IdGenerator):
    """Gives the next span the ids that were chosen for it on this thread; random ones where none were."""

    def __init__(self) -> None:
        self._chosen = threading.local()

    def choose(self, trace: int, span: int) -> None:
        """For the one span that this thread begins next."""
        self._chosen.trace, self._chosen.span = trace, span

    def generate_trace_id(self) -> int:
        """See `IdGenerator`."""
        trace: int | None = self._chosen.__dict__.pop("trace", None)
        return trace if trace is not None else secrets.randbits(128) or 1

    def generate_span_id(self) -> int:
        """See `IdGenerator`."""
        self._chosen.__dict__.pop("trace", None)  # it had a parent, and was not asked for
        span: int | None = self._chosen.__dict__.pop("span", None)
        return span if span is not None else secrets.randbits(64) or 1

    def is_trace_id_random(self) -> bool:
        """The lowest 56 bits are: see above."""
        return True
