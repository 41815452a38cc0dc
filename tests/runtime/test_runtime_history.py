"""The past of a job: its events, its state at any of them, what was done again after a fall back to a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.gate import Gate
from tests.support.job_history import tags_of
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobHandle, RetryPolicy, Runtime, Status, history, state_at
from perdure.runtime.errors import NoSuchSequence
from perdure.store import LmdbEventStore, UnknownJob, export_lines
from perdure.store.events import job_stream


@pytest.fixture
def job(runtime: Runtime, gate: Gate) -> JobHandle:
    """A job that failed after its checkpoint, and completed from it."""
    job = runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1))
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    return job


TAGS = [
    "dispatched", "started", "items", "checkpoint", "items", "retry-scheduled", "resumed", "started", "items",
    "completed",
]  # fmt: skip


def test_what_was_done_again_is_marked_and_stays(job: JobHandle) -> None:
    entries = list(job.history())
    assert [entry.stored.sequence for entry in entries] == list(range(1, 11))
    assert tags_of(job) == TAGS
    # Only what the guest did after the checkpoint: what happened to the job happened.
    assert [entry.stored.sequence for entry in entries if entry.superseded] == [5]
    assert job.items == 2


@pytest.mark.parametrize(("first", "last"), [(1, None), (4, 6), (10, 10), (10, 99), (11, None), (7, 3), (-5, 2)])
def test_a_part_of_it(job: JobHandle, first: int, last: int | None) -> None:
    wanted = [number for number in range(1, 11) if first <= number <= (last if last is not None else 10)]
    assert [entry.stored.sequence for entry in job.history(first, last)] == wanted


def test_the_state_at_each_event(job: JobHandle) -> None:
    states = [job.state_at(sequence) for sequence in range(1, 11)]
    assert [str(state.status) for state in states] == [
        "queued", "running", "running", "running", "running", "backoff", "queued", "running", "running", "completed",
    ]  # fmt: skip
    assert [state.items for state in states] == [0, 0, 1, 1, 2, 2, 1, 1, 2, 2]
    assert [state.attempts for state in states] == [0, 1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert states[-1] == job.state
    assert [state.sequence for state in states] == list(range(1, 11))


@pytest.mark.parametrize("sequence", [0, -1, 11, 10**30])
def test_a_sequence_that_is_not_there(job: JobHandle, sequence: int) -> None:
    with pytest.raises(NoSuchSequence) as caught:
        job.state_at(sequence)
    assert (caught.value.sequence, caught.value.latest) == (sequence, 10)


def test_the_past_of_a_job_that_is_not_there(runtime: Runtime) -> None:
    nobody = "00000000-0000-0000-0000-000000000007"
    with pytest.raises(UnknownJob):
        next(runtime.history(nobody))
    with pytest.raises(UnknownJob):
        runtime.state_at(nobody, 1)


def test_the_past_can_be_read_while_the_job_runs(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    assert tags_of(job) == ["dispatched", "started", "items"]
    assert job.state_at(2).items == 0
    job.cancel()
    job.wait(TIMEOUT)


def test_a_log_without_its_runtime(runtime: Runtime, job: JobHandle, tmp_path: Path) -> None:
    expected = [(entry.stored.hash, entry.superseded) for entry in job.history()]
    final = job.state
    runtime.close()
    with LmdbEventStore.open_readonly(tmp_path / "data") as store:
        assert [(entry.stored.hash, entry.superseded) for entry in history(store, job.job_id)] == expected
        assert state_at(store, job.job_id, 10) == final
        lines = [json.loads(line) for line in export_lines(store.read(job_stream(job.job_id)))]
        assert [line["sequence"] for line in lines] == list(range(1, 11))
