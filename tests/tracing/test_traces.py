"""What a real runtime's jobs look like as spans, and how one finds them in the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import RETURN_COMPLETED, RETURN_FAILED

from perdure.actors.hooks import TRACEPARENT
from perdure.actors.several_hooks import SeveralHooks
from perdure.metrics import PrometheusHooks
from perdure.runtime import JobHandle, Runtime, grant_as_asked
from perdure.store.events import JobCompleted, JobStarted, OperationAnswered, job_stream
from perdure.tracing import TraceHooks, attempt_span, commit_span, job_span, operation_span, trace_of_job
from perdure.tracing.ids import ChosenIds

SECRET = "hunter2-in-the-state"


def module() -> bytes:
    """Job ``talk`` calls an operation that is there and one that is not; job ``fail`` fails."""
    wat = RuntimeWat()
    calls = wat.operation(payload='{"message": "hello"}'), wat.operation("query:test.nothing")
    wat.job("talk", "".join(f"(drop {call})" for call in calls) + RETURN_COMPLETED)
    wat.job("fail", wat.log() + RETURN_FAILED)
    return wat.module()


@pytest.fixture(scope="module")
def sent() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def provider(sent: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(id_generator=ChosenIds(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(sent))
    return provider


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, provider: TracerProvider) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("traces")
    hooks = SeveralHooks([PrometheusHooks(), TraceHooks(provider)])
    permissions = {"methods": ["query:test.ping"]}
    with Runtime.open(folder / "data", hooks=hooks) as runtime:
        runtime.install(write_extension(folder / "acme", module(), permissions=permissions), consent=grant_as_asked)
        yield runtime


def spans_of(sent: InMemorySpanExporter, job: JobHandle) -> dict[str, ReadableSpan]:
    """By their names; once the attempt's is there, which is the last one."""

    def found() -> dict[str, ReadableSpan]:
        ours = [span for span in sent.get_finished_spans() if span.context.trace_id == trace_of_job(job.job_id)]
        return {span.name: span for span in ours}

    eventually(lambda: any(name.startswith("attempt") for name in found()))
    return found()


def facts(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_the_spans_of_a_job_lead_to_its_events_and_back(runtime: Runtime, sent: InMemorySpanExporter) -> None:
    job = runtime.dispatch(f"{EXTENSION}:talk", {"password": SECRET})
    job.wait(TIMEOUT)
    spans = spans_of(sent, job)

    whole, attempt = spans[f"job {EXTENSION}:talk"], spans[f"attempt {EXTENSION}:talk"]
    assert format(whole.context.trace_id, "032x") == job.job_id.hex
    assert whole.context.span_id == job_span(job.job_id)
    assert whole.parent is None
    assert attempt.context.span_id == attempt_span(job.job_id, 1)
    assert attempt.parent is not None
    assert attempt.parent.span_id == whole.context.span_id
    assert facts(whole)["perdure.job.status"] == "completed"
    history = list(runtime.store.read(job_stream(job.job_id)))
    started = next(stored for stored in history if isinstance(stored.event, JobStarted))
    ended = next(stored for stored in history if isinstance(stored.event, JobCompleted))
    assert facts(attempt)["perdure.sequence.first"] == started.sequence
    assert facts(attempt)["perdure.sequence.last"] == ended.sequence
    assert facts(attempt)["perdure.attempt.end"] == "completed"
    called = next(stored.event for stored in history if isinstance(stored.event, OperationAnswered))
    operation = spans["operation query:test.ping"]
    assert operation.context.span_id == operation_span(job.job_id, 1, called.call)
    assert operation.parent is not None
    assert operation.parent.span_id == attempt.context.span_id
    assert whole.start_time is not None
    assert operation.start_time is not None
    assert operation.end_time is not None
    assert whole.end_time is not None
    assert whole.start_time < operation.start_time <= operation.end_time <= whole.end_time
    commit = spans["commit"]
    assert commit.context.span_id == commit_span(int(str(facts(commit)["perdure.position.last"])))
    positions = {stored.position for stored in history}
    assert positions >= {facts(commit)["perdure.position.first"], facts(commit)["perdure.position.last"]}


def test_a_refused_operation_and_a_failed_job_are_errors(runtime: Runtime, sent: InMemorySpanExporter) -> None:
    talking = runtime.dispatch(f"{EXTENSION}:talk", {})
    failing = runtime.dispatch(f"{EXTENSION}:fail", {})
    for job in (talking, failing):
        job.wait(TIMEOUT)

    refused = spans_of(sent, talking)["operation unknown"]
    assert facts(refused)["perdure.operation.code"] == "permission_denied"
    assert refused.status.status_code is trace.StatusCode.ERROR
    failed = spans_of(sent, failing)[f"attempt {EXTENSION}:fail"]
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert facts(failed)["error.type"] == "guest_failed"


def test_a_job_is_linked_to_the_span_that_asked_for_it(
    runtime: Runtime, provider: TracerProvider, sent: InMemorySpanExporter
) -> None:
    with provider.get_tracer("embedder").start_as_current_span("a click") as click:
        job = runtime.dispatch(f"{EXTENSION}:talk", {})
    job.wait(TIMEOUT)

    for name in (f"job {EXTENSION}:talk", f"attempt {EXTENSION}:talk"):
        assert [link.context.span_id for link in spans_of(sent, job)[name].links] == [click.get_span_context().span_id]


def test_a_traceparent_is_a_link_and_a_broken_one_is_none(runtime: Runtime, sent: InMemorySpanExporter) -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for given, wanted in ((header, ["b7ad6b7169203331"]), ("00-rubbish-\n-01", []), ("", [])):
        before = TRACEPARENT.set(given)
        job = runtime.dispatch(f"{EXTENSION}:talk", {})
        TRACEPARENT.reset(before)
        job.wait(TIMEOUT)
        links = spans_of(sent, job)[f"job {EXTENSION}:talk"].links
        assert [format(link.context.span_id, "016x") for link in links] == wanted


def test_what_jobs_work_with_is_in_no_span(runtime: Runtime, sent: InMemorySpanExporter) -> None:
    job = runtime.dispatch(f"{EXTENSION}:talk", {"password": SECRET})
    job.wait(TIMEOUT)
    spans_of(sent, job)

    assert SECRET not in "".join(span.to_json() for span in sent.get_finished_spans())


def test_calls_from_the_host_and_commits_of_nobodys_job_have_traces_of_their_own(
    runtime: Runtime, sent: InMemorySpanExporter
) -> None:
    sent.clear()
    runtime.call("query:test.ping", {"message": "hi"})
    runtime.issue_token("somebody", ["read"])

    found = {span.name: span for span in sent.get_finished_spans()}
    assert found["operation query:test.ping"].parent is None
    assert facts(found["operation query:test.ping"])["perdure.caller"] == "python"
    assert found["commit"].parent is None
    assert "perdure.job_id" not in facts(found["commit"])


def test_a_provider_with_ids_of_its_own_does_as_well(tmp_path: Path) -> None:
    sent, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(sent))
    with Runtime.in_memory(hooks=TraceHooks(provider)) as runtime:
        runtime.issue_token("somebody", ["read"])

    assert {span.name for span in sent.get_finished_spans()} == {"commit"}


def test_spans_that_cannot_be_made_disturb_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SimpleSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError("no")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken(InMemorySpanExporter()))
    with Runtime.in_memory(hooks=TraceHooks(provider)) as runtime:
        runtime.issue_token("somebody", ["read"])

    assert "the span of commit could not be made" in caplog.text
