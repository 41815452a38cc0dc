"""Rehearsing and upgrading from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.crash.upgrades import NEW, OLD, STEPS, counting
from tests.support.command_line import CommandLine, is_plain
from tests.support.versions import version_folder


@pytest.fixture
def old(perdure: CommandLine, tmp_path: Path) -> Path:
    """The old version, with which one job has completed."""
    folder = version_folder(tmp_path, OLD, counting("old"), permissions={})
    perdure.done("run", folder, "count")
    return folder


def new(folder: Path, policy: str | None = None, word: str = "new", **fields: Any) -> Path:
    fields.setdefault("permissions", {})
    return version_folder(folder, NEW, counting(word), {"count": policy} if policy else None, **fields)


def failed_job(perdure: CommandLine, folder: Path) -> str:
    """A job of the old version that had too little fuel, with a checkpoint."""
    fuel = perdure.job()["fuel"] * 2 // 3
    answer = perdure("run", folder, "count", "--fuel", fuel, "--json")
    assert answer.code == 1
    assert answer.json["checkpoint"] is not None
    return str(answer.json["job_id"])


# --- rehearse --------------------------------------------------------------------------------------------------------


def test_the_same_version_is_good(perdure: CommandLine, old: Path) -> None:
    answer = perdure.done("extensions", "rehearse", old, "--workers", 1)
    assert is_plain(answer.out)
    lines = answer.out.splitlines()
    assert lines[0] == f"acme {OLD} in the place of {OLD}: 0 unfinished jobs, all 1 finished one"
    assert lines[3].split() == [perdure.job()["job_id"], "acme:count", "completed", "same", str(3 * STEPS)]
    assert lines[-1].split() == ["acme:count", "1", "1", "0", "0", "0", "0", "+0.0%"]


def test_a_version_that_differs_says_where_and_has_its_exit_code(
    perdure: CommandLine, old: Path, tmp_path: Path
) -> None:
    answer = perdure("extensions", "rehearse", new(tmp_path), "--workers", 1)
    assert answer.code == 12
    assert 'call 1 (event 3): recorded {"function": "log"' in answer.out
    found = perdure("extensions", "rehearse", new(tmp_path), "--workers", 1, "--json", "--seed", 5).json
    assert (found["good"], found["seed"], found["finished"], found["version"]) == (False, 5, 1, NEW)
    [job] = found["jobs"]
    assert (job["verdict"], job["difference"]["call"], job["difference"]["came"]["message"]) == ("different", 1, "new")
    assert found["types"][0]["different"] == 1


def test_a_module_that_cannot_be_used(perdure: CommandLine, old: Path, tmp_path: Path) -> None:
    folder = new(tmp_path)
    (folder / "module.wasm").write_bytes(b"\0asm\1\0\0\0")
    answer = perdure("extensions", "rehearse", folder)
    assert answer.code == 3
    assert "it cannot be used: its exports do not fit" in answer.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nobody"], 7, "'nobody' is no extension's folder"),
        (["acme"], 10, "no new version of extension acme waits"),
        (["acme", "--sample", "-1"], 2, "--sample"),
        (["acme", "--workers", "0"], 2, "--workers"),
    ],
)
def test_wrong_use(perdure: CommandLine, old: Path, words: list[str], code: int, says: str) -> None:
    answer = perdure("extensions", "rehearse", *words)
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err


def test_an_empty_folder(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure("extensions", "rehearse", new(tmp_path))
    assert answer.code == 7
    assert "nothing has run" in answer.err


def test_a_rehearsal_writes_nothing_and_works_beside_another_process(
    perdure: CommandLine, old: Path, tmp_path: Path
) -> None:
    with perdure.process("run", old, "count", "--state", "0"):
        perdure.done("extensions", "rehearse", old, "--workers", 1)
    before = {path: path.stat().st_mtime_ns for path in perdure.data.rglob("*") if "lock" not in path.name}
    perdure("extensions", "rehearse", new(tmp_path), "--workers", 1)
    assert {path: path.stat().st_mtime_ns for path in perdure.data.rglob("*") if "lock" not in path.name} == before


# --- install and update ----------------------------------------------------------------------------------------------


def test_what_becomes_of_unfinished_jobs_is_said_and_shown(perdure: CommandLine, old: Path, tmp_path: Path) -> None:
    job = failed_job(perdure, old)
    folder = new(tmp_path, "checkpoint")
    perdure.done("extensions", "install", folder)
    shown = perdure.done("extensions", "inspect", "acme").out
    assert "count: checkpoint" in shown
    assert perdure.done("extensions", "inspect", "acme", "--json").json["upgrades"] == {"count": "checkpoint"}
    perdure("jobs", "retry", job)
    now = perdure.done("jobs", "show", job, "--json").json
    assert (now["version"], now["moved_from"]) == (NEW, OLD)
    assert f"acme:count {NEW}, moved from {OLD}" in perdure.done("jobs", "show", job).out
    history = perdure.done("log", "history", job).out
    assert f"to version {NEW}" in history


def test_a_policy_on_the_command_line(perdure: CommandLine, old: Path, tmp_path: Path) -> None:
    job = failed_job(perdure, old)
    perdure.done("extensions", "install", new(tmp_path), "--policy", "count=restart")
    perdure("jobs", "retry", job)
    assert perdure.done("jobs", "show", job, "--json").json["version"] == NEW


def test_a_policy_can_be_set_later(perdure: CommandLine, old: Path, tmp_path: Path) -> None:
    perdure.done("extensions", "install", new(tmp_path))
    perdure.done("extensions", "update", "acme", "--policy", "*=checkpoint")
    assert perdure.done("extensions", "inspect", "acme", "--json").json["upgrades"] == {"count": "checkpoint"}


@pytest.mark.parametrize(
    "policy", [["count"], ["=stay"], ["count="], ["count=soon"], ["other=stay"], ["count=stay", "count=restart"]]
)
def test_a_policy_that_there_is_not(perdure: CommandLine, old: Path, tmp_path: Path, policy: list[str]) -> None:
    options = [word for one in policy for word in ("--policy", one)]
    answer = perdure("extensions", "install", new(tmp_path), *options)
    assert answer.code == 2, answer
    assert perdure.done("extensions", "inspect", "acme", "--json").json["version"] == OLD


def test_a_version_that_waits_can_be_rehearsed_and_brings_its_policy(
    perdure: CommandLine, old: Path, tmp_path: Path
) -> None:
    folder = new(tmp_path, permissions={"methods": ["query:test."]})
    answer = perdure("extensions", "install", folder)
    assert answer.code == 11
    assert "perdure extensions rehearse acme shows what its jobs would do" in answer.err
    assert perdure("extensions", "rehearse", "acme", "--workers", 1).code == 12
    assert perdure("extensions", "update", "acme", "--decline", "--policy", "count=stay").code == 2
    perdure.done("extensions", "update", "acme", "--policy", "acme:count=restart", "--yes")
    shown = perdure.done("extensions", "inspect", "acme", "--json").json
    assert (shown["version"], shown["upgrades"]) == (NEW, {"count": "restart"})


def test_the_manifests_word_is_checked(perdure: CommandLine, old: Path, tmp_path: Path) -> None:
    folder = new(tmp_path, "stay")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["jobs"]["count"]["upgrade"] = "now"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    answer = perdure("extensions", "install", folder)
    assert answer.code == 3
    assert "jobs.count.upgrade" in answer.err
