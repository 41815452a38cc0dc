"""A runtime saves its folder while its jobs go on, and what was saved is a folder in which they go on too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.acme import install_acme
from tests.support.backup_process import check_folder
from tests.support.gate import Gate
from tests.support.job_events import Ticks
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import Runtime, Status
from perdure.store.backups.errors import BackupFailed
from perdure.store.backups.restore import restore_backup


def test_a_job_that_was_saved_in_the_middle_goes_on_in_the_restored_folder(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime, Gate(runtime) as gate:
        install_acme(runtime, tmp_path)
        job = runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        report = runtime.backup(tmp_path / "backup", keys=True)
        assert (report.unfinished, report.position) == (1, runtime.store.position())
        arrival.let_go()
        assert job.wait(TIMEOUT).status is Status.COMPLETED
    restore_backup(tmp_path / "backup", tmp_path / "restored", check=check_folder, clock=Ticks())
    with Runtime.open(tmp_path / "restored", recover=False) as runtime, Gate(runtime) as gate:
        assert runtime.job(job.job_id).status is Status.RUNNING
        runtime.recover()
        gate.arrival().let_go()
        assert runtime.job(job.job_id).wait(TIMEOUT).items == 1


def test_jobs_go_on_while_a_backup_is_made(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        install_acme(runtime, tmp_path)
        job = runtime.dispatch("acme:deaf")
        eventually(lambda: job.status is Status.RUNNING)
        first = runtime.backup(tmp_path / "backup")
        done = runtime.dispatch("acme:nothing").wait(TIMEOUT)
        assert done.status is Status.COMPLETED
        second = runtime.backup(tmp_path / "backup")
        assert second.position > first.position
        assert second.new_blobs == 0


def test_a_backup_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime, pytest.raises(BackupFailed, match="lies in the data folder"):
        runtime.backup(tmp_path / "data" / "backup")
    with Runtime.in_memory() as runtime, pytest.raises(TypeError, match="in memory"):
        runtime.backup(tmp_path / "backup")
