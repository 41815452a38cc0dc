"""`perdure run` and `perdure extensions install` on a project: it is built on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_build import CALL, project, write
from tests.support.command_line import CommandLine

__all__ = ["project"]  # a fixture


def test_a_project_is_built_and_runs(perdure: CommandLine, project: Path) -> None:
    answer = perdure.done("run", project, "counter", "--state", '{"target": 3}')
    assert "compiling with zig" in answer.err
    assert "perdure: built one 0.1.0 in " in answer.err
    assert "Counted 3/3" in answer.out
    assert not (project / "dist").exists(), "nothing was asked for there"
    again = perdure.done("run", project, "counter", "--state", '{"target": 2}', "--json")
    assert again.json["message"] == "Counted 2/2"


def test_a_project_is_built_and_installed(perdure: CommandLine, project: Path) -> None:
    perdure.done("extensions", "install", project)
    assert perdure.done("run", "one", "counter", "--state", '{"target": 1}', "--json").json["status"] == "completed"


def test_what_was_built_by_somebody_else_is_taken_as_it_is(perdure: CommandLine, project: Path) -> None:
    perdure.done("build", project, "-o", project)
    (project / "src" / "one.c").write_text("this is no C")
    assert perdure.done("run", project, "counter", "--json").json["status"] == "completed"


@pytest.mark.parametrize("words", [["run", "PROJECT", "counter"], ["extensions", "install", "PROJECT"]])
def test_what_does_not_compile_leaves_nothing(perdure: CommandLine, project: Path, words: list[str]) -> None:
    write(project, "not C;")
    answer = perdure(*[str(project) if word == "PROJECT" else word for word in words])
    assert answer.code == 14
    assert "error:" in answer.err
    assert perdure.done("extensions", "list", "--json").json == []


def test_calls_that_are_not_asked_for_are_said_before_anything_runs(perdure: CommandLine, project: Path) -> None:
    write(project, CALL % "query:vdfs.list")
    answer = perdure("run", project, "job")
    assert answer.code == 3
    assert 'add to the methods of its permissions: "query:vdfs.list"' in answer.err


def test_a_folder_that_is_neither(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure("run", tmp_path, "job")
    assert answer.code == 3
    assert "manifest.json" in answer.err
