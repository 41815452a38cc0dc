"""Forks of long histories: copied in several appends, and never run if the last of them is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.crash.victim import KILLED, ROOT
from tests.runtime.conftest import GRACE
from tests.support.job_history import events_of, tags_of
from tests.support.travellers import World, bodies, travellers
from tests.support.waiting import TIMEOUT

from perdure.runtime import ForkRefused, JobHandle, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.timetravel import forking
from perdure.runtime.timetravel.stepping import End
from perdure.store import IllegalTransition, LmdbEventStore, check, failpoints
from perdure.store.errors import JobIsFolded
from perdure.store.events import ForkAbandoned, ForkBegun, job_stream
from perdure.store.ids import uuid7

SETTINGS = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)
CHUNK = 4


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(forking, "CHUNK", CHUNK)
    yield
    failpoints.disarm()


def travelled(runtime: Runtime, folder: Path | None) -> JobHandle:
    World(runtime)
    job = travellers(runtime, folder).start({"rounds": 3})
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    return job


def only_fork(runtime: Runtime, job: JobHandle) -> JobHandle:
    (state,) = runtime.jobs(forked_from=job.job_id).jobs
    return runtime.job(state.job_id)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("by_bytes", [False, True])
def test_many_appends_make_the_same_fork_as_one(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_bytes: bool
) -> None:
    job = travelled(runtime, tmp_path)
    at = job.state.sequence - 2
    if by_bytes:
        monkeypatch.setattr(forking, "CHUNK", 10_000)
        monkeypatch.setattr(forking, "CHUNK_BYTES", 100)
    seen: list[Status] = []
    failpoints.arm("fork.between_chunks", lambda: seen.append(only_fork(runtime, job).status))
    fork = runtime.fork(job.job_id, at)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED
    assert len(seen) >= at // CHUNK - 1
    assert set(seen) == {Status.COPYING}
    monkeypatch.setattr(forking, "CHUNK", 10_000)
    failpoints.disarm()
    other = runtime.fork(job.job_id, at)
    assert other.wait(TIMEOUT).status is Status.COMPLETED
    assert tags_of(other) == tags_of(fork)
    assert check(runtime.store).problems == []


@pytest.mark.usefixtures("small_chunks")
def test_a_fork_whose_copy_fails_is_abandoned(runtime: Runtime, tmp_path: Path) -> None:
    job = travelled(runtime, tmp_path)
    before = bodies(job)

    def fail() -> None:
        raise OSError("out of memory")

    failpoints.arm("fork.between_chunks", fail)
    with pytest.raises(OSError, match="out of memory"):
        runtime.fork(job.job_id, 15)
    failpoints.disarm()
    fork = only_fork(runtime, job)
    assert fork.status is Status.CANCELLED
    assert "out of memory" in events_of(fork, ForkAbandoned)[0].reason
    refuse_all(runtime, fork)
    with runtime.stepper(fork.job_id) as stepper:
        assert stepper.run.guest_id == job.job_id
        end = stepper.at(99)
        assert isinstance(end, End)
        assert end.divergence is None
    assert bodies(job) == before
    assert check(runtime.store).problems == []


def test_an_abandoned_fork_is_folded_like_any_other(runtime: Runtime, tmp_path: Path) -> None:
    job = travelled(runtime, tmp_path)
    whole = runtime.fork(job.job_id, 5)
    assert whole.wait(TIMEOUT).status is Status.COMPLETED
    stream = job_stream(uuid7(runtime.clock.now()))
    first = next(iter(whole.history())).stored.event
    assert isinstance(first, ForkBegun)
    half = msgspec.structs.replace(first, job_id=UUID(stream.removeprefix("job:")))
    runtime.store.append(stream, [half, ForkAbandoned("why")])
    report = runtime.fold_jobs(timedelta(0))
    assert report.jobs == 3
    for one, error in ((job.job_id, JobIsFolded), (whole.job_id, JobIsFolded), (half.job_id, ForkRefused)):
        with pytest.raises(error):
            runtime.fork(one, 2)
    assert check(runtime.store).problems == []


def refuse_all(runtime: Runtime, fork: JobHandle) -> None:
    """Nothing brings it back."""
    for act in (fork.retry, fork.resume, fork.pause, fork.cancel):
        with pytest.raises(IllegalTransition):
            act()
    with pytest.raises(ForkRefused):
        runtime.fork(fork.job_id, 2)
    assert len(tags_of(fork)) == CHUNK + 1


@pytest.mark.usefixtures("small_chunks")
def test_nobody_can_act_on_a_fork_that_is_being_made(runtime: Runtime, tmp_path: Path) -> None:
    job = travelled(runtime, tmp_path)
    refused: list[str] = []

    def meddle() -> None:
        fork = only_fork(runtime, job)
        for act in (fork.retry, fork.resume, fork.pause, fork.cancel):
            with pytest.raises(IllegalTransition) as caught:
                act()
            refused.append(caught.value.status)
        runtime.reload("acme")  # which lets jobs go on that wait for it

    failpoints.arm("fork.between_chunks", meddle)
    fork = runtime.fork(job.job_id, 9)
    assert fork.wait(TIMEOUT).status is Status.COMPLETED
    assert set(refused) == {"copying"}


def test_a_fork_whose_process_is_killed_is_abandoned_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.fork_process", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == KILLED, ended.stderr.decode()
    with LmdbEventStore.open_readonly(tmp_path / "data") as log:
        assert check(log).problems == []
        assert log.count_unfinished()[Status.COPYING] == 1
    for recover in (False, True):
        with Runtime.open(tmp_path / "data", settings=SETTINGS, consent=grant_as_asked, recover=recover) as runtime:
            World(runtime)
            travellers(runtime, None)
            original = runtime.jobs(statuses=frozenset({Status.COMPLETED})).jobs[-1]
            fork = only_fork(runtime, runtime.job(original.job_id))
            assert fork.status is Status.CANCELLED
            assert len(events_of(fork, ForkAbandoned)) == 1
            refuse_all(runtime, fork)
            assert check(runtime.store).problems == []
