"""Dispatching jobs, and pausing, resuming, cancelling and retrying them."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.runtime.conftest import GRACE, patient
from tests.support.acme import install_acme
from tests.support.counting import BYTES_PER_ITEM, JOB_TYPE, WARN_EVERY, Counting, counting_module
from tests.support.counting import EXTENSION as COUNTING
from tests.support.counting import PERMISSIONS as COUNTING_PERMISSIONS
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate
from tests.support.job_history import events_of, tags_of
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobHandle, JobLimits, RetryPolicy, Runtime, RuntimeSettings, Status
from perdure.runtime.errors import (
    InvalidLimits,
    InvalidState,
    LibraryDenied,
    RuntimeClosedError,
    StateTooLarge,
    UnknownJobType,
)
from perdure.store import IllegalTransition, UnknownJob, check
from perdure.store.events import (
    BlobRef,
    InterruptAnswered,
    JobCancelled,
    JobDispatched,
    JobPaused,
    JobResumed,
    RetryScheduled,
)

LIBRARY = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")


def start(job: JobHandle) -> JobHandle:
    """The job, as soon as its guest has begun."""
    eventually(lambda: job.items == 1)
    return job


# --- dispatch --------------------------------------------------------------------------------------------------------


def test_a_handle_tells_everything_about_a_job(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(
        write_extension(tmp_path / "c", counting_module(), extension=COUNTING, permissions=COUNTING_PERMISSIONS)
    )
    job = runtime.dispatch(JOB_TYPE, Counting(0, 25).encode(), library_id=LIBRARY)
    state = job.wait(TIMEOUT)

    assert job.job_id == state.job_id
    assert (job.status, job.fraction, job.message) == (Status.COMPLETED, 1.0, "one more")
    assert (job.items, job.bytes, job.warnings) == (25, 25 * BYTES_PER_ITEM, 25 // WARN_EVERY)
    assert job.last_checkpoint is not None
    assert job.last_checkpoint.items == 20
    assert job.last_checkpoint.progress == pytest.approx(0.8)
    assert (job.attempts, job.error) == (1, None)
    assert job.fuel == state.fuel > job.last_checkpoint.fuel > 0
    assert state.library_id == LIBRARY
    timings = job.timings
    assert timings.started is not None
    assert timings.ended is not None
    assert timings.dispatched <= timings.started <= timings.ended == timings.updated
    assert timings.running_seconds == pytest.approx((timings.ended - timings.started).total_seconds())
    assert runtime.job(job.job_id).state == runtime.job(str(job.job_id)).state == state
    assert repr(job) == f"JobHandle({job.job_id})"


def test_a_job_that_has_not_begun(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path, rate_limits={"concurrent_jobs": 1})
    with Gate(runtime) as gate:
        first = runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        job = runtime.dispatch("acme:gate")
        assert (job.status, job.attempts, job.fraction, job.items, job.fuel) == (Status.QUEUED, 0, 0.0, 0, 0)
        assert (job.timings.started, job.timings.ended, job.timings.running_seconds) == (None, None, None)
        assert job.last_checkpoint is None
        arrival.let_go()
        gate.arrival().let_go()
        assert {first.wait(TIMEOUT).status, job.wait(TIMEOUT).status} == {Status.COMPLETED}


@pytest.mark.parametrize(
    ("state", "stored"),
    [
        (None, b""),
        ({"target": 1}, b'{"target":1}'),
        ([1, None, "é"], '[1,null,"é"]'.encode()),
        (b' {"as": "it is"} ', b' {"as": "it is"} '),
        (bytearray(b"0"), b"0"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_a_first_state_is_json(runtime: Runtime, state: object, stored: bytes) -> None:
    job = runtime.dispatch("acme:nothing", state)
    (dispatched,) = events_of(job, JobDispatched)
    assert not isinstance(dispatched.state, BlobRef)
    assert dispatched.state.data == stored
    assert job.wait(TIMEOUT).status is Status.COMPLETED


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage is collected: where the interpreter's recursion ends, wasmtime-py's destructors could not run."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("state", [b"{", b"", b"\xff", b'"\xff"', object(), float, b"[" * 100_000])
@pytest.mark.usefixtures("gate", "no_collection")
def test_what_is_no_json_is_refused(runtime: Runtime, state: object) -> None:
    with pytest.raises(InvalidState):
        runtime.dispatch("acme:nothing", state)
    assert runtime.jobs().jobs == []


@pytest.mark.usefixtures("gate")
def test_a_state_too_large_is_refused_and_a_large_one_is_a_blob(runtime: Runtime) -> None:
    large = {"text": "x" * 100_000}
    with pytest.raises(StateTooLarge) as caught:
        runtime.dispatch("acme:nothing", large, limits=JobLimits(checkpoint_bytes=100_000))
    assert (caught.value.size, caught.value.limit) == (100_011, 100_000)
    job = runtime.dispatch("acme:nothing", large)
    (dispatched,) = events_of(job, JobDispatched)
    assert isinstance(dispatched.state, BlobRef)
    assert job.wait(TIMEOUT).status is Status.COMPLETED


@pytest.mark.usefixtures("gate")
def test_a_job_type_that_is_not_there_is_named_with_those_that_are(runtime: Runtime) -> None:
    for name in ("acme:nowhere", "acme:", "acme"):
        with pytest.raises(UnknownJobType) as caught:
            runtime.dispatch(name)
        assert caught.value.job_type == name
        assert "polite" in caught.value.known


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (JobLimits(fuel=0), "fuel"),
        (JobLimits(fuel=-1), "fuel"),
        (JobLimits(fuel=True), "fuel"),
        (JobLimits(fuel=2**63), "fuel"),
        (JobLimits(memory_bytes=0), "memory_bytes"),
        (JobLimits(wall_clock_ms=0), "wall_clock_ms"),
        (JobLimits(events_per_second=-5), "events_per_second"),
        (JobLimits(stack_bytes=1), "stack_bytes"),
        (JobLimits(stack_bytes=1 << 30), "stack_bytes"),
        (JobLimits(checkpoint_bytes=1.5), "checkpoint_bytes"),  # type: ignore[arg-type]  # callers may be untyped
    ],
)
@pytest.mark.usefixtures("gate")
def test_limits_that_make_no_sense_are_refused(runtime: Runtime, limits: JobLimits, field: str) -> None:
    with pytest.raises(InvalidLimits) as caught:
        runtime.dispatch("acme:nothing", limits=limits)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "retry",
    [
        RetryPolicy(attempts=0),
        RetryPolicy(attempts=10**9),
        RetryPolicy(initial_ms=-1),
        RetryPolicy(factor=0.5),
        RetryPolicy(factor=float("nan")),
        RetryPolicy(jitter=2.0),
        RetryPolicy(jitter=float("nan")),
    ],
)
@pytest.mark.usefixtures("gate")
def test_a_retry_policy_that_makes_no_sense_is_refused(runtime: Runtime, retry: RetryPolicy) -> None:
    with pytest.raises(InvalidLimits):
        runtime.dispatch("acme:nothing", retry=retry)


def test_a_library_that_the_manifest_does_not_name_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path, libraries=[str(LIBRARY)])
    with pytest.raises(LibraryDenied) as caught:
        runtime.dispatch("acme:nothing")
    assert (caught.value.extension, caught.value.library_id) == ("acme", UUID(int=0))
    assert runtime.dispatch("acme:nothing", library_id=LIBRARY).wait(TIMEOUT).status is Status.COMPLETED


@pytest.mark.usefixtures("gate")
def test_a_job_that_is_not_there_is_named(runtime: Runtime) -> None:
    for job_id in (UUID(int=7), "no id at all", ""):
        for action in (runtime.job, runtime.pause, runtime.resume, runtime.cancel, runtime.retry, runtime.wait):
            with pytest.raises(UnknownJob):
                action(job_id)


def test_jobs_are_listed_newest_first_in_pages(runtime: Runtime, gate: Gate) -> None:
    made = [runtime.dispatch("acme:nothing") for _ in range(4)]
    failed = runtime.dispatch("acme:fail")
    ids = [job.job_id for job in reversed([*made, failed])]
    for job in (*made, failed):
        job.wait(TIMEOUT)

    page = runtime.jobs(limit=3)
    assert [state.job_id for state in page.jobs] == ids[:3]
    rest = runtime.jobs(limit=3, before=page.next)
    assert [state.job_id for state in rest.jobs] == ids[3:]
    assert rest.next is None
    assert [state.job_id for state in runtime.jobs(statuses=frozenset({Status.FAILED})).jobs] == [failed.job_id]
    assert [state.job_id for state in runtime.jobs(job_type="acme:fail").jobs] == [failed.job_id]
    assert runtime.jobs(extension="other").jobs == []


# --- how jobs fail ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gate")
def test_a_job_that_reports_its_failure(runtime: Runtime) -> None:
    state = runtime.dispatch("acme:fail").wait(TIMEOUT)
    assert (state.status, state.items) == (Status.FAILED, 1)
    assert state.error is not None
    assert (state.error.kind, state.error.blame) == ("guest_failed", "guest")


@pytest.mark.usefixtures("gate")
def test_a_trap_has_its_backtrace(runtime: Runtime) -> None:
    error = runtime.dispatch("acme:trap").wait(TIMEOUT).error
    assert error is not None
    assert (error.kind, error.data["trap"]) == ("trap", "unreachable")
    assert [frame.function for frame in error.backtrace] == ["deeper", "deep", "execute_trap"]


@pytest.mark.usefixtures("gate")
def test_retries_have_a_backoff_and_an_end(runtime: Runtime) -> None:
    retry = RetryPolicy(attempts=3, initial_ms=10, factor=2.0, jitter=0.0)
    job = runtime.dispatch("acme:fail", retry=retry)
    state = job.wait(TIMEOUT)
    assert (state.status, state.attempts, state.failures, state.items) == (Status.FAILED, 3, 3, 1)
    assert [event.delay_ms for event in events_of(job, RetryScheduled)] == [10, 20]
    assert [event.cause for event in events_of(job, JobResumed)] == ["retry", "retry"]


@pytest.mark.usefixtures("gate")
def test_a_retry_goes_on_from_the_checkpoint(runtime: Runtime) -> None:
    job = runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1))
    state = job.wait(TIMEOUT)
    assert (state.status, state.attempts, state.error) == (Status.COMPLETED, 2, None)
    assert state.items == 2  # one before the checkpoint, one by the second attempt: the first's second is superseded


@pytest.mark.usefixtures("gate")
def test_a_backoff_has_no_thread_and_can_be_cut_short_or_cancelled(runtime: Runtime) -> None:
    before = set(threading.enumerate())  # what other tests left behind is not to be counted here
    retry = RetryPolicy(attempts=2, initial_ms=3_600_000)
    short, over = (runtime.dispatch("acme:twice", retry=retry) for _ in range(2))
    for job in (short, over):
        eventually(lambda job=job: job.status is Status.BACKOFF)  # type: ignore[misc]  # bound now, not later
    assert short.error is not None
    assert short.error.kind == "guest_failed"
    assert short.retry() is Status.QUEUED
    assert short.wait(TIMEOUT).status is Status.COMPLETED
    assert over.cancel() is Status.CANCELLED
    eventually(lambda: not [new for new in set(threading.enumerate()) - before if "JobActor" in new.name])


# --- pause, resume, cancel, retry ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gate")
@patient
def test_a_pause_is_agreed_upon_and_a_resume_goes_on_from_it(runtime: Runtime) -> None:
    job = start(runtime.dispatch("acme:polite"))
    assert job.pause() in (Status.RUNNING, Status.PAUSED)
    eventually(lambda: job.status is Status.PAUSED)
    assert [event.answer for event in events_of(job, InterruptAnswered)] == [1]
    assert [event.forced for event in events_of(job, JobPaused)] == [False]
    assert job.last_checkpoint is not None

    assert job.resume() in (Status.QUEUED, Status.RUNNING)
    eventually(lambda: job.items == 2)
    assert job.attempts == 2
    job.cancel()
    state = job.wait(TIMEOUT)
    assert (state.status, state.items, state.checkpoints) == (Status.CANCELLED, 2, 2)
    assert check(runtime.store).problems == []


@pytest.mark.parametrize("name", ["deaf", "spin"])
@pytest.mark.usefixtures("gate")
def test_a_pause_that_the_guest_does_not_honour_is_forced(runtime: Runtime, name: str) -> None:
    job = runtime.dispatch(f"acme:{name}")
    eventually(lambda: job.status is Status.RUNNING)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    assert [event.forced for event in events_of(job, JobPaused)] == [True]


@pytest.mark.parametrize("name", ["deaf", "spin"])
@pytest.mark.usefixtures("gate")
def test_a_cancel_takes_effect_within_a_second_of_the_grace(runtime: Runtime, name: str) -> None:
    seconds: list[float] = []
    # The machine may stand still for a second, but hardly each time.
    while len(seconds) < 5 and (not seconds or seconds[-1] >= GRACE + 1.0):
        job = runtime.dispatch(f"acme:{name}")
        eventually(lambda job=job: job.status is Status.RUNNING)  # type: ignore[misc]  # bound now
        start = time.monotonic()
        job.cancel()
        state = job.wait(TIMEOUT)
        seconds.append(time.monotonic() - start)
        assert state.status is Status.CANCELLED
        assert [event.forced for event in events_of(job, JobCancelled)] == [True]
    assert GRACE <= min(seconds) < GRACE + 1.0


def test_a_job_that_waits_in_an_operation_can_be_stopped(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    gate.arrival()
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED


def test_a_queued_job_is_paused_and_cancelled_at_once(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path, rate_limits={"concurrent_jobs": 1})
    with Gate(runtime) as gate:
        runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        paused, cancelled = runtime.dispatch("acme:gate"), runtime.dispatch("acme:gate")
        assert paused.pause() is Status.PAUSED
        assert cancelled.cancel() is Status.CANCELLED
        assert cancelled.wait(TIMEOUT).attempts == 0
        arrival.let_go()
        assert paused.resume() is Status.QUEUED
        gate.arrival().let_go()
        assert paused.wait(TIMEOUT).status is Status.COMPLETED


@pytest.mark.usefixtures("gate")
def test_what_the_status_does_not_allow_is_refused_and_changes_nothing(runtime: Runtime) -> None:
    done = runtime.dispatch("acme:nothing")
    done.wait(TIMEOUT)
    running = start(runtime.dispatch("acme:polite"))
    before = done.state
    for action in (done.pause, done.resume, done.cancel, done.retry, running.resume, running.retry):
        with pytest.raises(IllegalTransition):
            action()
    assert done.state == before
    running.pause()
    eventually(lambda: running.status is Status.PAUSED)
    for action in (running.pause, running.retry):
        with pytest.raises(IllegalTransition) as caught:
            action()
        assert caught.value.status == "paused"
    running.cancel()
    assert running.status is Status.CANCELLED


@pytest.mark.usefixtures("gate")
def test_a_failed_job_is_retried_from_its_checkpoint(runtime: Runtime) -> None:
    job = runtime.dispatch("acme:twice")
    assert job.wait(TIMEOUT).status is Status.FAILED
    job.retry()
    state = job.wait(TIMEOUT)
    assert (state.status, state.attempts, state.items, state.error) == (Status.COMPLETED, 2, 2, None)
    assert tags_of(job).count("failed") == 1


@pytest.mark.usefixtures("gate")
def test_a_cancelled_job_is_retried(runtime: Runtime) -> None:
    job = start(runtime.dispatch("acme:polite"))
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    job.retry()
    eventually(lambda: job.items == 2)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED


# --- the runtime's own slots, and its end ----------------------------------------------------------------------------


def test_the_runtime_runs_as_many_jobs_at_once_as_its_settings_say(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", settings=RuntimeSettings(running_jobs=2)) as runtime:
        install_acme(runtime, tmp_path)
        with Gate(runtime) as gate:
            jobs = [runtime.dispatch("acme:gate") for _ in range(4)]
            first, second = gate.arrival(), gate.arrival()
            assert [job.status for job in jobs].count(Status.QUEUED) == 2
            first.let_go()
            second.let_go()
            gate.arrival().let_go()
            gate.arrival().let_go()
            assert {job.wait(TIMEOUT).status for job in jobs} == {Status.COMPLETED}


@pytest.mark.usefixtures("gate")
def test_a_closed_runtime_says_so(runtime: Runtime, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:nothing")
    job.wait(TIMEOUT)
    runtime.close()
    runtime.close()
    for action in (runtime.extensions, runtime.jobs, job.pause, job.wait, lambda: runtime.dispatch("acme:nothing")):
        with pytest.raises(RuntimeClosedError):
            action()
    with Runtime.open(tmp_path / "data") as again:
        assert again.job(job.job_id).status is Status.COMPLETED
