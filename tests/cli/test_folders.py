"""``perdure folders``, and ``perdure run --folder``."""

from __future__ import annotations

from pathlib import Path

from tests.support.command_line import COUNTER, CommandLine

from perdure.cli.exit_codes import ExitCode


def test_a_folder_is_shared_listed_and_taken_back(perdure: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "more").mkdir()
    shared = perdure.done(
        "folders", "share", "photos", f"pics={tmp_path}/pictures", f"more={tmp_path}/more", "--json"
    ).json
    assert shared == {"pics": str(tmp_path / "pictures"), "more": str(tmp_path / "more")}
    listed = perdure.done("folders", "list", "photos", "--json").json
    assert [each["name"] for each in listed] == ["more", "pics"]
    assert str(tmp_path / "pictures") in perdure.done("folders", "list", "photos").out.replace("\n", "")
    perdure.done("folders", "unshare", "photos", "pics")
    assert [each["name"] for each in perdure.done("folders", "list", "photos", "--json").json] == ["more"]
    perdure.done("folders", "unshare", "photos")
    assert perdure.done("folders", "list", "photos", "--json").json == []


def test_what_is_no_folder_is_refused(perdure: CommandLine, tmp_path: Path) -> None:
    assert perdure("folders", "share", "photos", "pics").code == ExitCode.USAGE
    assert perdure("folders", "share", "photos", f"pics={tmp_path}/none").code != 0
    assert perdure.done("folders", "list", "photos", "--json").json == []


def test_a_run_shares_folders_before_its_job_begins(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done(
        "run", COUNTER, "counter", "--yes", "--state", '{"target": 1, "work": 0}', "--folder", f"here={tmp_path}"
    )
    assert [each["name"] for each in perdure.done("folders", "list", "counter", "--json").json] == ["here"]
    wrong = perdure("run", "counter", "counter", "--folder", "here")
    assert wrong.code == ExitCode.USAGE
    assert "NAME=PATH" in wrong.err
