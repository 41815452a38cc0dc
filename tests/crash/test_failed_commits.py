"""Failpoints that fail instead of dying: what was not stored is said not to be, and what follows is."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.extension_folders import write_extension
from tests.support.gate import PERMISSIONS, Gate, at_gate
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks, Gauges
from perdure.runtime import Runtime, Status, grant_as_asked
from perdure.store import DiskFull, StoreError, StoreFailed, check, failpoints
from perdure.store.events import GuestEvent, JobRecovered, JobResumed

INSIDE_A_COMMIT = ("commit.before_plan", "commit.before_write", "commit.after_write", "commit.before_sync")
LARGE = 70_000  # bytes; more than an event holds itself


class Failing:
    """Lets failpoints raise, so many times."""

    def __init__(self) -> None:
        self.raised = 0

    def arm(self, name: str, error: Callable[[], BaseException], times: int = 1) -> None:
        left = times

        def action() -> None:
            nonlocal left
            if left:
                left -= 1
                self.raised += 1
                raise error()

        failpoints.arm(name, action)

    def arm_for_good(self, name: str, error: Callable[[], BaseException]) -> None:
        """It raises until ``failpoints.disarm()``."""
        self.arm(name, error, times=sys.maxsize)


@pytest.fixture
def failing() -> Iterator[Failing]:
    yield Failing()
    failpoints.disarm()


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data") as runtime:
        yield runtime


@pytest.fixture
def gate(runtime: Runtime, tmp_path: Path) -> Iterator[Gate]:
    """A gate, and the job ``acme:careful`` that comes to it twice.

    It counts an item, waits at the gate, counts another item, and saves; for a save that was refused it leaves a
    warning; then it waits at the gate again, counts a third item, and ends. ``acme:large`` saves more bytes.
    """
    wat = RuntimeWat(memory="4")
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    for name, size in (("careful", 2), ("large", LARGE)):
        wat.job(
            name,
            f"""{item} {at_gate(wat)} {item}
            (if {wat.call("job_checkpoint", wat.job_id, 100_000, size)}
              (then {wat.call("job_add_warning", wat.job_id, wat.text("refused"))}))
            {at_gate(wat)} {item} (i32.const 0)""",
        )
    written = write_extension(tmp_path / "acme", wat.module(), permissions=PERMISSIONS)
    runtime.install(written, consent=grant_as_asked)
    with Gate(runtime) as gate:
        yield gate


def full() -> BaseException:
    return DiskFull(Path("data"))


def no_space() -> BaseException:
    return OSError(errno.ENOSPC, "No space left on device")


def defect() -> BaseException:
    return RuntimeError("a defect")


def look(runtime: Runtime) -> None:
    """The log is whole, and each run's calls are in order, none twice."""
    assert check(runtime.store).problems == []
    for state in runtime.jobs().jobs:
        calls: list[int] = []
        for entry in runtime.history(state.job_id):
            if isinstance(entry.stored.event, JobResumed):
                calls = []
            elif isinstance(entry.stored.event, GuestEvent):
                calls.append(entry.stored.event.call)
                assert calls == sorted(set(calls))


# --- a commit that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSIDE_A_COMMIT)
@pytest.mark.usefixtures("gate")
def test_a_dispatch_that_could_not_be_stored_is_said_not_to_be(runtime: Runtime, failing: Failing, name: str) -> None:
    runtime.load("acme")
    before = runtime.store.position()
    failing.arm(name, full)
    with pytest.raises(DiskFull):
        runtime.dispatch("acme:careful")
    assert failing.raised == 1
    assert runtime.jobs().jobs == []
    assert runtime.store.position() == before

    # The next one finds nothing of it in its way.
    job = runtime.dispatch("acme:careful")
    assert [state.job_id for state in runtime.jobs().jobs] == [job.job_id]
    look(runtime)


@pytest.mark.parametrize("name", INSIDE_A_COMMIT)
def test_a_checkpoint_that_could_not_be_stored_is_said_not_to_be(
    runtime: Runtime, gate: Gate, failing: Failing, name: str
) -> None:
    job = runtime.dispatch("acme:careful")
    arrival = gate.arrival()
    # What is only buffered may be tried before the checkpoint is there, so one failure might be of that alone.
    failing.arm_for_good(name, full)
    arrival.let_go()

    second = gate.arrival()  # the guest was told, and goes on
    failpoints.disarm()
    assert failing.raised >= 1
    assert job.last_checkpoint is None
    second.let_go()
    state = job.wait(TIMEOUT)
    assert (state.status, state.attempts, state.items, state.warnings) == (Status.COMPLETED, 1, 3, 1)
    # What was only buffered was kept, in its order: nothing is missing but what the guest was told is not there.
    assert tags_of(job) == [
        "dispatched", "started", "items", "operation", "items", "checkpoint-refused", "warning", "operation", "items",
        "completed",
    ]  # fmt: skip
    look(runtime)


def test_an_end_that_could_not_be_stored_is_stored_later(runtime: Runtime, gate: Gate, failing: Failing) -> None:
    job = runtime.dispatch("acme:careful")
    gate.arrival().let_go()
    second = gate.arrival()
    # The buffered third item may be tried alone first, so the end is met by at least one of these.
    failing.arm("commit.before_sync", full, times=3)
    second.let_go()
    state = job.wait(TIMEOUT)
    assert failing.raised == 3
    assert (state.status, state.attempts, state.items, state.warnings) == (Status.COMPLETED, 1, 3, 0)
    assert tags_of(job)[-2:] == ["items", "completed"]
    look(runtime)


@pytest.mark.parametrize("name", ["blob.before_write", "blob.before_rename"])
def test_a_blob_that_could_not_be_stored_is_no_checkpoint(
    runtime: Runtime, gate: Gate, failing: Failing, name: str
) -> None:
    job = runtime.dispatch("acme:large")
    arrival = gate.arrival()
    failing.arm(name, no_space)
    arrival.let_go()
    gate.arrival().let_go()
    state = job.wait(TIMEOUT)
    assert failing.raised == 1
    assert (state.status, state.checkpoints, state.warnings, state.items) == (Status.COMPLETED, 0, 1, 3)
    look(runtime)

    again = runtime.dispatch("acme:large")
    gate.arrival().let_go()
    gate.arrival().let_go()
    assert again.wait(TIMEOUT).checkpoints == 1
    look(runtime)


@pytest.mark.usefixtures("gate")
def test_a_first_state_that_could_not_be_stored_is_no_job(runtime: Runtime, failing: Failing) -> None:
    large = {"text": "x" * LARGE}
    failing.arm("blob.before_rename", no_space)
    with pytest.raises(DiskFull):
        runtime.dispatch("acme:careful", large)
    assert runtime.jobs().jobs == []
    runtime.dispatch("acme:careful", large)
    look(runtime)


def test_a_failed_commit_at_open_leaves_the_folder_free(tmp_path: Path, failing: Failing) -> None:
    told: list[str] = []

    class Hooks(ActorHooks):
        def opened(self, gauges: Gauges) -> None:
            told.append("opened")

        def closed(self, gauges: Gauges) -> None:
            told.append("closed")

    failing.arm("commit.before_write", lambda: StoreFailed(tmp_path, "an error of the disk"))
    with pytest.raises(StoreFailed):
        Runtime.open(tmp_path / "data", hooks=Hooks())
    assert told == []
    with Runtime.open(tmp_path / "data") as runtime:
        assert runtime.store.position() == 1


# --- a defect, which the log writer dies of --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*INSIDE_A_COMMIT, "commit.after_drain", "commit.after_plan"])
def test_a_log_writer_that_dies_is_replaced_and_its_jobs_go_on(
    runtime: Runtime, gate: Gate, failing: Failing, name: str
) -> None:
    job = runtime.dispatch("acme:careful")
    arrival = gate.arrival()
    failing.arm(name, defect)
    arrival.let_go()

    eventually(lambda: job.attempts == 2)
    assert failing.raised == 1
    gate.open()  # it comes there once more, if the log does not have that it was let go
    state = job.wait(TIMEOUT)
    assert (state.status, state.items, state.warnings) == (Status.COMPLETED, 3, 0)
    assert [event.cause for event in events_of(job, JobRecovered)] == ["restart"]
    look(runtime)


@pytest.mark.parametrize("name", ["commit.after_sync", "answer.before", "answer.after"])
def test_a_defect_after_the_sync_loses_nothing(
    tmp_path: Path, runtime: Runtime, gate: Gate, failing: Failing, name: str
) -> None:
    """The log has it, and nobody was told: whether this process or the next, one of them goes on from it."""
    job = runtime.dispatch("acme:careful")
    arrival = gate.arrival()
    failing.arm(name, defect)
    arrival.let_go()
    eventually(lambda: failing.raised == 1)
    saved = "checkpoint" in tags_of(job)
    runtime.close(grace=0)

    with Runtime.open(tmp_path / "data") as after, Gate(after) as next_gate:
        assert (after.job(job.job_id).last_checkpoint is not None) >= saved
        next_gate.open()
        state = after.job(job.job_id).wait(TIMEOUT)
        assert (state.status, state.items, state.checkpoints) == (Status.COMPLETED, 3, 1)
        look(after)


def test_every_error_of_a_commit_is_a_store_error() -> None:
    assert isinstance(full(), StoreError)
