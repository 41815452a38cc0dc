"""Two jobs' histories beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.job_history import events_of, store_of
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.travellers import World, travellers
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestSpec
from perdure.runtime import JobHandle, RetryPolicy, Runtime, Status
from perdure.runtime.timetravel.history_diff import HistoryDiff, history_diff
from perdure.store import UnknownJob
from perdure.store.events import CheckpointSaved, OperationAnswered


@pytest.fixture
def jobs(runtime: Runtime, tmp_path: Path) -> PythonJobs:
    World(runtime)
    return travellers(runtime, tmp_path)


def done(job: JobHandle) -> JobHandle:
    job.wait(TIMEOUT)
    return job


def diff(left: JobHandle, right: JobHandle) -> HistoryDiff:
    return history_diff(store_of(left), left.job_id, right.job_id)


def quiet(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    """Says nothing of itself; asks, acts, and counts what its state tells it to."""
    told = json.loads(state)
    host.call("query:world.ask")
    host.call("action:world.write", b'{"n": 1}')
    host.call("action:world.send", b'{"n": 1}')
    for count in told["counts"]:
        host.increment_items(count)


def test_two_jobs_that_did_the_same(jobs: PythonJobs) -> None:
    jobs.body = quiet
    left, right = (done(jobs.start({"counts": [1, 2, 3]})) for _ in range(2))
    found = diff(left, right)
    assert found.same
    assert found.same_fuel
    assert [len(run.rows) for run in found.runs] == [6]
    assert diff(left, left).same


def test_the_first_difference_and_the_rest(jobs: PythonJobs) -> None:
    jobs.body = quiet
    left, right = done(jobs.start({"counts": [1, 2, 3, 4]})), done(jobs.start({"counts": [1, 9, 2, 3, 5]}))
    (run,) = diff(left, right).runs
    assert not run.same
    assert not run.same_begin
    assert run.same_end
    assert run.first is not None
    assert run.first.left is None  # the 9 is only on the right
    assert run.first.right is not None
    assert run.first.right.call == 5
    assert [row.same for row in run.rows] == [True] * 4 + [False, True, True, False]
    last = run.rows[-1]
    assert last.left is not None
    assert last.right is not None
    assert (last.left.call, last.right.call) == (7, 8)


def test_other_fuel_is_told_apart(jobs: PythonJobs) -> None:
    def slower(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        if json.loads(state).get("slow"):
            host.fuel += 7
        host.increment_items(1)
        host.increment_items(2)

    jobs.body = slower
    left, right = done(jobs.start({"slow": 0})), done(jobs.start({"slow": 1}))
    found = diff(left, right)
    assert not found.same_fuel
    (run,) = found.runs
    assert run.first is None  # what they did is the same
    assert run.first_fuel is not None
    assert [row.fuel for row in run.rows] == [7, 0]


def test_an_answer_is_part_of_the_call(runtime: Runtime, jobs: PythonJobs) -> None:
    job = done(jobs.start())
    fork = done(runtime.fork(job.job_id, answer=(2, {"n": 40})))
    (run,) = diff(job, fork).runs
    assert run.first is not None
    assert run.first.left is not None
    assert run.first.left.call == events_of(job, OperationAnswered)[0].call
    # What it then counted differs too; what it did is named otherwise, and the same all the same.
    assert [row.left.call for row in run.rows if row.left is not None and not row.same] == [2, 5]


def test_runs_of_the_same_number_belong_together(runtime: Runtime, jobs: PythonJobs) -> None:
    job = runtime.dispatch("acme:run", {"round": 12, "rounds": 14}, retry=RetryPolicy(attempts=2, initial_ms=1))
    assert done(job).status is Status.FAILED
    fork = done(runtime.fork(job.job_id, job.state.superseded[-1][1] - 1, state={"round": 20, "rounds": 21}))
    assert fork.status is Status.COMPLETED
    found = diff(job, fork)
    assert len(found.runs) == 2
    first, second = found.runs
    # The checkpoint that the fork begins at was changed, in its copy of the first run.
    assert [row.left.call for row in first.rows if row.left is not None and not row.same] == [
        events_of(job, CheckpointSaved)[0].call
    ]
    assert not second.same_begin
    assert not second.same_end
    alone = diff(job, done(jobs.start({"round": 1, "rounds": 2})))
    assert alone.runs[1].right is None
    assert not alone.same


def test_jobs_that_are_not_there(runtime: Runtime, jobs: PythonJobs) -> None:
    job = done(jobs.start())
    for pair in ((job.job_id, UUID(int=7)), (UUID(int=7), job.job_id)):
        with pytest.raises(UnknownJob):
            history_diff(runtime.store, *pair)


def test_secrets_are_compared_by_what_may_be_shown(jobs: PythonJobs) -> None:
    jobs.body = lambda host, state, spec: host.increment_items(len(host.call("query:world.login")))
    assert diff(done(jobs.start()), done(jobs.start())).same
