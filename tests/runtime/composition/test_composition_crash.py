"""A process is killed while jobs dispatch and wake jobs: no child is lost, none is there twice, and so with events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from tests.runtime.composition.crash import CHILDREN, all_ended, work
from tests.support.listeners import woken_of
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import DEFAULT_LIBRARY, Runtime, Status
from perdure.store import LmdbEventStore, check
from perdure.store.blobs import load_payload
from perdure.store.event_store import EventStore
from perdure.store.events import JobDispatched, job_stream, library_stream
from perdure.store.family import children_of

ROOT = Path(__file__).parents[3]


def pages_of(store: EventStore) -> list[int]:
    """The pages of the root's children."""
    root = UUID(next(store.streams("job:")).removeprefix("job:"))
    pages = []
    for child in children_of(store, root):
        dispatched = next(store.read(job_stream(child), until=1)).event
        assert isinstance(dispatched, JobDispatched)
        pages.append(json.loads(load_payload(store.blobs, dispatched.state))["page"])
    return pages


def check_wake_ups(store: EventStore) -> None:
    """Each event has woken at most one job, and none was passed over."""
    sequences = [state["sequence"] for state in woken_of(store)]
    assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.parametrize(
    ("failpoint", "hit"),
    [
        ("append.before_post", 7),
        ("append.after_post", 9),
        ("commit.before_write", 6),
        ("commit.after_write", 13),
        ("commit.before_sync", 20),
        ("commit.after_sync", 8),
        ("commit.after_sync", 15),
        ("commit.after_sync", 26),
        ("commit.after_sync", 40),
        ("answer.before", 11),
        ("answer.before", 24),
        ("answer.after", 17),
        ("answer.after", 33),
    ],
)
def test_a_kill_in_the_middle(tmp_path: Path, failpoint: str, hit: int) -> None:
    command = [sys.executable, "-m", "tests.runtime.composition.crash", str(tmp_path), failpoint, str(hit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    with LmdbEventStore.open_readonly(tmp_path / "data") as store:
        check_wake_ups(store)
        assert check(store).problems == []
    with Runtime.open(tmp_path / "data", recover=False) as runtime:
        PythonJobs(runtime, None, work)
        runtime.recover()
        jobs = runtime.jobs(limit=1_000).jobs
        root = jobs[-1]
        assert runtime.wait(root.job_id, TIMEOUT).status is Status.COMPLETED
        log: EventStore = runtime.store
        assert pages_of(log) == list(range(CHILDREN))

        def seen() -> bool:
            head = log.head(library_stream(DEFAULT_LIBRARY))
            return head is not None and len(woken_of(log)) == head.sequence and all_ended(runtime)

        eventually(seen)
        check_wake_ups(log)
        told = Counter(state["data"] for state in woken_of(log) if state["topic"] == "page.read")
        assert sorted(told) == list(range(CHILDREN))
        assert {job.status for job in runtime.jobs(limit=1_000).jobs} == {Status.COMPLETED}
        assert check(log).problems == []
