"""Jobs that the perdure before log format 3 left unfinished go on in this one, from their last checkpoints."""

from __future__ import annotations

from pathlib import Path

from tests.support.job_history import events_of
from tests.support.old_log import LEFT, SETTINGS, Outside, unpack
from tests.support.waiting import TIMEOUT

from perdure.runtime import JobHandle, Runtime, Status
from perdure.store import check
from perdure.store.events import ActionAnswered, JobRecovered, JobResumed, Sealed


def jobs_of(runtime: Runtime) -> list[JobHandle]:
    """In the order of their dispatch."""
    return [runtime.job(state.job_id) for state in reversed(runtime.jobs(limit=100).jobs)]


def test_the_jobs_of_an_older_perdure_go_on(tmp_path: Path) -> None:
    data, outside = unpack(tmp_path / "data"), Outside()
    with Runtime.open(data, settings=SETTINGS, operations=outside.handlers()) as runtime:
        jobs = jobs_of(runtime)
        went_on = [at for at, (_, status) in enumerate(LEFT) if status in (Status.SUSPENDED, Status.RUNNING, "queued")]
        stopped = {11: Status.PAUSED, 12: Status.CANCELLED}  # what was asked for is carried out
        for at in went_on:
            if at not in stopped:
                assert jobs[at].wait(TIMEOUT).status is Status.COMPLETED, (at, jobs[at].error)
        for at, (_, status) in enumerate(LEFT):
            if at not in went_on:
                assert jobs[at].status is status
        for at, status in stopped.items():
            assert jobs[at].status is status
        resumed = {at: [event.checkpoint > 0 for event in events_of(jobs[at], JobResumed)] for at in went_on}
        assert resumed == {6: [True], 7: [True], 8: [True], 9: [False], 10: [True], 11: [], 12: [], 13: []}
        assert not any(events_of(job, JobRecovered) for job in jobs)
        # Guests that were started from a checkpoint say so with a warning.
        assert [jobs[at].state.warnings for at in (6, 7, 8, 9, 10)] == [1, 1, 1, 0, 1]

        jobs[4].resume()
        jobs[11].resume()
        jobs[1].retry()
        assert jobs[4].wait(TIMEOUT).status is jobs[11].wait(TIMEOUT).status is Status.COMPLETED
        assert jobs[1].wait(TIMEOUT).status is Status.FAILED
        assert runtime.operations is not None
        assert runtime.store.row(b"old") is not None
        report = check(runtime.store)
        assert report.problems == []


def test_their_actions_keep_their_names(tmp_path: Path) -> None:
    """What an older perdure did under an effect key is not done again under another."""
    data, outside = unpack(tmp_path / "data"), Outside()
    with Runtime.open(data, settings=SETTINGS, operations=outside.handlers()) as runtime:
        jobs = jobs_of(runtime)
        for at in (8, 9, 10):
            assert jobs[at].wait(TIMEOUT).status is Status.COMPLETED
            before = [event.effect_key for event in events_of(jobs[at], ActionAnswered)]
            assert len(set(before)) == 1


def test_what_it_sealed_can_be_opened(tmp_path: Path) -> None:
    data = unpack(tmp_path / "data")
    with Runtime.open(data, settings=SETTINGS, operations=Outside().handlers(), recover=False) as runtime:
        sealed = [event.payload for event in events_of(jobs_of(runtime)[0], ActionAnswered) if not event.effect_key]
        assert len(sealed) == 1
        assert isinstance(sealed[0], Sealed)
        assert sealed[0].shown == b'{"pin":"[sensitive]"}'
