"""A runtime on a disk that is full, and on a log whose bytes were altered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.conftest import GRACE
from tests.support.acme import install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import PERMISSIONS, Gate, at_gate
from tests.support.job_history import events_of, tags_of
from tests.support.log_file import data_file, flip
from tests.support.runtime_wat import RuntimeWat
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.store import CorruptLog, DiskFull, LmdbEventStore, check
from perdure.store.events import RUNTIME_STREAM, CheckpointSaved, ItemsCounted, RuntimeOpened, WarningAdded

SETTINGS = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)
LARGE = 60_000  # bytes of a checkpoint that the event holds itself


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        yield disk


def saver_module() -> bytes:
    """``saver:save`` counts an item and saves, waits at the gate, does it again; a save that was refused is a warning.

    ``saver:fill`` saves until it is refused, then waits at the gate, then saves once more.
    """
    wat = RuntimeWat(memory="4")
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    save = wat.call("job_checkpoint", wat.job_id, 100_000, LARGE)
    refused = wat.call("job_add_warning", wat.job_id, wat.text("refused"))
    step = f"{item} (if {save} (then {refused}))"
    wat.job("save", f"{step} {at_gate(wat)} {step} {at_gate(wat)} {step} (i32.const 0)")
    wat.job("fill", f"(loop $on {item} (br_if $on (i32.eqz {save}))) {refused} {at_gate(wat)} {step} (i32.const 0)")
    return wat.module()


def install_saver(runtime: Runtime, folder: Path) -> None:
    written = write_extension(folder / "saver", saver_module(), extension="saver", permissions=PERMISSIONS)
    runtime.install(written, consent=grant_as_asked)


def saved(job: JobHandle) -> int:
    return len(events_of(job, CheckpointSaved))


def exhaust(runtime: Runtime, disk: SmallDisk) -> None:
    """Fill the disk, and what the log's file has free in itself."""
    disk.fill()
    refused = 0
    while refused < 5:
        try:
            runtime.store.append(RUNTIME_STREAM, [RuntimeOpened(pid=1, perdure="x" * 200, wasmtime="")])
            refused = 0
        except DiskFull:
            refused += 1


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_guest_hears_that_its_checkpoint_was_not_stored_and_goes_on_when_there_is_room(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with Runtime.open(disk.path / "data", settings=SETTINGS) as runtime, Gate(runtime) as gate:
        install_saver(runtime, tmp_path)
        job = runtime.dispatch("saver:save")
        arrival = gate.arrival()
        assert saved(job) == 1
        disk.fill()
        arrival.let_go()

        second = gate.arrival()  # the guest was told, and is here
        assert saved(job) == 1
        with pytest.raises(DiskFull):
            runtime.dispatch("saver:save", {"text": "x" * LARGE})
        assert check(runtime.store).problems == []
        disk.free()
        second.let_go()
        state = job.wait(TIMEOUT)
        assert (state.status, state.attempts, state.checkpoints) == (Status.COMPLETED, 1, 2)
        # Nothing of what it did is missing, though the log could not take it for a while.
        assert (state.items, len(events_of(job, ItemsCounted)), len(events_of(job, WarningAdded))) == (3, 3, 1)
        assert check(runtime.store).problems == []
        assert [state.job_id for state in runtime.jobs().jobs] == [job.job_id]


def test_a_guest_that_fills_the_disk_loses_nothing_that_was_acknowledged(disk: SmallDisk, tmp_path: Path) -> None:
    with Runtime.open(disk.path / "data", settings=SETTINGS) as runtime, Gate(runtime) as gate:
        install_saver(runtime, tmp_path)
        disk.fill(leave=8 << 20)  # what somebody else has on it, and will remove
        job = runtime.dispatch("saver:fill")
        arrival = gate.arrival()
        acknowledged = saved(job)
        assert acknowledged > 20
        exhaust(runtime, disk)
        arrival.let_go()
        with pytest.raises(TimeoutError):
            job.wait(0.5)
        assert job.status is Status.RUNNING
    # Closed on a full disk: what was acknowledged is there, for the next process to go on from.
    with LmdbEventStore.open_readonly(disk.path / "data") as log:
        assert check(log).problems == []
        assert log.job(job.job_id).checkpoints == acknowledged
    disk.free()
    with Runtime.open(disk.path / "data", settings=SETTINGS, recover=False) as runtime:
        runtime.cancel(job.job_id)  # else it would fill the disk again
        assert runtime.wait(job.job_id, TIMEOUT).checkpoints == acknowledged
        assert check(runtime.store).problems == []


def test_a_job_waits_for_room_to_record_its_end(disk: SmallDisk, tmp_path: Path) -> None:
    with Runtime.open(disk.path / "data", settings=SETTINGS) as runtime, Gate(runtime) as gate:
        install_acme(runtime, tmp_path)
        job = runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        exhaust(runtime, disk)
        arrival.let_go()
        with pytest.raises(TimeoutError):
            job.wait(1.0)
        assert job.status is Status.RUNNING
        disk.free()
        state = job.wait(TIMEOUT)
        assert (state.status, state.attempts, state.items) == (Status.COMPLETED, 1, 1)
        assert tags_of(job) == ["dispatched", "started", "operation", "items", "completed"]
        assert check(runtime.store).problems == []


def test_a_job_that_ended_while_the_disk_was_full_goes_on_at_the_next_open(disk: SmallDisk, tmp_path: Path) -> None:
    with Runtime.open(disk.path / "data", settings=SETTINGS) as runtime, Gate(runtime) as gate:
        install_acme(runtime, tmp_path)
        job_id = runtime.dispatch("acme:gate").job_id
        arrival = gate.arrival()
        exhaust(runtime, disk)
        arrival.let_go()
        with pytest.raises(TimeoutError):
            runtime.wait(job_id, 0.5)
    disk.free()
    with (
        Gate() as gate,
        Runtime.open(disk.path / "data", settings=SETTINGS, operations=[gate.handler]) as runtime,
    ):
        gate.arrival().let_go()
        state = runtime.job(job_id).wait(TIMEOUT)
        assert (state.status, state.attempts, state.items) == (Status.COMPLETED, 2, 1)
        assert check(runtime.store).problems == []


def test_a_folder_on_a_full_disk_is_refused_by_name(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(DiskFull) as caught:
        Runtime.open(disk.path / "data")
    assert "free space" in str(caught.value)
    disk.free()
    with Runtime.open(disk.path / "data") as runtime:
        assert runtime.extensions() == []


def test_an_extension_that_does_not_fit_is_not_half_installed(disk: SmallDisk, tmp_path: Path) -> None:
    with Runtime.open(disk.path / "data", settings=SETTINGS) as runtime:
        disk.fill()
        with pytest.raises(DiskFull):
            install_acme(runtime, tmp_path)
        assert runtime.extensions() == []
        disk.free()
        install_acme(runtime, tmp_path)
        assert runtime.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
        assert check(runtime.store).problems == []


# --- altered bytes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def job_with_a_known_word(tmp_path: Path) -> JobHandle:
    """A job that has ended, and said ``known-word`` before."""
    wat = RuntimeWat()
    say = wat.call("job_add_warning", wat.job_id, wat.text("known-word"))
    wat.job("say", f"{wat.log()} {say} {wat.log()} (i32.const 0)")
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        runtime.install(write_extension(tmp_path / "sayer", wat.module(), extension="sayer"))
        job = runtime.dispatch("sayer:say")
        job.wait(TIMEOUT)
        return job


def test_an_altered_event_is_an_error_of_its_job_and_of_no_other(
    job_with_a_known_word: JobHandle, tmp_path: Path
) -> None:
    job_id = job_with_a_known_word.job_id
    flip(tmp_path / "data", b"known-word")
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        with pytest.raises(CorruptLog) as caught:
            list(runtime.history(job_id))
        assert str(job_id) in caught.value.where
        (problem,) = check(runtime.store).problems
        assert str(job_id) in problem.where
        # The rest is as it was: others run, and the job's state is what was folded before.
        assert runtime.job(job_id).status is Status.COMPLETED
        assert runtime.dispatch("sayer:say").wait(TIMEOUT).warnings == 1


def test_a_job_that_cannot_be_read_any_more_holds_up_no_other(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        install_acme(runtime, tmp_path)
        bad = runtime.dispatch("acme:polite", {"known-word": 1})
        good = runtime.dispatch("acme:polite")
        eventually(lambda: bad.items == 1 and good.items == 1)
    flip(tmp_path / "data", b"known-word")
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        after = runtime.job(good.job_id)
        eventually(lambda: after.items == 2)
        after.cancel()
        assert after.wait(TIMEOUT).status is Status.CANCELLED
        assert len(check(runtime.store).problems) == 1


@pytest.mark.usefixtures("job_with_a_known_word")
def test_a_file_that_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    file = data_file(tmp_path / "data")
    content = file.read_bytes()
    for damaged in (b"no log at all" * 1000, content[: len(content) // 2], content[:100]):
        file.write_bytes(damaged)
        with pytest.raises(CorruptLog) as caught:
            Runtime.open(tmp_path / "data")
        assert "perdure log check" in str(caught.value)
        assert file.read_bytes() == damaged  # it is not mended, nor made worse
    file.write_bytes(content)
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        assert len(runtime.jobs().jobs) == 1
        assert check(runtime.store).problems == []
