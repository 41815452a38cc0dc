"""A log that the perdure before format 3 wrote is brought to the present one, whatever happens on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.job_events import checkpoint, items, start_job
from tests.support.log_file import behind_its_back
from tests.support.old_log import LEFT, unpack
from tests.support.small_disk import small_disk
from tests.support.store_process import StoreProcess

from perdure.store import (
    CorruptLog,
    DiskFull,
    JobQuery,
    JobState,
    LmdbEventStore,
    OldFormat,
    Status,
    UnsupportedFormat,
    check,
    log_upgrade,
)
from perdure.store import events as ev
from perdure.store.failpoints import UPGRADE_NAMES


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpack(tmp_path / "data")


def jobs_of(store: LmdbEventStore) -> list[JobState]:
    """Oldest first."""
    return store.jobs(JobQuery(limit=1000)).jobs[::-1]


def test_its_events_stay_and_its_jobs_are_folded_anew(old: Path) -> None:
    with behind_its_back(old) as databases:
        frames, rows = databases.items("log"), databases.items("rows")
    with LmdbEventStore.open(old) as store:
        jobs = jobs_of(store)
        assert [(job.job_type, job.status) for job in jobs] == [(f"old:{name}", status) for name, status in LEFT]
        for job in jobs:
            assert store.rebuild(ev.job_stream(job.job_id)) == job
            assert job.export == f"execute_{job.job_type.removeprefix('old:')}"
        assert jobs[0].run is not None
        assert (jobs[0].items, jobs[0].bytes, jobs[0].warnings, jobs[0].checkpoints) == (101, 9, 1, 2)
        assert check(store).problems == []
    with behind_its_back(old) as databases:
        assert databases.items("log")[: len(frames)] == frames
        assert databases.items("rows") == rows
        assert dict(databases.items("meta"))[b"format"] == b"3"
        assert b"upgrading" not in dict(databases.items("meta"))


def test_runs_that_were_broken_off_are_not_taken_up(old: Path) -> None:
    """Those of the running jobs, and of the ones whose guests had to be stopped; a guest that agreed ended its own."""
    broken_off = {4, 7, 8, 9, 10, 11, 12}
    with LmdbEventStore.open(old) as store:
        for number, job in enumerate(jobs_of(store)):
            last = list(store.read(ev.job_stream(job.job_id)))[-1].event
            assert (last == ev.JobRunEnded("format")) is (number in broken_off), job
            assert not job.is_broken_off
        wishes = [(job.pause_requested, job.cancel_requested) for job in jobs_of(store)]
        assert (wishes[11], wishes[12]) == ((True, False), (False, True))


def test_it_is_done_once(old: Path) -> None:
    with LmdbEventStore.open(old) as store:
        events = list(store.read_all())
    with LmdbEventStore.open(old) as store:
        assert list(store.read_all()) == events
    with LmdbEventStore.open_readonly(old) as store:
        assert check(store).problems == []


def test_a_reader_says_what_to_do(old: Path) -> None:
    with pytest.raises(OldFormat, match="'perdure log upgrade'") as caught:
        LmdbEventStore.open_readonly(old)
    assert (caught.value.path, caught.value.found, caught.value.known) == (old, 2, 3)
    LmdbEventStore.open(old).close()
    LmdbEventStore.open_readonly(old).close()


@pytest.mark.parametrize("failpoint", UPGRADE_NAMES)
@pytest.mark.parametrize("hit", [1, 4, 14])
def test_a_kill_in_the_middle_loses_nothing(old: Path, failpoint: str, hit: int) -> None:
    """With one job a transaction; a kill that does not come lets it end."""
    with StoreProcess("upgrade_and_die", old, failpoint, hit) as dying:
        said = dying.line()
        assert said in ("dying", "upgraded")
        dying.process.wait(60)
    if said == "dying":
        with behind_its_back(old) as databases:
            assert dict(databases.items("meta"))[b"format"] == b"3", "the older perdure could write to it"
        with pytest.raises(OldFormat):
            LmdbEventStore.open_readonly(old)
    with LmdbEventStore.open(old) as store:
        assert [job.status for job in jobs_of(store)] == [status for _, status in LEFT]
        assert check(store).problems == []
        ended = [stored for stored in store.read_all() if isinstance(stored.event, ev.JobRunEnded)]
        assert len({stored.stream for stored in ended}) == len(ended) == 7


def test_an_upgrade_goes_on_where_the_one_before_died(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_upgrade, "_JOBS", 1)
    with StoreProcess("upgrade_and_die", old, "upgrade.after_sync", 10) as dying:
        dying.expect("dying")
        dying.process.wait(60)
    rebuilt: list[str] = []
    rebuild = LmdbEventStore.rebuild

    def counting(store: LmdbEventStore, stream: str, until: int | None = None) -> object:
        rebuilt.append(stream)
        return rebuild(store, stream, until)

    with monkeypatch.context() as patched:
        patched.setattr(LmdbEventStore, "rebuild", counting)
        LmdbEventStore.open(old).close()
    assert len(rebuilt) == len(LEFT) - 10


def test_a_damaged_stream_does_not_keep_the_others_from_it(old: Path) -> None:
    with behind_its_back(old) as databases:
        index = databases.items("index")
        names = dict(databases.items("names"))
        position = next(at for key, at in index if names[key[:4]].startswith(b"job:") and key[4:] > b"\0" * 7 + b"\1")
        databases.put("log", position, b"damaged")
    with LmdbEventStore.open(old) as store:
        broken = [job for job in jobs_of(store) if not _folds(store, job)]
        assert len(broken) == 1
        assert broken[0].status is not None
        assert not check(store).clean


def _folds(store: LmdbEventStore, job: JobState) -> bool:
    try:
        return store.rebuild(ev.job_stream(job.job_id)) == job
    except CorruptLog:
        return False


def test_format_1_gets_its_rows(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path) as store:
        stream = start_job(store, 1, [items(1), checkpoint(2)])
    with behind_its_back(tmp_path) as databases:
        databases.drop("rows")
        databases.put("meta", b"format", b"1")
    with LmdbEventStore.open(tmp_path) as store:
        assert store.rows(b"") == []
        assert [stored.event for stored in store.read(stream)][-1] == ev.JobRunEnded("format")
        state = store.state(stream)
        assert isinstance(state, JobState)
        assert state.status is Status.RUNNING


def test_a_full_disk_leaves_a_log_that_can_be_upgraded(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        old = unpack(disk.path / "data")
        disk.fill()
        with pytest.raises(DiskFull):
            LmdbEventStore.open(old)
        disk.free()
        with LmdbEventStore.open(old) as store:
            assert check(store).problems == []
        shutil.rmtree(old)


def test_a_later_format_is_refused(old: Path) -> None:
    with behind_its_back(old) as databases:
        databases.put("meta", b"format", b"4")
    for opened in (LmdbEventStore.open, LmdbEventStore.open_readonly):
        with pytest.raises(UnsupportedFormat, match="use the version that wrote it"):
            opened(old)
