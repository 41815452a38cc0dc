"""The actors' hooks, as OpenTelemetry spans: one each of a job, an attempt, an operation and a commit.

A job's span is sent when it has ended, an attempt's when it has; spans that belong to them may have come before. A
process that dies takes the spans with it that were open. The log is what happened; the trace is a view of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from perdure.actors.hooks import TRACEPARENT, ActorHooks, AttemptRecord
from perdure.actors.messages import OperationCall
from perdure.store.event_store import Appended
from perdure.store.events import JobFailed, RetryScheduled
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status as JobStatus
from perdure.tracing.ids import (
    ChosenIds,
    attempt_span,
    commit_span,
    job_span,
    operation_span,
    trace_of_commit,
    trace_of_job,
)

logger = logging.getLogger(__name__)

Value = str | bool | int | float

_SCOPE: Final = "perdure"
_ASKED: Final = 10_000  # jobs of which it is remembered who asked for them
_LINKS: Final = 128  # of one commit, as OpenTelemetry limits them by itself
_NONE: Final = Context()  # and not the one of whatever the thread does otherwise
_JOB: Final = "job:"


class TraceHooks(ActorHooks):
    """Makes spans with ``provider``: `perdure.tracing.exporting_provider`, or one of your own with `ChosenIds`.

    With another provider of ids the spans have random ones, and only their attributes lead to the log. A job whose
    dispatch happened inside a span (the thread's current one, or that of a request with a W3C ``traceparent``) is
    linked to it. Whoever made the provider shuts it down.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(_SCOPE)
        self._ids = provider.id_generator if isinstance(provider.id_generator, ChosenIds) else None
        self._asked: OrderedDict[UUID, Link] = OrderedDict()
        self._asking = threading.Lock()

    # --- jobs --------------------------------------------------------------------------------------------------------

    def dispatching(self, job_id: UUID) -> None:
        """See `ActorHooks.dispatching`."""
        link = _link_to_asker()
        if link is not None:
            with self._asking:
                self._asked[job_id] = link
                while len(self._asked) > _ASKED:
                    self._asked.popitem(last=False)

    def job_over(self, job: JobState, status: str, ended: int) -> None:
        """See `ActorHooks.job_over`."""
        facts: dict[str, Value] = {**_facts_of(job), "perdure.job.status": status}
        if job.parent is not None:
            facts["perdure.job.parent"] = str(job.parent)
        if job.forked_from is not None:
            facts["perdure.job.forked_from"] = str(job.forked_from)
        self._tell(
            f"job {job.job_type}",
            _Place(trace_of_job(job.job_id), job_span(job.job_id)),
            (job.dispatched_at, ended),
            facts,
            links=self._links_of(job.job_id),
            problem=status if status == JobStatus.FAILED else "",
        )

    def attempt_over(self, record: AttemptRecord) -> None:
        """See `ActorHooks.attempt_over`."""
        job, number = record.job, record.attempt
        facts: dict[str, Value] = {
            **_facts_of(job),
            "perdure.attempt": number,
            "perdure.attempt.cause": record.cause,
            "perdure.attempt.fuel": record.fuel,
            "perdure.sequence.first": record.first,
        }
        problem = record.lost
        if record.end is not None and record.last is not None:
            facts["perdure.sequence.last"] = record.last
            facts["perdure.attempt.end"] = str(record.end.__struct_config__.tag)
            if isinstance(record.end, JobFailed | RetryScheduled):
                problem = facts["error.type"] = record.end.error.kind  # its message may quote what is secret
        self._tell(
            f"attempt {job.job_type}",
            _Place(trace_of_job(job.job_id), attempt_span(job.job_id, number), job_span(job.job_id)),
            (record.began, record.ended),
            facts,
            links=self._links_of(job.job_id),
            problem=problem,
        )

    def _links_of(self, job_id: UUID) -> tuple[Link, ...]:
        link = self._asked.get(job_id)
        return (link,) if link is not None else ()

    # --- operations --------------------------------------------------------------------------------------------------

    def operation_over(self, call: OperationCall, name: str, effect: str, code: str, seconds: float) -> None:
        """See `ActorHooks.operation_over`."""
        now = time.time_ns() // 1000
        facts: dict[str, Value] = {
            "perdure.operation": name,
            "perdure.operation.effect": effect,
            "perdure.operation.code": code,
            "perdure.caller": call.caller,
        }
        if call.extension is not None:
            facts["perdure.extension"] = call.extension
        if call.library_id is not None:
            facts["perdure.library_id"] = str(call.library_id)
        place = None
        if call.job_id is not None:
            facts |= {"perdure.job_id": str(call.job_id), "perdure.attempt": call.attempt, "perdure.call": call.call}
            span = operation_span(call.job_id, call.attempt, call.call, call.again)
            place = _Place(trace_of_job(call.job_id), span, attempt_span(call.job_id, call.attempt))
        problem = "" if code == "ok" else code
        self._tell(f"operation {name}", place, (now - round(seconds * 1_000_000), now), facts, problem=problem)

    # --- the log -----------------------------------------------------------------------------------------------------

    def synced(self, appended: Sequence[Appended | Exception], size: int, seconds: float) -> None:
        """See `ActorHooks.synced`."""
        now = time.time_ns() // 1000
        stored = [one for one in appended if isinstance(one, Appended)]
        stored += [side for one in stored for side in one.side]
        if not stored:
            return
        last = max(one.position for one in stored)
        facts: dict[str, Value] = {
            "perdure.position.first": min(one.position - (one.last - one.first) for one in stored),
            "perdure.position.last": last,
            "perdure.commit.events": sum(one.last - one.first + 1 for one in stored),
            "perdure.commit.bytes": size,
            "perdure.commit.streams": len(stored),
        }
        jobs = {one.state.job_id: one.state for one in stored if isinstance(one.state, JobState)}
        links: tuple[Link, ...] = ()
        if len(jobs) == 1 and all(one.stream.startswith(_JOB) for one in stored):
            job = next(iter(jobs.values()))
            place = _Place(trace_of_job(job.job_id), commit_span(last), _span_of(job))
            facts["perdure.job_id"] = str(job.job_id)
        else:
            place = _Place(trace_of_commit(last), commit_span(last))
            links = tuple(Link(self._context(trace_of_job(key), _span_of(job))) for key, job in jobs.items())[:_LINKS]
        self._tell("commit", place, (now - round(seconds * 1_000_000), now), facts, links=links)

    # --- spans -------------------------------------------------------------------------------------------------------

    def _tell(
        self,
        name: str,
        place: _Place | None,
        times: tuple[int, int],
        facts: Mapping[str, Value],
        *,
        links: Sequence[Link] = (),
        problem: str = "",
    ) -> None:
        """Make a span that is over; ``times`` are microseconds since 1970. Never raises: a job must not die of it."""
        try:
            within = _NONE
            if place is not None:
                if place.parent:
                    within = set_span_in_context(NonRecordingSpan(self._context(place.trace, place.parent)), _NONE)
                if self._ids is not None:
                    self._ids.choose(place.trace, place.span)
            began, ended = times
            span = self._tracer.start_span(name, within, SpanKind.INTERNAL, facts, links, began * 1000)
            if problem:
                span.set_status(Status(StatusCode.ERROR, problem))
            span.end(max(began, ended) * 1000)
        except Exception:
            logger.exception("the span of %s could not be made", name)

    def _context(self, trace: int, span: int) -> SpanContext:
        """A span of ours, which is or will be sent unless its trace is not sampled."""
        sampled = self._provider.sampler.should_sample(_NONE, trace, "").decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT
        return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(flags | TraceFlags.RANDOM_TRACE_ID))


class _Place(msgspec.Struct, frozen=True):
    """Where a span belongs; ``parent`` 0 is none."""

    trace: int
    span: int
    parent: int = 0


def _facts_of(job: JobState) -> dict[str, Value]:
    return {
        "perdure.job_id": str(job.job_id),
        "perdure.job_type": job.job_type,
        "perdure.extension": job.extension,
        "perdure.extension.version": job.version,
        "perdure.library_id": str(job.library_id),
    }


def _span_of(job: JobState) -> int:
    """The attempt that it is in, or was in last; before the first one, the job."""
    return attempt_span(job.job_id, job.attempts) if job.attempts else job_span(job.job_id)


def _link_to_asker() -> Link | None:
    """A link to the span in which this thread asks for a job."""
    within = get_current_span().get_span_context()
    if not within.is_valid and (header := TRACEPARENT.get()):
        carried = TraceContextTextMapPropagator().extract({"traceparent": header}, _NONE)
        within = get_current_span(carried).get_span_context()
    return Link(within) if within.is_valid else None
