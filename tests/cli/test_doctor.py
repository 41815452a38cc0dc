"""`perdure doctor`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.command_line import COUNTER, CommandLine, is_plain
from tests.support.job_events import runtime_opened, start_job
from tests.support.store_process import StoreProcess

from perdure.cli import doctor
from perdure.cli.boundary_choice import VARIABLE
from perdure.cli.filesystem import file_system, nearest_existing, usage
from perdure.store import LmdbEventStore
from perdure.store.events import RUNTIME_STREAM


def test_before_anything_ran(perdure: CommandLine) -> None:
    answer = perdure.done("doctor")
    assert "not made yet" in answer.out
    assert "nothing has run in this folder yet" in answer.out
    assert is_plain(answer.out)
    assert not perdure.data.exists()


def test_all_is_well(perdure: CommandLine) -> None:
    perdure.run_counter()
    report = perdure.done("doctor", "--json").json
    assert report["healthy"] is True
    assert report["data"] == str(perdure.data)
    assert report["held_by"] is None
    assert report["events"] > 600
    assert report["extensions"] == {"counter": "1.0.0"}
    assert (report["opens"], report["crashes"]) == (1, 0)
    assert report["blobs"]["files"] == report["cache"]["files"] == 1
    assert report["log_format"] == {"known": 3, "found": 3}
    assert set(report["versions"]) >= {"perdure", "wasmtime", "lmdb", "pykka"}
    assert "not installed" not in report["versions"].values()


def test_how_guests_are_reached(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    report = perdure.done("doctor", "--json").json
    assert report["boundary"] == {"choice": "auto", "modules": "raw", "components": "raw"}
    assert report["most_guests"] >= doctor.LEAST_GUESTS
    monkeypatch.setenv(VARIABLE, "stock")
    assert re.search(r"ok +guests +boundary of modules stock, components stock; room", perdure.done("doctor").out)
    monkeypatch.setattr(doctor, "most_guests", lambda: 7)
    assert re.search(r"warning +address space .* only 7 jobs can run at once", perdure.done("doctor").out)
    monkeypatch.setenv(VARIABLE, "fast")
    for command in (["doctor"], ["run", COUNTER, "counter"]):
        answer = perdure(*command)
        assert answer.code != 0
        assert "PERDURE_BOUNDARY must be one of auto, raw, stock" in answer.err


def test_who_holds_the_folder(perdure: CommandLine) -> None:
    with LmdbEventStore.open(perdure.data) as store:
        start_job(store)
    with StoreProcess("write", perdure.data) as other:
        other.expect("ready")
        shown = perdure.done("doctor").out
        assert f"by process {other.pid}" in shown
        assert re.search(r"ok +unfinished +1 running\n", shown)
    assert re.search(r"warning +unfinished +1 running; 'perdure resume' lets them go on", perdure.done("doctor").out)


def test_how_often_it_crashed(perdure: CommandLine) -> None:
    with LmdbEventStore.open(perdure.data) as store:
        store.append(RUNTIME_STREAM, [runtime_opened(), runtime_opened()])
    assert "2 times so far, 1 of them ended without closing" in perdure.done("doctor").out


def test_a_reader_that_died(perdure: CommandLine) -> None:
    perdure.run_counter()
    # LMDB forgets all readers when nobody has the log open, so somebody has.
    with StoreProcess("write", perdure.data) as writer, StoreProcess("hold_transaction", perdure.data) as reader:
        writer.expect("ready")
        reader.expect("ready")
        assert perdure.done("doctor", "--json").json["readers"] == {"slots_taken": 1, "stale_pids": []}
        reader.kill()
        assert perdure.done("doctor", "--json").json["readers"] == {"slots_taken": 1, "stale_pids": [reader.pid]}
        assert f"1 process died while reading: {reader.pid}" in perdure.done("doctor").out


def test_a_damaged_log(perdure: CommandLine) -> None:
    perdure.run_counter()
    (perdure.data / "log" / "data.mdb").write_bytes(b"rubbish" * 4096)
    answer = perdure("doctor", "--json")
    assert (answer.code, answer.json["healthy"]) == (8, False)
    assert [finding["name"] for finding in answer.json["findings"]] == ["events"]
    assert re.fullmatch(r"perdure: 1 problem: [^\n]*\n", answer.err)


def test_a_folder_that_cannot_be_written_to(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "is_writable", lambda folder: False)
    answer = perdure("doctor")
    assert answer.code == 8
    assert "cannot be written to by this user" in answer.err


def test_little_room(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "free_bytes", lambda folder: 1_000)
    assert "only 1,000 B free; jobs stop when it is full" in perdure.done("doctor").out


@pytest.mark.parametrize(("kind", "says"), [("tmpfs", "in memory"), ("nfs4", "on a network")])
def test_file_systems_that_will_not_do(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, kind: str, says: str
) -> None:
    monkeypatch.setattr(doctor, "file_system", lambda folder: kind)
    assert says in perdure.done("doctor").out


def test_the_file_system_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    here = tmp_path / "a b"
    here.mkdir()
    escaped = str(here).replace(" ", "\\040")
    mounts.write_text(
        "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        f"2 1 0:5 / {escaped} rw - tmpfs tmpfs rw\n"
        f"3 1 0:6 / {escaped}c rw - nfs4 server:/ rw\n"
        "rubbish\n"
    )
    assert file_system(here / "not" / "there", mounts) == "tmpfs"
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(tmp_path, tmp_path / "none") is None


def test_usage(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"12345")
    (tmp_path / "file").write_bytes(b"1")
    assert usage(tmp_path) == usage(tmp_path)
    assert (usage(tmp_path).files, usage(tmp_path).bytes) == (2, 6)
    assert usage(tmp_path / "none").files == 0
    assert nearest_existing(tmp_path / "none" / "nothing") == tmp_path
