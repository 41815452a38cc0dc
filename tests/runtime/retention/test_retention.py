"""Finished jobs are folded in an open runtime, by itself and when somebody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.acme import install_acme
from tests.support.manual_clock import ManualClock
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks
from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.errors import InvalidRetention
from perdure.store import JobIsFolded, LmdbEventStore, StoreFailed, check
from perdure.store.events import job_stream
from perdure.store.folding import fold_job

DAY = 86_400.0


class Counted(ActorHooks):
    def __init__(self) -> None:
        self.jobs = self.events = self.bytes = self.runs = 0

    def folded(self, jobs: int, events: int, size: int) -> None:
        self.jobs, self.events, self.bytes = self.jobs + jobs, self.events + events, self.bytes + size

    def retention_ran(self) -> None:
        self.runs += 1


class House:
    """A runtime with jobs, and the time in a test's hands."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.hooks = Counted()
        self._settings = RuntimeSettings(**settings)
        self.runtime = self.open()
        install_acme(self.runtime, folder)

    def open(self) -> Runtime:
        self.runtime = Runtime.open(
            self.folder / "data",
            settings=self._settings,
            clock=self.clock,
            hooks=self.hooks,
            consent=grant_as_asked,
        )
        return self.runtime

    def done(self, job_type: str = "nothing") -> JobHandle:
        job = self.runtime.dispatch(f"acme:{job_type}")
        job.wait(TIMEOUT)
        self.clock.advance(1)
        return job

    def later(self, days: float) -> None:
        """So much time passes, and the house is looked after."""
        before = self.hooks.runs
        self.clock.advance(days * DAY)
        self.runtime._housekeeping.look()
        eventually(lambda: self.hooks.runs > before)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, retention={"acme:fail": 1, "acme:*": 30, "acme:trap": None})
    yield house
    house.runtime.close()


def is_folded(job: JobHandle) -> bool:
    return job.state.folded_at is not None


def test_jobs_are_folded_by_themselves_when_their_time_has_come(house: House) -> None:
    kept, first, failed = house.done("trap"), house.done(), house.done("fail")
    running = house.runtime.dispatch("acme:spin")
    sizes = {job: job.state.sequence for job in (first, failed)}
    house.later(2)
    assert [is_folded(job) for job in (kept, first, failed)] == [False, False, True]
    assert house.hooks.jobs == 1
    house.later(29)
    assert [is_folded(job) for job in (kept, first, failed)] == [False, True, True]
    assert (house.hooks.jobs, house.hooks.events) == (2, sum(sizes.values()))
    assert house.hooks.bytes > 0
    assert not is_folded(running)
    assert first.status is Status.COMPLETED
    assert failed.error is not None
    assert [stored.stream for stored in house.runtime.store.read_all()].count(job_stream(first.job_id)) == 1
    assert check(house.runtime.store).problems == []
    house.runtime.cancel(running.job_id)


def test_by_default_all_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    job = house.done()
    house.later(10_000)
    assert not is_folded(job)
    assert len(list(job.history())) == job.state.sequence
    house.runtime.close()


def test_whoever_asks_for_what_is_gone_is_told_when_it_went(house: House) -> None:
    job = house.done("fail")
    house.later(2)
    runtime, through = house.runtime, job.state.sequence - 1
    for wanted in (
        lambda: list(job.history()),
        lambda: list(runtime.history(job.job_id, 2, 3)),
        lambda: runtime.state_at(job.job_id, 2),
        lambda: list(runtime.watch(job.job_id)),
        lambda: runtime.verify(job.job_id),
        lambda: runtime.fork(job.job_id, 2),
        lambda: runtime.fork(job.job_id),
        lambda: runtime.retry(job.job_id),
    ):
        with pytest.raises(JobIsFolded) as caught:
            wanted()
        assert (caught.value.job_id, caught.value.through) == (str(job.job_id), through)
        assert caught.value.folded_at == job.state.folded_at
    assert runtime.wait(job.job_id, TIMEOUT).status is Status.FAILED
    assert [state.job_id for state in runtime.jobs(extension="acme").jobs] == [job.job_id]
    assert runtime.permissions("acme").folded == 1


def test_folding_on_request(house: House) -> None:
    first, failed = house.done(), house.done("fail")
    house.clock.advance(3600)
    second = house.done()
    hour = timedelta(hours=1)
    expected = first.state.sequence + failed.state.sequence
    dry = house.runtime.fold_jobs(hour, dry_run=True)
    assert (dry.jobs, dry.events, dry.bytes) == (2, expected, 0)
    assert not any(is_folded(job) for job in (first, failed, second))
    assert house.runtime.fold_jobs(hour, job_type="fail").jobs == 1
    assert [is_folded(job) for job in (first, failed, second)] == [False, True, False]
    assert house.runtime.fold_jobs(hour, job_type="acme:fail").jobs == 0
    report = house.runtime.fold_jobs(hour)
    assert (report.jobs, report.events, report.damaged) == (1, first.state.sequence - 1, 0)
    assert report.bytes > 0
    assert house.runtime.fold_jobs(timedelta(0)).jobs == 1
    assert all(is_folded(job) for job in (first, failed, second))
    assert house.runtime.fold_jobs(timedelta(0)).jobs == 0


@pytest.mark.parametrize("wrong", [timedelta(days=-1), timedelta(days=100_000)])
def test_an_age_that_cannot_be_is_refused(house: House, wrong: timedelta) -> None:
    with pytest.raises(InvalidRetention):
        house.runtime.fold_jobs(wrong)


def test_settings_that_make_no_sense_are_refused_and_leave_the_folder_free(tmp_path: Path) -> None:
    with pytest.raises(InvalidRetention):
        Runtime.open(tmp_path, settings=RuntimeSettings(retention={"acme": 3}))
    Runtime.open(tmp_path).close()


def test_many_jobs_are_folded_in_several_commits(house: House) -> None:
    jobs = [house.runtime.dispatch("acme:nothing") for _ in range(100)]
    for job in jobs:
        job.wait(TIMEOUT)
    house.later(31)
    assert house.hooks.jobs == len(jobs)
    assert check(house.runtime.store).problems == []
    assert len(house.runtime.jobs(statuses=frozenset({Status.COMPLETED}), limit=200).jobs) == 100


def test_frames_that_an_earlier_process_left_go_without_any_retention(tmp_path: Path) -> None:
    house = House(tmp_path)
    job = house.done()
    house.runtime.close()
    with LmdbEventStore.open(tmp_path / "data", clock=house.clock.now) as store:
        made = fold_job(store, store.job(job.job_id))
        store.append(made.stream, [made.event], made.expected)
        assert [stored.stream for stored in store.read_all()].count(made.stream) == made.expected + 1
    house.open()
    house.later(0.01)
    assert [stored.stream for stored in house.runtime.store.read_all()].count(made.stream) == 1
    house.runtime.close()


def test_an_error_is_logged_and_it_is_tried_again(house: House, caplog: pytest.LogCaptureFixture) -> None:
    job = house.done("fail")
    folder = house.runtime._retention._folder
    broken = _Broken(house.runtime.store)
    folder._store = broken
    with caplog.at_level(logging.ERROR):
        house.clock.advance(2 * DAY)
        house.runtime._housekeeping.look()
        eventually(lambda: "folding finished jobs failed" in caplog.text)
    assert not is_folded(job)
    folder._store = broken.inner
    house.later(0.1)
    assert is_folded(job)


class _Broken(StoreWrapper):
    def unfolded(self, **what: Any) -> Any:
        raise StoreFailed(Path(), "a bad disk")


def test_closing_does_not_wait_for_all_that_is_due(tmp_path: Path) -> None:
    house = House(tmp_path, retention={"*": 1})
    jobs = [house.runtime.dispatch("acme:nothing") for _ in range(100)]
    for job in jobs:
        job.wait(TIMEOUT)
    store = _Slow(house.runtime.store)
    house.runtime._retention._folder._store = store
    house.clock.advance(2 * DAY)
    house.runtime._housekeeping.look()
    assert store.began.wait(TIMEOUT)
    closing = threading.Thread(target=house.runtime.close)
    closing.start()
    eventually(house.runtime._housekeeping._stopping.is_set)
    store.go_on.set()
    closing.join(TIMEOUT)
    assert not closing.is_alive()
    with LmdbEventStore.open_readonly(tmp_path / "data") as log:
        assert 0 < len(log.unfolded()) < 100
        assert check(log).problems == []


class _Slow(StoreWrapper):
    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.began, self.go_on = threading.Event(), threading.Event()
        self.calls = 0

    def remove_folded(self, limit: int) -> Any:
        self.calls += 1
        if self.calls == 2:  # the first one has nothing to do
            self.began.set()
            assert self.go_on.wait(TIMEOUT)
        return super().remove_folded(limit)
