"""``perdure log backup``, ``restore``, ``compact`` and ``upgrade``, as people use them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.command_line import COUNTER, ENDLESS, QUICK, CommandLine
from tests.support.old_log import unpack
from tests.support.small_disk import small_disk
from tests.support.waiting import eventually


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def test_a_backup_becomes_a_folder_that_is_worked_on(cli: CommandLine, tmp_path: Path) -> None:
    job = cli.run_counter(QUICK, "--yes")
    saved = cli.done("log", "backup", tmp_path / "backup")
    assert saved.out == ""
    assert f"saved in {tmp_path / 'backup'} and checked" in saved.err
    assert "keys" not in saved.err, "nothing was ever sealed"
    shutil.rmtree(cli.data)

    restored = cli.done("log", "restore", tmp_path / "backup", cli.data)
    assert "what happened after that, also outside, is not known here; no job was unfinished" in restored.err
    assert "do not work on the folder that was saved any more" in restored.err
    assert cli.done("log", "check").out.startswith("clean")
    assert cli.job()["job_id"] == job["job_id"]
    assert "from a backup made at" in cli.done("log", "tail", "--no-follow").out
    assert cli.run_counter(QUICK)["status"] == "completed"


def test_it_is_said_whether_the_keys_are_in_it(cli: CommandLine, tmp_path: Path) -> None:
    cli.run_counter(QUICK, "--yes")
    cli.done("keys", "rotate")
    assert f"can only be read where {cli.data / 'keys'} is" in cli.done("log", "backup", tmp_path / "backup").err
    assert "the backup has no keys" in cli.done("log", "restore", tmp_path / "backup", tmp_path / "new").err
    assert "the keys are in it" in cli.done("log", "backup", tmp_path / "backup", "--keys").err
    restored = cli.done("log", "restore", tmp_path / "backup", tmp_path / "with-keys")
    assert "no keys" not in restored.err
    assert (tmp_path / "with-keys" / "keys" / "master").exists()


def test_json_says_the_same(cli: CommandLine, tmp_path: Path) -> None:
    cli.run_counter(QUICK, "--yes")
    saved = cli.done("log", "backup", tmp_path / "backup", "--keys", "--json").json
    assert (saved["path"], saved["unfinished"], saved["new_blobs"]) == (str(tmp_path / "backup"), 0, saved["blobs"])
    restored = cli.done("log", "restore", tmp_path / "backup", tmp_path / "new", "--json").json
    assert (restored["position"], restored["held"]) == (saved["position"], 0)
    compacted = cli.done("log", "compact", "--json").json
    assert compacted["before"] - compacted["after"] == compacted["saved"] >= 0
    assert cli.done("log", "upgrade", "--json").json == {"from": 3, "to": 3}


def test_a_backup_of_a_folder_in_use_and_its_unfinished_job(cli: CommandLine, tmp_path: Path) -> None:
    state = json.dumps(ENDLESS)
    with cli.process("run", COUNTER, "counter", "--state", state, "--yes") as running:
        eventually(lambda: cli.data.exists() and cli("jobs", "list").code == 0 and (cli.job() or {}).get("checkpoints"))
        cli.done("log", "backup", tmp_path / "backup")
        compact = cli("log", "compact")
        assert compact.code == 4
        assert f"in use by process {running.pid}" in compact.err
    free = cli.done("log", "restore", tmp_path / "backup", tmp_path / "free")
    assert "1 unfinished job will go on when the folder is next worked on" in free.err
    held = cli.done("log", "restore", tmp_path / "backup", tmp_path / "held", "--hold")
    assert "of 1 unfinished job 1 were paused now, and wait for 'perdure jobs resume'" in held.err
    assert CommandLine(tmp_path / "held").job()["status"] == "paused"
    assert CommandLine(tmp_path / "free").job()["status"] == "running"
    assert CommandLine(tmp_path / "held").done("log", "check").out.startswith("clean")


def test_wrong_folders_are_said(cli: CommandLine, tmp_path: Path) -> None:
    nothing = cli("log", "backup", tmp_path / "backup")
    assert (nothing.code, "nothing has run there yet" in nothing.err) == (7, True)
    for word in ("compact", "upgrade"):
        assert cli("log", word).code == 7
    assert not cli.data.exists()
    cli.run_counter(QUICK, "--yes")
    for words, said in (
        (("backup", cli.data / "inside"), "lies in the data folder"),
        (("backup", COUNTER), "is not a backup"),
        (("restore", COUNTER, tmp_path / "new"), "is not a backup"),
        (("restore", tmp_path / "nowhere", tmp_path / "new"), "is not a backup"),
    ):
        answer = cli("log", *words)
        assert (answer.code, said in answer.err) == (2, True), answer
    cli.done("log", "backup", tmp_path / "backup")
    answer = cli("log", "restore", tmp_path / "backup", cli.data)
    assert (answer.code, "is not empty; choose another folder" in answer.err) == (2, True)
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_said(cli: CommandLine, tmp_path: Path) -> None:
    cli.run_counter(QUICK, "--yes")
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        disk.fill(leave=50_000)
        answer = cli("log", "backup", disk.path / "backup")
        assert (answer.code, "no space left on the disk of" in answer.err) == (8, True), answer
        assert not (disk.path / "backup").exists()


def test_a_damaged_backup_is_said(cli: CommandLine, tmp_path: Path) -> None:
    cli.run_counter(QUICK, "--yes")
    cli.done("log", "backup", tmp_path / "backup")
    file = next((tmp_path / "backup").glob("state-*/log/data.mdb"))
    content = bytearray(file.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xee" * 16
    file.write_bytes(content)
    answer = cli("log", "restore", tmp_path / "backup", tmp_path / "new")
    assert (answer.code, "damaged" in answer.err) == (8, True), answer
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]


def test_an_old_log_is_upgraded_when_somebody_says_so(cli: CommandLine) -> None:
    unpack(cli.data)
    listed = cli("jobs", "list")
    assert (listed.code, "'perdure log upgrade' brings it there" in listed.err) == (8, True)
    assert "was brought from format 2 to 3" in cli.done("log", "upgrade").err
    assert "has the present format, 3; nothing was changed" in cli.done("log", "upgrade").err
    assert len(cli.done("jobs", "list", "--limit", "100", "--json").json) == 14
    assert cli.done("log", "check").out.startswith("clean")
