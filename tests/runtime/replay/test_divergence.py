"""A guest that cannot be led to where it was: the job fails, says where, and nothing else has happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.guest_world import JOB, Process, World, before, live
from tests.support.job_history import tags_of
from tests.support.random_guests import EVERYTHING, PERMISSIONS, guest_module
from tests.support.rewritten import Alter, changing, rewritten, without
from tests.support.waiting import TIMEOUT

from perdure.runtime import JobState, Runtime, Status, grant_as_asked
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.store import EventStore, MemoryEventStore
from perdure.store import events as ev
from perdure.store.blobs import digest_of
from perdure.store.events import job_stream

MODULE = guest_module(EVERYTHING)
OTHER = guest_module([("items", 4) if statement == ("items", 3) else statement for statement in EVERYTHING])


@pytest.fixture
def crashed(tmp_path: Path) -> EventStore:
    """The log of a process that died in the middle of a guest's life."""
    store = live(tmp_path / "world", MODULE, [before(ev.CheckpointSaved, 2)], ends=False)
    store.blobs.put(OTHER)
    assert store.job(JOB).status is Status.RUNNING
    return store


def go_on(store: MemoryEventStore, folder: Path) -> Iterator[tuple[Runtime, JobState]]:
    """The next process on this log, and the job when it has ended."""
    with Process(store, MemoryKeyFiles(), folder) as process:
        runtime = process.runtime
        runtime.install(write_extension(folder / "extension", MODULE, permissions=PERMISSIONS), consent=grant_as_asked)
        runtime.load(EXTENSION)
        yield runtime, runtime.wait(JOB, TIMEOUT)


CASES: dict[str, tuple[Alter, int, str, str]] = {
    # What was altered; the number of the first call that differs, the functions that were recorded and came.
    "a changed module": (changing(ev.JobDispatched, module=digest_of(OTHER)), 4, "increment_items", "increment_items"),
    "an altered fact": (changing(ev.ItemsCounted, count=77), 4, "increment_items", "increment_items"),
    "an altered answer": (
        # What it was told shows in the next thing that it says.
        changing(ev.OperationAnswered, answer=ev.Inline(b'{"n":"00000077"}')),
        8,
        "call",
        "call",
    ),
    "an altered payload": (changing(ev.ActionAnswered, payload=ev.Inline(b"{}")), 8, "call", "call"),
    "a fact that is missing": (without(ev.WarningAdded), 3, "check_interrupt", "add_warning"),
    "an altered state": (changing(ev.CheckpointSaved, state=ev.Inline(b"other")), 10, "checkpoint", "checkpoint"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_call_that_differs_is_named(case: str, crashed: EventStore, tmp_path: Path) -> None:
    alter, call, recorded, came = CASES[case]
    log = rewritten(crashed, JOB, alter)
    left = [stored.body for stored in log.read(job_stream(JOB))]
    effects = [World(tmp_path / "world").lines(kind) for kind in ("once", "plain")]

    for runtime, state in go_on(log, tmp_path / "world"):
        assert state.status is Status.FAILED
        error = state.error
        assert error is not None
        assert (error.kind, error.blame) == ("diverged", "host")
        assert error.data["call"] == call
        assert (error.data["recorded"]["function"], error.data["came"]["function"]) == (recorded, came)
        assert error.data["recorded"] != error.data["came"]
        event = next(runtime.store.read(job_stream(JOB), after=error.data["sequence"] - 1))
        assert isinstance(event.event, ev.GuestEvent)
        assert event.event.call >= call

        after = list(runtime.store.read(job_stream(JOB)))
        assert [stored.body for stored in after[: len(left)]] == left, "the log before it is as it was"
        assert tags_of(runtime.job(JOB))[len(left) :] == ["recovered", "started", "failed"]
        assert [World(tmp_path / "world").lines(kind) for kind in ("once", "plain")] == effects
        assert (state.fuel, state.items) == (log.rebuild(job_stream(JOB), len(left)).fuel, state.items)  # type: ignore[union-attr]


def test_a_module_that_ends_before_the_log_does(crashed: EventStore, tmp_path: Path) -> None:
    short = guest_module(EVERYTHING[:6])
    crashed.blobs.put(short)
    log = rewritten(crashed, JOB, changing(ev.JobDispatched, module=digest_of(short)))

    for _, state in go_on(log, tmp_path / "world"):
        assert state.error is not None
        assert state.error.kind == "diverged"
        assert state.error.data["call"] == 7
        assert state.error.data["came"] == {"function": "none", "end": "completed"}


def test_a_module_that_traps_before_the_log_ends(crashed: EventStore, tmp_path: Path) -> None:
    short = guest_module(EVERYTHING[:6], "traps")
    crashed.blobs.put(short)
    log = rewritten(crashed, JOB, changing(ev.JobDispatched, module=digest_of(short)))

    for _, state in go_on(log, tmp_path / "world"):
        assert state.error is not None
        assert state.error.kind == "diverged"
        assert state.error.data["came"] == {"function": "none", "end": "failed: trap"}


def test_a_person_may_let_it_begin_anew_from_its_checkpoint(crashed: EventStore, tmp_path: Path) -> None:
    log = rewritten(crashed, JOB, changing(ev.ItemsCounted, count=77))

    for runtime, state in go_on(log, tmp_path / "world"):
        assert state.status is Status.FAILED
        runtime.retry(JOB)
        runtime.store.wait(runtime.store.position(), 0.0)
        assert "resumed" in tags_of(runtime.job(JOB))


def test_an_answer_whose_blob_is_lost_ends_the_job_and_no_other_blob_does(crashed: EventStore, tmp_path: Path) -> None:
    lost = changing(ev.OperationAnswered, answer=ev.BlobRef("ab" * 32, 70_000))

    for _, state in go_on(rewritten(crashed, JOB, lost), tmp_path / "world"):
        assert state.error is not None
        assert (state.error.kind, state.error.blame) == ("unreplayable", "host")
        assert "call 7 cannot be answered from the log" in state.error.message


def test_nothing_is_altered_and_it_goes_on(crashed: EventStore, tmp_path: Path) -> None:
    for _, state in go_on(rewritten(crashed, JOB, lambda events: events), tmp_path / "world"):
        assert state.status is Status.COMPLETED
