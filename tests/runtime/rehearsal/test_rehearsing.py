"""Recorded jobs, run again with a new version: same, different, incompatible, undecided; nothing happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate
from tests.support.job_history import events_of
from tests.support.secret_calls import ALL, NOTES, calls_module, install_calls, run_calls
from tests.support.versions import STEPS, stepping, version_folder
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import compiled, forever

from perdure.runtime import (
    JobHandle,
    JobLimits,
    JobRehearsal,
    Rehearsal,
    RehearsalLimits,
    RehearsalRefused,
    Runtime,
    Status,
    UpgradePolicy,
    grant_as_asked,
)
from perdure.runtime.errors import NoUpdateProposed, UnknownExtension
from perdure.runtime.extensions import InitLimits
from perdure.runtime.rehearsal.new_version import new_version
from perdure.runtime.rehearsal.rehearsal import Verdict
from perdure.runtime.rehearsal.workers import RehearsalWorkers
from perdure.store.events import ActionAnswered, CheckpointSaved, Sealed

OLD, NEW = "1.0.0", "2.0.0"


@pytest.fixture
def gate(runtime: Runtime, tmp_path: Path) -> Iterator[Gate]:
    """The old version in the runtime, and the gate at which its jobs wait."""
    runtime.install(version_folder(tmp_path, OLD, stepping("old")))
    with Gate(runtime) as gate:
        yield gate


def completed(runtime: Runtime, gate: Gate) -> JobHandle:
    job = runtime.dispatch("acme:walk")
    for _ in range(STEPS):
        gate.arrival().let_go()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    return job


def rehearsed(runtime: Runtime, folder: Path, module: bytes, **options: object) -> Rehearsal:
    return runtime.rehearse(version_folder(folder, NEW, module), workers=1, **options)  # type: ignore[arg-type]


def only(found: Rehearsal) -> JobRehearsal:
    [job] = found.jobs
    return job


# --- finished jobs ---------------------------------------------------------------------------------------------------


def test_a_version_that_does_the_same(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = completed(runtime, gate)
    position = runtime.store.position()
    found = rehearsed(runtime, tmp_path, stepping("old"))
    assert found.good
    assert (found.extension, found.installed, found.version, found.finished) == ("acme", OLD, NEW, 1)
    one = only(found)
    assert (one.job_id, one.verdict, one.calls, one.runs, one.onward) == (job.job_id, Verdict.SAME, 5 * STEPS, 1, None)
    assert one.recorded_fuel == one.fuel > 0
    assert runtime.store.position() == position, "a rehearsal left something in the log"
    assert runtime.inspect("acme").version == OLD


def test_fuel_alone_is_no_difference(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    found = rehearsed(runtime, tmp_path, stepping("old", extra="(drop (i32.add (i32.const 1) (i32.const 2)))"))
    assert found.good
    assert only(found).fuel > only(found).recorded_fuel


def test_a_version_that_differs_at_a_call(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    one = only(rehearsed(runtime, tmp_path, stepping("new")))
    assert (one.verdict, one.calls) == (Verdict.DIFFERENT, 2)
    assert one.difference is not None
    assert (one.difference.run, one.difference.call, one.difference.sequence) == (1, 3, 5)
    assert one.difference.recorded == {"function": "add_warning", "message": "old"}
    assert one.difference.came == {"function": "add_warning", "message": "new"}
    assert "call 3" in one.reason


def test_a_version_that_calls_once_more_at_the_end(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    more = "(call $spacedrive_log (i32.const 1) (i32.const 1040) (i32.const 4))"
    one = only(rehearsed(runtime, tmp_path, stepping("old", after=more)))
    assert one.difference is not None
    assert one.difference.recorded == {"function": "none", "end": "completed"}
    assert one.difference.came["function"] == "log"
    assert one.difference.call == 5 * STEPS + 1


def test_a_version_that_ends_otherwise(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    for ending, came in (("(unreachable)", "trap"), ("(return (i32.const 2))", "guest_failed")):
        one = only(rehearsed(runtime, tmp_path, stepping("old", after=ending)))
        assert one.difference is not None
        assert (one.difference.came["end"], one.difference.came["error"]) == ("failed", came)
        assert one.difference.recorded == {"function": "none", "end": "completed"}


def test_a_version_that_repairs_a_failure_differs_at_the_end(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    runtime.install(version_folder(tmp_path, "1.5.0", stepping("old", after="(unreachable)")))
    job = runtime.dispatch("acme:walk")
    for _ in range(STEPS):
        gate.arrival().let_go()
    assert job.wait(TIMEOUT).status is Status.FAILED
    assert only(rehearsed(runtime, tmp_path, stepping("old", after="(unreachable)"))).verdict is Verdict.SAME
    one = only(rehearsed(runtime, tmp_path, stepping("old")))
    assert one.difference is not None
    assert (one.difference.recorded["error"], one.difference.came["end"]) == ("trap", "completed")


def test_a_job_that_ran_out_of_fuel_is_compared_to_there(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    fuel = completed(runtime, gate).fuel
    job = runtime.dispatch("acme:walk", limits=JobLimits(fuel=fuel - 100))
    for _ in range(STEPS):
        gate.arrival().let_go()
    state = job.wait(TIMEOUT)
    assert state.error is not None
    assert state.error.kind == "out_of_fuel"
    assert rehearsed(runtime, tmp_path, stepping("old", after="(nop) (nop)")).good


# --- what cannot run -------------------------------------------------------------------------------------------------


def test_a_job_type_that_is_gone(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    one = only(rehearsed(runtime, tmp_path, stepping("old", jobs=("spin",))))
    assert (one.verdict, one.reason) == (Verdict.INCOMPATIBLE, f"version {NEW} has no job type walk")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('(module (import "wasi_snapshot_preview1" "fd_write" (func)) (memory (export "memory") 1))', "fd_write"),
        (
            '(module (memory (export "memory") 1) (func (export "plugin_init") (result i32) (i32.const 3)))',
            "returned 3",
        ),
        ('(module (memory (export "memory") 1) (func (export "plugin_init") (result i32) (unreachable)))', "trap"),
    ],
)
def test_a_module_that_is_refused(runtime: Runtime, gate: Gate, tmp_path: Path, source: str, says: str) -> None:
    completed(runtime, gate)
    found = rehearsed(runtime, tmp_path, compiled(source))
    assert not found.good
    assert says in found.problem
    assert (only(found).verdict, only(found).reason) == (Verdict.INCOMPATIBLE, found.problem)


def test_no_such_version(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    with pytest.raises(NoUpdateProposed):
        runtime.rehearse("acme")
    with pytest.raises(RehearsalRefused) as caught:
        runtime.rehearse("nobody")
    assert caught.value.known == ("acme",)
    with pytest.raises(UnknownExtension):
        runtime.rehearse(version_folder(tmp_path / "o", NEW, stepping("old"), id="other"))
    with pytest.raises(ValueError, match="workers"):
        runtime.rehearse(version_folder(tmp_path, NEW, stepping("old")), workers=0)
    with pytest.raises(ValueError, match="sample"):
        runtime.rehearse(version_folder(tmp_path, NEW, stepping("old")), sample=-1)


def test_the_version_that_waits_for_consent(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(version_folder(tmp_path, OLD, stepping("old")), consent=grant_as_asked)
        with Gate(runtime) as gate:
            completed(runtime, gate)
        more = {"methods": ["query:test.", "query:vdfs."]}
        runtime.install(version_folder(tmp_path, NEW, stepping("new"), permissions=more))
        found = runtime.rehearse("acme", workers=1)
        assert (found.version, only(found).verdict) == (NEW, Verdict.DIFFERENT)
        assert runtime.inspect("acme").update is not None


# --- hostile and slow modules ----------------------------------------------------------------------------------------


def test_a_module_that_burns_fuel_is_stopped_by_it(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    limits = RehearsalLimits(spare_fuel=1_000_000)
    one = only(rehearsed(runtime, tmp_path, stepping("old", extra=forever()), limits=limits))
    assert one.verdict is Verdict.DIFFERENT
    assert one.difference is not None
    assert "ran out of fuel" in str(one.difference.came["end"])


def test_a_module_that_takes_too_long_is_given_up(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    completed(runtime, gate)
    limits = RehearsalLimits(spare_fuel=1 << 60, seconds=0.3)
    one = only(rehearsed(runtime, tmp_path, stepping("old", extra=forever()), limits=limits))
    assert (one.verdict, one.reason) == (Verdict.UNDECIDED, "it took longer than 0.3 s, and was given up")


# --- unfinished jobs -------------------------------------------------------------------------------------------------


def test_an_unfinished_job_is_compared_as_far_as_it_is_and_tried_from_its_checkpoint(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:walk")
    gate.arrival().let_go()
    gate.arrival()
    eventually(lambda: job.state.sequence >= 8)
    found = runtime.rehearse(
        version_folder(tmp_path, NEW, stepping("old"), {"walk": "checkpoint"}), workers=1, sample=0
    )
    one = only(found)
    [saved] = [entry.stored.sequence for entry in job.history() if isinstance(entry.stored.event, CheckpointSaved)]
    assert (one.verdict, one.status, one.policy) == (Verdict.SAME, Status.RUNNING, UpgradePolicy.CHECKPOINT)
    assert one.onward is not None
    assert (one.onward.checkpoint, one.onward.goes_on) == (saved, True)
    assert one.onward.first == {"function": "log", "level": 1, "message": "a step"}
    assert events_of(job, CheckpointSaved), "the job went on undisturbed"


def test_a_job_that_could_not_go_on_with_the_new_version(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    gate.arrival().let_go()
    gate.arrival()
    eventually(lambda: job.state.checkpoint is not None)
    refuses = "(if (i32.eq (local.get $i) (i32.const 1)) (then (return (i32.const 2))))"
    found = rehearsed(runtime, tmp_path, stepping("old", before=refuses))
    one = only(found)
    assert one.onward is not None
    assert (one.onward.goes_on, one.onward.problem) == (False, "failed: execute_walk returned 2 (failed)")
    assert not found.good
    [summary] = found.by_type
    assert (summary.unfinished, summary.cannot_go_on) == (1, 1)


def test_a_job_that_has_not_begun(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    runtime.dispatch("acme:walk")
    gate.arrival()
    queued = runtime.dispatch("acme:walk")
    found = rehearsed(runtime, tmp_path, stepping("new"))
    one = next(job for job in found.jobs if job.job_id == queued.job_id)
    assert (one.verdict, one.runs) == (Verdict.SAME, 0)
    assert one.onward is not None
    assert (one.onward.checkpoint, one.onward.goes_on) == (0, True)


# --- logs and keys ---------------------------------------------------------------------------------------------------


def test_a_log_in_memory(tmp_path: Path) -> None:
    with Runtime.in_memory(consent=grant_as_asked) as runtime:
        runtime.install(version_folder(tmp_path, OLD, stepping("old")))
        with Gate(runtime) as gate:
            completed(runtime, gate)
        told: list[tuple[int, int]] = []
        found = rehearsed(runtime, tmp_path, stepping("new"), told=lambda job, done, total: told.append((done, total)))
        assert only(found).verdict is Verdict.DIFFERENT
        assert told == [(1, 1)]


def test_in_several_processes_the_same_is_found(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    for _ in range(4):
        completed(runtime, gate)
    folder = version_folder(tmp_path, NEW, stepping("new"))
    one, two = (runtime.rehearse(folder, workers=count, seed=7) for count in (1, 2))
    assert one == two
    assert len(one.jobs) == 4


def test_a_process_that_dies_costs_no_other_job(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    jobs = [completed(runtime, gate).job_id for _ in range(2)]
    version = new_version(
        runtime.store, str(version_folder(tmp_path, NEW, stepping("old"))), InitLimits(5.0, 1_000_000_000)
    )
    other = msgspec.structs.replace(version, module="00" * 32)  # as if somebody had changed the file
    with RehearsalWorkers(tmp_path / "data", other, RehearsalLimits(), 1, None) as workers:
        found = dict(workers.rehearse(jobs))
    assert found.keys() == set(jobs)
    assert all("ended the process that ran it, with exit code 1" in str(one) for one in found.values())


def test_sealed_payloads_are_opened_and_never_shown(runtime: Runtime, tmp_path: Path) -> None:
    secret, other = (
        json.dumps({"name": "key", "credential": {"type": "api_key", "key": key}}).encode()
        for key in ("the-first-secret", "another-secret-1")
    )
    store = "action:credentials.store"
    install_calls(runtime, tmp_path, (store, secret))
    run_calls(runtime)

    def again(payload: bytes) -> JobRehearsal:
        folder = write_extension(
            tmp_path / "new", calls_module((store, payload)), extension=NOTES, version=NEW, permissions=ALL
        )
        return only(runtime.rehearse(folder, workers=1))

    assert again(secret).verdict is Verdict.SAME
    one = again(other)
    assert one.verdict is Verdict.DIFFERENT
    assert "secret" not in str(one)
    for key in _keys_of(runtime):
        runtime.keychain.destroy(key)
    one = again(secret)
    assert (one.verdict, one.calls) == (Verdict.UNDECIDED, 0)
    assert "call 1 cannot be answered from the log" in one.reason


def _keys_of(runtime: Runtime) -> set[str]:
    """The keys that sealed something in the log."""
    return {
        side.key
        for stored in runtime.store.read_all()
        if isinstance(stored.event, ActionAnswered)
        for side in (stored.event.payload, stored.event.answer)
        if isinstance(side, Sealed)
    }
