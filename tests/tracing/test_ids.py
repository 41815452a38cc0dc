"""Ids of spans are those of the log, and what is sampled is a fair share."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from perdure.store.ids import uuid7
from perdure.tracing import attempt_span, commit_span, job_span, operation_span, trace_of_job
from perdure.tracing.ids import ChosenIds
from perdure.tracing.sampling import JobSampler

numbers = st.integers(min_value=0, max_value=1 << 40)


@given(st.uuids(), numbers, numbers, st.integers(min_value=0, max_value=9))
def test_ids_are_ids_and_differ(job: UUID, attempt: int, call: int, again: int) -> None:
    spans = {job_span(job), attempt_span(job, attempt), operation_span(job, attempt, call, again), commit_span(call)}

    assert len(spans) == 4
    assert all(0 < span < 1 << 64 for span in spans)
    assert UUID(int=trace_of_job(job)) == job


def test_ids_stay_what_they_are() -> None:
    """Whoever has kept a link to a trace finds it again with another version."""
    job = UUID("0198c0de-0000-7000-8000-000000000001")

    assert format(job_span(job), "016x") == "9375e5114c62f34b"
    assert format(attempt_span(job, 2), "016x") == "219416faba953f4f"
    assert format(operation_span(job, 2, 17), "016x") == "6f824548569db4f7"
    assert format(commit_span(123), "016x") == "d84d88e09a5bd755"


def test_a_share_of_the_jobs_is_sampled() -> None:
    """Of a plain sampler it is none: a job's id has fixed bits where that one looks."""
    jobs = [uuid7(1_700_000_000_000_000 + number) for number in range(2000)]

    def share(sampler: TraceIdRatioBased | JobSampler) -> float:
        kept = [sampler.should_sample(None, trace_of_job(job), "job").decision for job in jobs]
        return kept.count(Decision.RECORD_AND_SAMPLE) / len(jobs)

    assert share(TraceIdRatioBased(0.5)) == 0
    assert 0.4 < share(JobSampler(TraceIdRatioBased(0.5))) < 0.6
    assert share(JobSampler(TraceIdRatioBased(0.0))) == 0
    assert share(JobSampler(TraceIdRatioBased(1.0))) == 1


def test_ids_that_were_chosen_are_for_one_span() -> None:
    ids = ChosenIds()
    tracer = TracerProvider(id_generator=ids, shutdown_on_exit=False).get_tracer("test")
    ids.choose(7, 8)
    first, second = (tracer.start_span("one").get_span_context() for _ in range(2))

    assert (first.trace_id, first.span_id) == (7, 8)
    assert second.trace_id != 7
    assert second.span_id != 8
