"""A process is killed at each failpoint of folding and sweeping: each job is whole or folded, the next one goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from tests.crash.fold_process import JOBS, LARGE, SHARED, begin, fold_all, own_state, run_jobs
from tests.crash.victim import KILLED, ROOT

from perdure.runtime import Runtime
from perdure.store import JobIsFolded, JobState, LmdbEventStore, Status, check, failpoints
from perdure.store.blobs import digest_of
from perdure.store.events import job_stream
from perdure.store.folding import folded_event
from perdure.store.job_state import from_summary

# At each once; later ones are in the middle of a batch's frames, in the second batch, between two blobs.
HITS = [(name, 1) for name in failpoints.FOLD_NAMES]
HITS += [("fold.after_append", 2), ("fold.after_remove", 3), ("fold.after_sync", 6), ("sweep.before_remove", 3)]
HITS += [("commit.after_write", 2), ("commit.before_sync", 2), ("commit.after_sync", 1)]
HITS += [("blob.before_remove", 2), ("blob.after_remove", 1)]


def die_at(home: Path, failpoint: str, hit: int) -> None:
    command = [sys.executable, "-m", "tests.crash.fold_process", str(home), failpoint, str(hit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == KILLED, ended.stderr.decode()


def job_ids(home: Path) -> list[UUID]:
    return [UUID(line) for line in (home / "jobs").read_text().splitlines()]


def look(home: Path) -> dict[UUID, JobState]:
    """The jobs as they were, whether folded or not, after the look at everything."""
    with LmdbEventStore.open_readonly(home / "data") as store:
        assert check(store).problems == []
        states = {job_id: store.job(job_id) for job_id in job_ids(home)}
        for job_id, state in states.items():
            stream = job_stream(job_id)
            if state.folded_at is None:
                assert [stored.sequence for stored in store.read(stream)] == list(range(1, state.sequence + 1))
            else:
                last = folded_event(store, job_id)
                assert last is not None
                with pytest.raises(JobIsFolded):
                    list(store.read(stream))
                states[job_id] = from_summary(last.event.summary, job_id)  # type: ignore[union-attr]  # a fold
        return states


def frames_left(home: Path) -> int:
    with LmdbEventStore.open_readonly(home / "data") as store:
        folded = {job_stream(job_id) for job_id in job_ids(home) if store.job(job_id).folded_at is not None}
        return sum(stored.stream in folded for stored in store.read_all()) - len(folded)


def finish(home: Path) -> None:
    """The next process does what is left to do, and runs no job once more."""
    with Runtime.open(home / "data") as runtime:
        known = job_ids(home)
        run_jobs(runtime, begin(runtime, home), home)
        assert job_ids(home) == known
        assert len(runtime.jobs(limit=1000).jobs) == JOBS
        fold_all(runtime)
        left = set(runtime.store.blobs.digests())
    assert frames_left(home) == 0
    states = look(home)
    assert [(state.status, state.items) for state in states.values()] == [
        (Status.COMPLETED, number) for number in range(JOBS)
    ]
    with LmdbEventStore.open_readonly(home / "data") as store:
        assert [store.job(job_id).folded_at is None for job_id in known] == [False] * (JOBS - 1) + [True]
    # The last job, which is kept, has saved both.
    assert digest_of(SHARED) in left
    assert left & {digest_of(own_state(number)) for number in range(JOBS)} == {digest_of(own_state(JOBS - 1))}


@pytest.mark.parametrize(("failpoint", "hit"), HITS)
def test_a_kill_in_the_middle_of_folding(tmp_path: Path, failpoint: str, hit: int) -> None:
    die_at(tmp_path, failpoint, hit)
    look(tmp_path)
    finish(tmp_path)


def test_kills_one_after_the_other(tmp_path: Path) -> None:
    for failpoint, hit in (("fold.after_append", 1), ("fold.after_remove", 1), ("sweep.before_remove", 1)):
        die_at(tmp_path, failpoint, hit)
        look(tmp_path)
    finish(tmp_path)


def test_a_look_would_find_a_blob_that_went_too_early(tmp_path: Path) -> None:
    die_at(tmp_path, "sweep.before_mark", 1)
    assert len(own_state(JOBS - 1)) > LARGE
    with LmdbEventStore.open(tmp_path / "data") as store:
        store.blobs.remove(digest_of(SHARED))
    with pytest.raises(AssertionError):
        look(tmp_path)
