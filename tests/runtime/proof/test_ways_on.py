"""Jobs that went on in other ways: taken up, begun anew, moved, forked, with actions done before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.conftest import GRACE
from tests.support.gate import Gate
from tests.support.job_history import events_of, tags_of
from tests.support.rewritten import changing, rewritten
from tests.support.versions import stepping, version_folder
from tests.support.waiting import TIMEOUT, eventually
from tests.support.witness import WITNESS, install_witness, run_witness

from perdure.actors.requeueing import ReplayLimit
from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.proof import Proof, Verdict, Verifier, verify_bundle
from perdure.store.events import ActionReused, ItemsCounted, JobForked, JobMoved, JobRecovered, job_stream


def proved(runtime: Runtime, job: JobHandle, folder: Path) -> Proof:
    """The proof from the log; a bundle gives the same."""
    proof = runtime.verify(job.job_id)
    assert proof.verdict is Verdict.PROVED, (proof.difference, proof.damage, proof.lost)
    runtime.export_bundle(job.job_id, folder / "job.perdure")
    bundle = verify_bundle(folder / "job.perdure")
    assert (bundle.verdict, bundle.runs) == (Verdict.PROVED, proof.runs)
    return proof


def broken_off(runtime: Runtime, name: str, items: int) -> JobHandle:
    """A job that loops without a call, and had to be stopped for a pause."""
    job = runtime.dispatch(f"{WITNESS}:{name}")
    eventually(lambda: job.items == items)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    return job


def cancelled(job: JobHandle) -> None:
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED


def test_a_run_that_is_taken_up_from_its_beginning(witness: Runtime, tmp_path: Path) -> None:
    job = broken_off(witness, "sticks", 2)
    job.resume()
    eventually(lambda: job.attempts == 2)
    cancelled(job)
    (run,) = proved(witness, job, tmp_path).runs
    assert (run.attempts, run.calls, run.events, run.by_guest) == (2, 3, 3, False)


def test_a_long_run_that_is_taken_up_from_its_checkpoint(tmp_path: Path) -> None:
    settings = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE, replay_limit=ReplayLimit(fuel=0, events=0))
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        install_witness(runtime, tmp_path)
        job = broken_off(runtime, "sticks", 2)
        job.resume()
        eventually(lambda: job.attempts == 2)
        cancelled(job)
        (event,) = events_of(job, JobRecovered)
        assert event.origin
        first, second = proved(runtime, job, tmp_path).runs
        assert (first.origin, first.calls, first.end, first.by_guest) == (0, 3, "paused", False)
        assert (second.origin, second.calls, second.end) == (event.origin, 1, "cancelled")
        assert "fuel before the run was taken up" in {one.what for one in second.not_compared}


def test_actions_that_an_earlier_run_has_done(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "repeats", attempts=2)
    assert len(events_of(job, ActionReused)) == 2
    first, second = proved(witness, job, tmp_path).runs
    assert first.answers == {"action": 2, "checkpoint saved": 1}
    assert second.answers == {"action": 1, "reused action": 2}


def test_a_job_that_moved_to_another_version(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(version_folder(tmp_path, "1.0.0", stepping("old")))
    with Gate(runtime) as gate:
        job = runtime.dispatch("acme:walk")
        gate.arrival().let_go()
        waiting = gate.arrival()
        runtime.install(version_folder(tmp_path, "2.0.0", stepping("new"), {"walk": "checkpoint"}))
        waiting.let_go()
        gate.open()
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert len(events_of(job, JobMoved)) == 1
        proof = proved(runtime, job, tmp_path)
        assert len({run.module for run in proof.runs}) == 2


# --- forks -----------------------------------------------------------------------------------------------------------


def test_a_fork_is_proved_from_the_run_that_it_took_up(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    sequence = next(entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, ItemsCounted))
    fork = witness.fork(job.job_id, sequence)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    proof = proved(witness, fork, tmp_path)
    assert proof.forked_from == job.job_id
    (run,) = proof.runs
    assert (run.calls, run.by_guest) == (16, True)


def test_a_fork_with_another_state_leaves_the_runs_before_to_the_original(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "fails", attempts=2)
    fork = witness.fork(job.job_id, state={"saved": 1})
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    proof = witness.verify(fork.job_id)
    assert proof.is_proved
    assert [one.count for one in proof.not_compared if one.what == "runs before the fork"] == [2]
    assert len(proof.runs) == 1
    # In a bundle the original is not at hand: what the fork says of it is its own word.
    witness.export_bundle(fork.job_id, tmp_path / "fork.perdure")
    assert verify_bundle(tmp_path / "fork.perdure").verdict is Verdict.PARTIAL


def test_runs_before_a_fork_are_run_again_as_the_original(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "fails", attempts=2)
    last = [entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, ItemsCounted)][-1]
    fork = witness.fork(job.job_id, last)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    proof = proved(witness, fork, tmp_path)
    assert [run.end for run in proof.runs] == ["retry-scheduled", "completed"]
    assert "runs before the fork" not in {one.what for one in proof.not_compared}


def test_a_fork_of_a_history_that_never_was_is_damage(witness: Runtime) -> None:
    job = run_witness(witness, "all")
    sequence = next(entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, ItemsCounted))
    fork = witness.fork(job.job_id, sequence)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    store = rewritten(witness.store, fork.job_id, changing(JobForked, hash=bytes(32)))
    events = [stored.event for stored in witness.store.read(job_stream(job.job_id))]
    store.append(job_stream(job.job_id), events)
    proof = Verifier(store, witness.keychain).verify(fork.job_id)
    assert proof.verdict is Verdict.DAMAGED
    assert "no fork of" in proof.damage


@pytest.mark.parametrize("name", ["names", "all", "insists"])
def test_a_fork_of_a_fork(witness: Runtime, tmp_path: Path, name: str) -> None:
    job = run_witness(witness, name, attempts=2)
    sequence = [entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, ItemsCounted)][-1]
    fork = witness.fork(job.job_id, sequence)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    again = witness.fork(fork.job_id, sequence)
    assert again.wait(TIMEOUT).status is Status.COMPLETED, again.error
    assert "forked" in tags_of(again)
    proved(witness, again, tmp_path)


def test_a_fork_onto_another_module(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(version_folder(tmp_path, "1.0.0", stepping("old")))
    runtime.install(version_folder(tmp_path, "2.0.0", stepping("old", before="(drop (i32.const 7))", after="(nop)")))
    with Gate(runtime) as gate:
        gate.open()
        job = runtime.dispatch("acme:walk")
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        (tmp_path / "other.wasm").write_bytes(stepping("old", extra="(drop (i32.const 7))"))
        sequence = next(
            entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, ItemsCounted)
        )
        fork = runtime.fork(job.job_id, sequence, module=tmp_path / "other.wasm")
        assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
        proved(runtime, fork, tmp_path)


def test_a_fork_with_another_answer(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    fork = witness.fork(job.job_id, answer=(6, {"total": 1}))
    assert fork.wait(TIMEOUT).status is Status.COMPLETED, fork.error
    proved(witness, fork, tmp_path)
