"""Histories that somebody altered, hash chain and all: a verification says where the guest does something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.rewritten import Alter, changing, history_of, proof_of_rewritten, rewritten, without
from tests.support.witness import install_witness, run_witness

from perdure.runtime import JobHandle, JobLimits, Runtime, Status
from perdure.runtime.proof import Verdict, Verifier
from perdure.store import MemoryEventStore
from perdure.store import events as ev
from perdure.store.event_store import AppendRequest


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A runtime, and a job of each kind in it: nothing here changes them."""
    folder = tmp_path_factory.mktemp("told")
    with Runtime.open(folder / "data") as runtime:
        install_witness(runtime, folder)
        jobs = {
            "all": run_witness(runtime, "all"),
            "traps": run_witness(runtime, "traps", Status.FAILED),
            "fails": run_witness(runtime, "fails", attempts=2),
            "starves": run_witness(runtime, "starves", Status.FAILED, limits=JobLimits(fuel=2_000_000)),
        }
        yield runtime, jobs


OTHER = ev.Inline(b'{"source":"a","target":"b","amount":9}')

# What is altered, and the call where that shows.
ALTERATIONS: list[tuple[str, str, Alter, int]] = [
    ("a line of the log", "all", changing(ev.LogWritten, message="Begins"), 1),
    ("its level", "all", changing(ev.LogWritten, level=2), 1),
    ("its fuel", "all", changing(ev.LogWritten, fuel=1), 1),
    ("progress", "all", changing(ev.ProgressReported, progress=0.26), 3),
    ("a zero's sign", "all", changing(ev.ProgressReported, 1, progress=-0.0), 15),
    ("a count of bytes", "all", changing(ev.BytesCounted, count=65), 4),
    ("a count of items", "all", changing(ev.ItemsCounted, count=2), 5),
    ("a query's name", "all", changing(ev.OperationAnswered, method="query:bank.audits"), 6),
    ("an action's payload", "all", changing(ev.ActionAnswered, payload=OTHER), 7),
    ("an action's fuel", "all", changing(ev.ActionAnswered, 1, fuel=7), 9),
    ("an action's effect key", "all", changing(ev.ActionAnswered, 2, effect_key="0" * 32), 10),
    ("a checkpoint", "all", changing(ev.CheckpointSaved, state=ev.Inline(b'{"saved":2}')), 8),
    ("a warning", "all", changing(ev.WarningAdded, message="do not look"), 12),
    ("a call's number", "all", changing(ev.WarningAdded, call=11), 0),
    ("an item that is gone", "all", without(ev.ItemsCounted), 5),
    ("the last report that is gone", "all", without(ev.ProgressReported, 1), 15),
    ("the fuel of the end", "all", changing(ev.JobCompleted, fuel=5), 17),
    ("the kind of an error", "traps", changing(ev.JobFailed, error=ev.JobError("trap", "another")), 2),
    ("the fuel that an error came at", "starves", changing(ev.JobFailed, fuel=1_999_999), 2),
    ("the second run", "fails", changing(ev.ItemsCounted, 2, count=3), 1),
]


@pytest.mark.parametrize(("name", "job", "alter", "call"), ALTERATIONS, ids=[row[0] for row in ALTERATIONS])
def test_what_was_altered_is_found(told: Any, name: str, job: str, alter: Alter, call: int) -> None:
    runtime, jobs = told
    proof = proof_of_rewritten(runtime, jobs[job], alter)
    if not call:  # it cannot be one guest's
        assert proof.verdict is Verdict.DAMAGED
        return
    assert proof.verdict is Verdict.DIFFERS, proof
    assert proof.difference is not None
    assert proof.difference.call == call
    assert repr(proof.difference.recorded) != repr(proof.difference.came)
    assert f"call {call}" in proof.difference.message


def inserted(events: list[Any]) -> list[Any]:
    place = next(place for place, event in enumerate(events) if isinstance(event, ev.ItemsCounted))
    return [*events[: place + 1], events[place], *events[place + 1 :]]


def swapped(events: list[Any]) -> list[Any]:
    place = next(place for place, event in enumerate(events) if isinstance(event, ev.BytesCounted))
    return [*events[:place], events[place + 1], events[place], *events[place + 2 :]]


def another_action(events: list[Any]) -> list[Any]:
    """An action that the guest never called, beside one that it did."""
    place = next(place for place, event in enumerate(events) if isinstance(event, ev.ActionAnswered))
    forged = msgspec.structs.replace(events[place], payload=OTHER, writes=())
    return [*events[:place], forged, *events[place:]]


def false_intent(events: list[Any]) -> list[Any]:
    place = next(place for place, event in enumerate(events) if isinstance(event, ev.ActionAnswered))
    true = events[place]
    intent = ev.ActionIntended(
        true.call, true.fuel, true.method, true.library_id, "idempotent", true.effect_key, payload=OTHER
    )
    return [*events[:place], intent, *events[place:]]


@pytest.mark.parametrize("alter", [inserted, swapped, another_action, false_intent])
def test_events_that_no_guest_leaves_are_damage(told: Any, alter: Callable[[list[Any]], list[Any]]) -> None:
    runtime, jobs = told
    proof = proof_of_rewritten(runtime, jobs["all"], alter)
    assert proof.verdict is Verdict.DAMAGED
    assert "event" in proof.damage


def test_an_answer_that_changes_what_the_guest_does_is_found(told: Any) -> None:
    # It resumes from its checkpoint, so its state is an answer too: with another one it goes another way.
    runtime, jobs = told
    proof = proof_of_rewritten(runtime, jobs["fails"], changing(ev.CheckpointSaved, state=ev.Inline(b'{"saved":0}')))
    assert [run.difference is not None for run in proof.runs] == [True, True]
    assert proof.difference == proof.runs[0].difference


def test_a_history_that_goes_on_after_the_guest_ended(told: Any) -> None:
    runtime, jobs = told

    def alter(events: list[Any]) -> list[Any]:
        last = next(event for event in reversed(events) if isinstance(event, ev.ProgressReported))
        return [*events[:-1], ev.ItemsCounted(last.call + 2, last.fuel + 1, 1), events[-1]]

    proof = proof_of_rewritten(runtime, jobs["all"], alter)
    assert proof.verdict is Verdict.DIFFERS
    assert proof.difference is not None
    assert proof.difference.came == {"function": "none", "end": "completed"}


def test_another_module_is_found(told: Any, tmp_path: Path) -> None:
    from tests.support.acme import acme_module

    runtime, jobs = told
    other = runtime.store.blobs.put(acme_module())
    proof = proof_of_rewritten(runtime, jobs["fails"], changing(ev.JobDispatched, module=other))
    assert proof.verdict in (Verdict.DIFFERS, Verdict.PARTIAL)


def test_an_altered_chain_is_damage(told: Any) -> None:
    runtime, jobs = told
    job: JobHandle = jobs["all"]
    copy = rewritten(runtime.store, job.job_id, lambda events: events)
    frame = copy._frames[0]
    copy._frames[0] = msgspec.structs.replace(frame, data=frame.data.replace(b"look at this", b"look at that"))
    number = copy._ends[ev.job_stream(job.job_id)].head.number
    copy._by_stream[number] = [(first, copy._frames[0]) for first, _ in copy._by_stream[number]]
    proof = Verifier(copy, runtime.keychain).verify(job.job_id)
    assert proof.verdict is Verdict.DAMAGED


# --- another wasmtime ------------------------------------------------------------------------------------------------


def test_fuel_that_another_wasmtime_counted_is_said_and_all_else_is_compared(told: Any) -> None:
    runtime, jobs = told
    job: JobHandle = jobs["all"]
    copy = MemoryEventStore()
    copy.blobs = runtime.store.blobs
    opened = ev.RuntimeOpened(1234, "0.0.9", "12.0.0")
    copy.append(ev.RUNTIME_STREAM, [opened])

    def other_fuel(event: Any) -> Any:
        if isinstance(event, ev.JobStarted):
            return msgspec.structs.replace(event, pid=1234)
        return msgspec.structs.replace(event, fuel=event.fuel * 2) if getattr(event, "fuel", None) else event

    def put(events: list[Any]) -> None:
        bodies = [ev.encode(event) for event in events]
        (answer,) = copy.append_batch([AppendRequest(ev.job_stream(job.job_id), bodies, list(range(len(bodies))))])
        assert not isinstance(answer, Exception)

    put([other_fuel(event) for event in history_of(runtime.store, job.job_id)])
    proof = Verifier(copy, runtime.keychain).verify(job.job_id)
    assert proof.verdict is Verdict.PARTIAL, proof.difference
    assert not proof.runs[0].same_fuel
    assert [one.what for one in proof.not_compared if not one.expected] == ["fuel"]
    assert proof.ran_with[0].wasmtime == "12.0.0"
