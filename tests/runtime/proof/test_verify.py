"""Jobs that are verified from their log: whatever their guests did, and however they ended."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from tests.runtime.conftest import GRACE, patient
from tests.support.gate import Gate
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_process import RuntimeProcess
from tests.support.secret_calls import install_calls, run_calls
from tests.support.waiting import TIMEOUT, eventually
from tests.support.witness import WITNESS, run_witness

from perdure.runtime import JobHandle, JobLimits, Runtime, RuntimeSettings, Status
from perdure.runtime.proof import Proof, Stop, Verdict, VerifyStopped
from perdure.store import check
from perdure.store.errors import JobIsFolded, UnknownJob
from perdure.store.events import GuestEvent, JobCompleted, JobStarted, encode


def proved(runtime: Runtime, job: JobHandle) -> Proof:
    """A proof of the job, which is proved."""
    before = runtime.store.position()
    proof = job.verify()
    assert proof.verdict is Verdict.PROVED, proof
    assert proof.difference is None
    assert proof.projection == "equal"
    assert proof.sequence == proof.events == job.state.sequence
    assert runtime.store.position() == before, "verifying wrote to the log"
    return proof


def test_a_job_that_makes_every_host_call(witness: Runtime) -> None:
    job = run_witness(witness, "all")
    proof = proved(witness, job)
    guest = events_of(job, GuestEvent)
    assert proof.compared.functions == {
        "add_warning": 1,
        "call": 5,
        "check_interrupt": 4,
        "checkpoint": 1,
        "increment_bytes": 1,
        "increment_items": 1,
        "log": 1,
        "report_progress": 2,
    }
    assert proof.compared.answers == {"query": 1, "action": 3, "checkpoint saved": 1, "refusal or failure": 1}
    assert (proof.compared.calls, proof.compared.silent) == (16, 4)
    assert proof.compared.events == len(guest) + 1, "and its end"
    assert proof.compared.bytes == sum(len(encode(event)) for event in (*guest, *events_of(job, JobCompleted)))
    assert proof.compared.fuel == job.state.fuel
    assert proof.compared.host_events == 2
    (run,) = proof.runs
    assert (run.number, run.origin, run.end, run.by_guest, run.same_fuel) == (1, 0, "completed", True, True)
    assert proof.original_seconds > 0
    assert proof.ran_with == (proof.verified_with,)


def test_what_is_not_compared_is_said(witness: Runtime) -> None:
    proof = proved(witness, run_witness(witness, "all"))
    assert {(one.what, one.count) for one in proof.not_compared} == {
        ("events of the host itself", 2),
        ("interrupt checks", 4),
    }


@pytest.mark.parametrize("name", ["traps", "starves", "overflows", "grows", "lies"])
def test_a_job_that_fails_fails_again_in_the_same_way(witness: Runtime, name: str) -> None:
    job = run_witness(witness, name, Status.FAILED, limits=JobLimits(fuel=2_000_000, memory_bytes=4 << 20))
    (run,) = proved(witness, job).runs
    assert (run.end, run.by_guest, run.calls) == ("failed", True, 1)
    assert run.fuel == job.state.fuel


def test_a_job_that_is_tried_again_has_a_run_for_each_try(witness: Runtime) -> None:
    job = run_witness(witness, "fails", attempts=2)
    first, second = proved(witness, job).runs
    assert (first.origin, first.end, first.by_guest, first.calls) == (0, "retry-scheduled", True, 3)
    assert (second.origin, second.end, second.calls) == (4, "completed", 1)


@patient
def test_a_job_that_was_paused_and_resumed(witness: Runtime) -> None:
    job = witness.dispatch(f"{WITNESS}:polite")
    eventually(lambda: job.items == 1)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    job.resume()
    eventually(lambda: job.attempts == 2)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    first, second = proved(witness, job).runs
    assert (first.end, first.by_guest, first.answers) == ("paused", True, {"checkpoint saved": 1, "interrupt": 1})
    assert (second.end, second.by_guest) == ("cancelled", True)


def test_a_job_that_had_to_be_killed_is_followed_to_its_last_call(witness: Runtime) -> None:
    job = witness.dispatch(f"{WITNESS}:spin")
    eventually(lambda: job.items == 1)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    proof = proved(witness, job)
    (run,) = proof.runs
    assert (run.end, run.by_guest, run.calls, run.events) == ("cancelled", False, 1, 1)
    assert "work after the last recorded call" in {one.what for one in proof.not_compared}


def test_a_job_without_a_call(witness: Runtime) -> None:
    assert proved(witness, run_witness(witness, "quiet")).compared.calls == 0


def test_a_job_that_runs_is_verified_up_to_where_it_is(witness: Runtime) -> None:
    with Gate(witness) as gate:
        job = witness.dispatch(f"{WITNESS}:gated")
        gate.arrival()
        eventually(lambda: job.items == 1)  # on disk
        proof = witness.verify(job.job_id)
        assert (proof.verdict, proof.status) == (Verdict.PROVED, "running")
        assert (proof.runs[0].end, proof.runs[0].calls) == ("unfinished", 1)
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert proved(witness, job).compared.answers == {"query": 2}


def test_a_job_whose_process_was_killed_is_one_run_of_two_attempts(tmp_path: Path) -> None:
    with RuntimeProcess("run_jobs", tmp_path, "gate", "spin") as process:
        process.line()
        process.line()
        process.expect("begun")
        process.kill()
    settings = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)
    with Gate() as gate, Runtime.open(tmp_path, settings=settings, operations=[gate.handler]) as runtime:
        spun, gated = (runtime.job(state.job_id) for state in runtime.jobs().jobs)
        gate.arrival().let_go()
        assert gated.wait(TIMEOUT).status is Status.COMPLETED
        assert len(events_of(gated, JobStarted)) == 2
        (run,) = proved(runtime, gated).runs
        assert (run.attempts, run.end, run.by_guest) == (2, "completed", True)
        eventually(lambda: spun.attempts == 2)
        spun.cancel()
        spun.wait(TIMEOUT)
        (run,) = proved(runtime, spun).runs
        assert (run.attempts, run.by_guest, run.calls) == (2, False, 1)
        assert check(runtime.store).problems == []


def test_two_proofs_at_once(witness: Runtime) -> None:
    jobs = [run_witness(witness, name) for name in ("all", "quiet")]
    found: list[Proof] = []
    threads = [threading.Thread(target=lambda job=job: found.append(witness.verify(job.job_id))) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert [proof.verdict for proof in found] == [Verdict.PROVED, Verdict.PROVED]


def test_no_operation_is_called(witness: Runtime) -> None:
    with Gate(witness) as gate:
        gate.open()
        job = witness.dispatch(f"{WITNESS}:gated")
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        arrived = len(gate._all)
        proved(witness, job)
        assert len(gate._all) == arrived == 2


def test_it_can_be_stopped(witness: Runtime) -> None:
    job = run_witness(witness, "starves", Status.FAILED, limits=JobLimits(fuel=200_000_000))
    stop = Stop()
    stop()
    with pytest.raises(VerifyStopped):
        witness.verify(job.job_id, stop=stop)


def test_an_unknown_job(witness: Runtime) -> None:
    with pytest.raises(UnknownJob):
        witness.verify("0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12")


# --- what can no longer be read --------------------------------------------------------------------------------------


def test_sealed_payloads_are_opened_and_counted(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, ("query:test.nothing", b'{"secret":1}'))
    job = run_calls(runtime)
    proof = proved(runtime, job)
    assert (proof.compared.opened, proof.compared.calls) == (1, 1)
    assert "operation" in tags_of(job)


def test_erased_payloads_end_their_run_and_later_ones_are_proved(witness: Runtime) -> None:
    job = run_witness(witness, "whispers", attempts=2)
    assert proved(witness, job).compared.opened == 1
    witness.erase(extension=WITNESS)
    proof = witness.verify(job.job_id)
    assert proof.verdict is Verdict.PARTIAL
    assert proof.difference is None
    (lost,) = proof.lost
    assert (lost.run, lost.call, lost.calls) == (1, 2, 3)
    assert "was destroyed" in lost.why
    first, second = proof.runs
    assert (first.calls, first.events, second.calls, second.events) == (1, 1, 1, 2)
    assert check(witness.store).problems == []


def test_a_folded_job_says_so(witness: Runtime) -> None:
    job = run_witness(witness, "all")
    witness.fold_jobs(timedelta(0))
    with pytest.raises(JobIsFolded):
        witness.verify(job.job_id)
    with pytest.raises(JobIsFolded):
        witness.export_bundle(job.job_id, witness._cache_folder / "job.perdure")


def test_a_module_that_is_gone_cannot_be_run_again(witness: Runtime) -> None:
    job = run_witness(witness, "all")
    witness.store.blobs.remove(job.state.module)
    for file in witness._cache_folder.iterdir():
        file.unlink()
    proof = witness.verify(job.job_id)
    assert proof.verdict is Verdict.PARTIAL
    (lost,) = proof.lost
    assert (lost.run, lost.call, lost.calls) == (1, 1, 15)
    assert "missing" in lost.why
