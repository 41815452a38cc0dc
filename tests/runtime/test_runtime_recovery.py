"""What one process leaves and the next one takes up: after a kill, after a signal, after an orderly end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from tests.runtime.conftest import GRACE
from tests.support.acme import acme_module, install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import PERMISSIONS, Gate
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_process import RuntimeProcess
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobLimits, RetryPolicy, Runtime, RuntimeSettings, Status
from perdure.runtime.errors import RuntimeClosedError
from perdure.store import LmdbEventStore, StoreLocked, check
from perdure.store.events import (
    RUNTIME_STREAM,
    JobCancelled,
    JobPaused,
    JobRecovered,
    JobResumed,
    JobStarted,
    JobSuspended,
    RuntimeClosed,
    RuntimeOpened,
)

SETTINGS = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)


def begin(process: RuntimeProcess, *names: str) -> list[UUID]:
    """The ids of the jobs that the process runs by now."""
    ids = [UUID(process.line()) for _ in names]
    process.expect("begun")
    return ids


# --- after a kill ----------------------------------------------------------------------------------------------------


def test_jobs_of_a_killed_process_go_on_by_themselves(tmp_path: Path) -> None:
    names = ("polite", "spin", "gate")
    with RuntimeProcess("run_jobs", tmp_path, *names) as process:
        polite, spin, gated = begin(process, *names)
        pid = process.pid
        process.kill()
    with LmdbEventStore.open_readonly(tmp_path) as log:
        assert check(log).problems == []
        assert {str(log.job(job).status) for job in (polite, spin, gated)} == {"running"}

    with Gate() as gate, Runtime.open(tmp_path, settings=SETTINGS, operations=[gate.handler]) as runtime:
        gate.arrival().let_go()
        done = runtime.job(gated)
        assert done.wait(TIMEOUT).status is Status.COMPLETED
        assert (done.attempts, done.items) == (2, 1)
        assert [event.cause for event in events_of(done, JobRecovered)] == ["recovery"]
        assert [event.pid for event in events_of(done, JobStarted)] == [pid, os.getpid()]
        for job in (runtime.job(polite), runtime.job(spin)):
            eventually(lambda job=job: job.attempts == 2 and job.items == 1)  # type: ignore[misc]  # bound now
            job.cancel()
            assert job.wait(TIMEOUT).status is Status.CANCELLED
        assert check(runtime.store).problems == []


def test_wishes_that_a_killed_process_did_not_carry_out_are_carried_out(tmp_path: Path) -> None:
    names = ("deaf", "deaf")
    with RuntimeProcess("run_jobs", tmp_path, *names) as process:
        paused, cancelled = begin(process, *names)
        process.expect("ready")
        assert process.ask("pause 0") == process.ask("cancel 1") == "running"
        process.kill()

    with Runtime.open(tmp_path, settings=SETTINGS) as runtime:
        assert runtime.job(paused).status is Status.PAUSED
        assert [event.forced for event in events_of(runtime.job(paused), JobPaused)] == [True]
        assert runtime.job(cancelled).wait(TIMEOUT).status is Status.CANCELLED
        assert [event.forced for event in events_of(runtime.job(cancelled), JobCancelled)] == [True]
        runtime.resume(paused)
        eventually(lambda: runtime.job(paused).attempts == 2)
        runtime.cancel(paused)
        runtime.wait(paused, TIMEOUT)


def test_a_paused_job_stays_paused(tmp_path: Path) -> None:
    with RuntimeProcess("run_jobs", tmp_path, "polite") as process:
        (job_id,) = begin(process, "polite")
        process.expect("ready")
        process.ask("pause 0")
        with LmdbEventStore.open_readonly(tmp_path) as log:
            eventually(lambda: log.job(job_id).status is Status.PAUSED)
        process.kill()
    with Runtime.open(tmp_path, settings=SETTINGS) as runtime:
        job = runtime.job(job_id)
        assert (job.status, job.attempts) == (Status.PAUSED, 1)
        job.resume()
        eventually(lambda: job.items == 2)  # from its checkpoint


def test_recovery_can_wait_until_it_is_asked_for(tmp_path: Path) -> None:
    with RuntimeProcess("run_jobs", tmp_path, "gate") as process:
        (job_id,) = begin(process, "gate")
        process.kill()
    with Runtime.open(tmp_path, settings=SETTINGS, recover=False) as runtime, Gate(runtime) as gate:
        job = runtime.job(job_id)
        assert tags_of(job) == ["dispatched", "started"]
        assert [handle.job_id for handle in runtime.recover()] == [job_id]
        gate.arrival().let_go()
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert runtime.recover() == []


def test_a_job_without_checkpoint_or_that_is_not_resumable_starts_over(tmp_path: Path) -> None:
    wat = RuntimeWat()
    save = f"(drop {wat.call('job_checkpoint', wat.job_id, wat.text('9'))})"
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    asks = wat.call("job_check_interrupt", wat.job_id)
    body = f"{wat.log()} {item} {save} {item} (loop $on (br_if $on (i32.eqz {asks}))) (i32.const 1)"
    wat.job("run", body, export="run_it")
    wat.init(f"(drop {wat.register('kept', 'run_it', 1)}) (drop {wat.register('not-kept', 'run_it', 0)}) (i32.const 0)")
    folder = write_extension(tmp_path / "other", wat.module(), extension="other")
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        runtime.install(folder)
        jobs = [runtime.dispatch(f"other:{name}").job_id for name in ("kept", "not-kept")]
        for job in jobs:
            eventually(lambda job=job: runtime.job(job).items == 2)  # type: ignore[misc]  # bound now
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        kept, not_kept = map(runtime.job, jobs)
        eventually(lambda: kept.items == 3 and not_kept.items == 2)
        assert (kept.state.checkpoints, not_kept.state.checkpoints) == (2, 1)
        assert [event.checkpoint for event in events_of(not_kept, JobResumed)] == [0]


def test_a_job_goes_on_with_the_module_it_was_dispatched_with(tmp_path: Path) -> None:
    with RuntimeProcess("run_jobs", tmp_path, "gate") as process:
        (job_id,) = begin(process, "gate")
        process.kill()
    with Runtime.open(tmp_path, settings=SETTINGS, recover=False) as runtime, Gate(runtime) as gate:
        wat = RuntimeWat()
        wat.job("other", "(i32.const 0)")
        runtime.install(write_extension(tmp_path / "acme", wat.module(), version="2.0.0", permissions=PERMISSIONS))
        runtime.recover()
        gate.arrival().let_go()
        state = runtime.job(job_id).wait(TIMEOUT)
        assert (state.status, state.version, state.items) == (Status.COMPLETED, "1.0.0", 1)


def test_a_back_off_goes_on_in_the_next_process(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        install_acme(runtime, tmp_path)
        soon, late = (
            runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=delay, maximum_ms=delay)).job_id
            for delay in (1_000, 3_600_000)
        )
        for job in (soon, late):
            eventually(lambda job=job: runtime.job(job).status is Status.BACKOFF)  # type: ignore[misc]  # bound now
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        assert runtime.wait(soon, TIMEOUT).status is Status.COMPLETED
        assert runtime.job(late).status is Status.BACKOFF
        runtime.retry(late)
        assert runtime.wait(late, TIMEOUT).status is Status.COMPLETED


def test_an_extension_that_cannot_be_loaded_any_more_holds_up_no_other(tmp_path: Path) -> None:
    """Its module is gone from the blobs: its jobs wait, and go on when it was installed again."""
    names = ("gate",)
    with RuntimeProcess("run_jobs", tmp_path, *names) as process:
        (job_id,) = begin(process, *names)
        process.kill()
    (tmp_path / "counter").mkdir()
    with LmdbEventStore.open_readonly(tmp_path) as log:
        module = log.job(job_id).module
    blob = tmp_path / "blobs" / module[:2] / module
    kept = blob.read_bytes()
    blob.unlink()
    for artifact in (tmp_path / "cache").iterdir():
        artifact.unlink()

    with Runtime.open(tmp_path, settings=SETTINGS) as runtime, Gate(runtime) as gate:
        job = runtime.job(job_id)
        assert job.status is Status.QUEUED
        runtime.install(Path(__file__).parents[2] / "examples" / "counter")
        assert runtime.dispatch("counter:counter", {"target": 3, "work": 0}).wait(TIMEOUT).items == 3
        assert job.status is Status.QUEUED

        assert acme_module() == kept
        runtime.store.blobs.put(kept)
        runtime.load("acme")
        gate.arrival().let_go()
        assert job.wait(TIMEOUT).status is Status.COMPLETED


# --- an orderly end --------------------------------------------------------------------------------------------------


def test_closing_suspends_jobs_and_the_next_process_goes_on(tmp_path: Path) -> None:
    # The one that listens has all the time that it needs, however busy the machine is.
    with Runtime.open(tmp_path / "data", settings=RuntimeSettings(shutdown_grace=TIMEOUT)) as runtime:
        install_acme(runtime, tmp_path)
        polite = runtime.dispatch("acme:polite")
        eventually(lambda: polite.items == 1)
    with Runtime.open(tmp_path / "data", settings=SETTINGS, recover=False) as runtime:
        spin, deaf = (runtime.dispatch(f"acme:{name}") for name in ("spin", "deaf"))
        eventually(lambda: spin.items == 1 and deaf.attempts == 1)
        ids = (polite.job_id, spin.job_id, deaf.job_id)
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        jobs = [runtime.job(job_id) for job_id in ids]
        suspended = [events_of(job, JobSuspended) for job in jobs]
        assert [[event.forced for event in events] for events in suspended] == [[False], [True], [True]]
        assert {event.reason for events in suspended for event in events} == {"the runtime closed"}
        assert [event.checkpoint > 0 for event in events_of(jobs[0], JobResumed)] == [True]
        eventually(lambda: jobs[0].items == 2 and jobs[1].items == 1)
        runtime_events = [stored.event for stored in runtime.store.read(RUNTIME_STREAM)]
        assert [type(event) for event in runtime_events if isinstance(event, RuntimeOpened | RuntimeClosed)] == [
            RuntimeOpened,
            RuntimeClosed,
            RuntimeOpened,
            RuntimeClosed,
            RuntimeOpened,
        ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("name", "forced", "grace"), [("polite", False, TIMEOUT), ("spin", True, 0.3)])
def test_a_signal_ends_a_runtime_in_an_orderly_way(
    tmp_path: Path, number: signal.Signals, name: str, forced: bool, grace: float
) -> None:
    with RuntimeProcess("stop_by_signal", tmp_path, name, grace) as process:
        process.expect("begun")
        process.process.send_signal(number)
        said, took = process.line().split()
        assert process.end() == 0
    assert said == number.name
    assert float(took) >= grace if forced else float(took) < grace
    with LmdbEventStore.open_readonly(tmp_path) as log:
        (job,) = [event.event for event in log.read_all() if isinstance(event.event, JobSuspended)]
        assert job.forced is forced
        assert isinstance(list(log.read(RUNTIME_STREAM))[-1].event, RuntimeClosed)
        assert check(log).problems == []


def test_a_second_signal_has_its_usual_effect(tmp_path: Path) -> None:
    with RuntimeProcess("stop_by_signal", tmp_path, "spin", 30) as process:
        process.expect("begun")
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: not _catches(process.pid, signal.SIGTERM))
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(TIMEOUT) == -signal.SIGTERM


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal."""
    fields = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return bool(int(fields["SigCgt"], 16) >> (number - 1) & 1)


# --- one process at a time -------------------------------------------------------------------------------------------


def test_a_second_runtime_on_a_folder_fails_at_once_and_names_the_first(tmp_path: Path) -> None:
    with RuntimeProcess("run_jobs", tmp_path, "polite") as process:
        begin(process, "polite")
        with pytest.raises(StoreLocked) as caught:
            Runtime.open(tmp_path)
        assert caught.value.pid == process.pid
        assert str(process.pid) in str(caught.value)
        # Others may read meanwhile.
        with LmdbEventStore.open_readonly(tmp_path) as log:
            assert log.count_unfinished()[Status.RUNNING] == 1
        process.kill()
    with Runtime.open(tmp_path, settings=SETTINGS) as runtime:
        assert runtime.jobs_by_status()["running"] + runtime.jobs_by_status()["queued"] == 1
        with pytest.raises(StoreLocked) as caught:
            Runtime.open(tmp_path)
        assert caught.value.pid == os.getpid()


def test_a_fork_of_a_runtime_says_what_it_is(tmp_path: Path) -> None:
    with RuntimeProcess("fork", tmp_path) as process:
        assert process.line() == " ".join(["UsedAfterFork"] * 9 + ["done"])
        process.expect("completed")
        assert process.end() == 0


def test_a_program_that_forgets_to_close_ends_and_loses_nothing(tmp_path: Path) -> None:
    program = f"""
from perdure.runtime import Runtime
runtime = Runtime.open({str(tmp_path)!r})
runtime.install("examples/counter")
print(runtime.dispatch("counter:counter", {{"target": 5, "work": 0}}).wait(20).status)
print(runtime.dispatch("counter:counter", {{"target": 10**9}}).job_id)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    status, job_id = done.stdout.split()
    assert status == "completed"
    with Runtime.open(tmp_path, settings=SETTINGS) as runtime:
        job = runtime.job(job_id)
        job.cancel()
        assert job.wait(TIMEOUT).status is Status.CANCELLED


# --- in memory -------------------------------------------------------------------------------------------------------


def test_a_runtime_in_memory_does_the_same(tmp_path: Path) -> None:
    with Runtime.in_memory(settings=SETTINGS) as runtime:
        install_acme(runtime, tmp_path)
        job = runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1))
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        large = runtime.dispatch("acme:nothing", {"text": "x" * 100_000}, limits=JobLimits(fuel=10**6))
        assert large.wait(TIMEOUT).status is Status.COMPLETED
        assert check(runtime.store).problems == []
        assert runtime.map_usage() is None
    with pytest.raises(RuntimeClosedError):
        runtime.jobs()


def test_two_runtimes_in_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    with Runtime.in_memory(settings=SETTINGS) as one, Runtime.open(tmp_path / "data", settings=SETTINGS) as two:
        for runtime in (one, two):
            install_acme(runtime, tmp_path)
        job = two.dispatch("acme:polite")
        eventually(lambda: job.items == 1)
        one.dispatch("acme:trap").wait(TIMEOUT)
        one.close()
        assert job.status is Status.RUNNING
        assert two.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
