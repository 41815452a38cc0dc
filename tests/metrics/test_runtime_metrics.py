"""From a real extension in a real runtime to the samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.prometheus_tools import lint
from tests.support.runtime_wat import RuntimeWat
from tests.support.samples import sample, samples
from tests.support.waiting import TIMEOUT
from tests.support.wat import RETURN_COMPLETED, RETURN_FAILED, repeat

from perdure.metrics import PrometheusHooks, render
from perdure.runtime import Runtime, grant_as_asked
from perdure.store import Status

LIMIT, CALLS = 3, 5


def chatty() -> bytes:
    """Job ``talk`` calls an operation a few times, one more than its rate limit allows; job ``fail`` fails."""
    wat = RuntimeWat()
    payload = '{"message": "hello"}'
    call = f"(drop {wat.operation(payload=payload)})"
    wat.job("talk", repeat(CALLS, call) + RETURN_COMPLETED)
    wat.job("fail", wat.log() + RETURN_FAILED)
    return wat.module()


@pytest.fixture
def hooks() -> PrometheusHooks:
    return PrometheusHooks()


@pytest.fixture
def registry(hooks: PrometheusHooks) -> CollectorRegistry:
    return hooks.registry


@pytest.fixture
def runtime(tmp_path: Path, hooks: PrometheusHooks) -> Iterator[Runtime]:
    permissions = {"methods": ["query:test.ping"], "rate_limits": {"requests_per_minute": LIMIT}}
    with Runtime.open(tmp_path / "data", hooks=hooks) as runtime:
        written = write_extension(tmp_path / "acme", chatty(), permissions=permissions)
        runtime.install(written, consent=grant_as_asked)
        yield runtime


def test_operations_and_the_rate_limit(runtime: Runtime, registry: CollectorRegistry) -> None:
    job = runtime.dispatch(f"{EXTENSION}:talk", {}).wait(TIMEOUT)

    assert samples(registry, "perdure_rate_limit_decisions_total") == {
        (EXTENSION, "allowed"): LIMIT,
        (EXTENSION, "refused"): CALLS - LIMIT,
    }
    assert samples(registry, "perdure_rate_limit_tokens") == {(EXTENSION,): 0}
    assert samples(registry, "perdure_operations_total") == {
        ("query:test.ping", "query", "ok"): LIMIT,
        ("unknown", "unknown", "rate_limited"): CALLS - LIMIT,
    }
    assert samples(registry, "perdure_operations_held") == {(): 0}
    assert samples(registry, "perdure_operation_threads_lost") == {(): 0}
    assert sample(registry, "perdure_operation_duration_seconds_count", operation="query:test.ping") == LIMIT
    assert sample(registry, "perdure_host_calls_total", extension=EXTENSION, function="call") == CALLS
    assert sample(registry, "perdure_fuel_consumed_total", extension=EXTENSION, job_type="talk") == job.fuel > 0


def test_a_job_that_fails(runtime: Runtime, registry: CollectorRegistry) -> None:
    job = runtime.dispatch(f"{EXTENSION}:fail", {}).wait(TIMEOUT)

    assert job.status is Status.FAILED
    assert samples(registry, "perdure_job_attempt_failures_total") == {(EXTENSION, "guest_failed"): 1}
    assert samples(registry, "perdure_job_attempts_total") == {(EXTENSION, "dispatch"): 1}


def test_the_log(runtime: Runtime, registry: CollectorRegistry) -> None:
    runtime.dispatch(f"{EXTENSION}:talk", {}).wait(TIMEOUT)

    scraped = sample(registry, "perdure_log_map_used_bytes") or 0
    used, size = runtime.map_usage() or (0, 0)
    assert 0 < scraped <= used
    assert sample(registry, "perdure_log_map_size_bytes") == size
    assert (sample(registry, "perdure_log_commit_duration_seconds_sum") or 0) > 0
    assert lint(render(registry)[0]) == ""


def test_recovered_jobs(tmp_path: Path) -> None:
    """What one process leaves, the next one takes up and counts."""
    folder = tmp_path / "data"
    wat = RuntimeWat()
    wat.job("wait", f"(loop $on (br_if $on (i32.eqz {wat.call('job_check_interrupt', wat.job_id)}))) (i32.const 1)")
    with Runtime.open(folder) as first:
        first.install(write_extension(tmp_path / "acme", wat.module()))
        job_id = first.dispatch(f"{EXTENSION}:wait", {}).job_id

    with PrometheusHooks() as hooks, Runtime.open(folder, hooks=hooks) as second:
        assert sample(hooks.registry, "perdure_jobs_recovered_total") == 1
        second.job(job_id).cancel()
