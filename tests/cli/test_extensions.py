"""`perdure extensions`, within this process."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.command_line import COUNTER, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import RETURN_COMPLETED, RETURN_INTERRUPTED


def module(name: str = "job", result: str = RETURN_COMPLETED) -> bytes:
    wat = RuntimeWat()
    wat.job(name, result)
    return wat.module()


def test_nothing_is_installed(perdure: CommandLine) -> None:
    assert perdure.done("extensions", "list", "--json").json == []
    answer = perdure.done("extensions", "list")
    assert answer.out == f"no extensions in {perdure.data}; install one: perdure extensions install FILE|DIR\n"
    for command in ("inspect", "remove"):
        answer = perdure("extensions", command, "counter")
        assert answer.code == 7
        assert answer.err.startswith("perdure: extension 'counter' is not installed (none is installed)")
    assert not perdure.data.exists()


def test_install_list_inspect_remove(perdure: CommandLine) -> None:
    installed = perdure.done("extensions", "install", COUNTER, "--json").json
    assert (installed["extension"], installed["version"]) == ("counter", "1.0.0")
    assert installed["job_types"] == [{"name": "counter", "export": "execute_counter", "resumable": True}]
    assert installed["permissions"]["max_memory_mb"] == 16
    assert perdure.done("extensions", "list", "--json").json == [
        perdure.done("extensions", "inspect", "counter", "--json").json
    ]
    header, line = perdure.done("extensions", "list").out.splitlines()
    assert header.split() == ["extension", "version", "jobs", "module", "installed", "name"]
    assert line.split()[:3] == ["counter", "1.0.0", "counter"]
    removed = perdure.done("extensions", "remove", "counter", "--json").json
    assert removed == {"extension": "counter", "version": "1.0.0", "removed": True}
    assert perdure.done("extensions", "list", "--json").json == []
    assert perdure("extensions", "inspect", "counter").code == 7


def test_inspect_says_what_it_may_do(perdure: CommandLine, tmp_path: Path) -> None:
    library = UUID(int=7)
    permissions = {
        "methods": ["query:test.ping"],
        "libraries": [str(library)],
        "network_access": ["api.example.com"],
        "rate_limits": {"requests_per_minute": 5, "concurrent_jobs": 1},
        "max_memory_mb": 8,
        "typo": 1,
    }
    folder = write_extension(tmp_path / "acme", module(), permissions=permissions)
    installed = perdure.done("extensions", "install", folder, "--yes")
    shown = perdure.done("extensions", "inspect", "acme").out
    for text in (
        "query:test.ping",
        str(library),
        "api.example.com",
        "5 operations a minute, 1 job at once, 8 MiB of memory each",
        "permissions.typo is unknown",
    ):
        assert text in shown
    assert is_plain(shown)
    assert "perdure: warning: " in installed.err


def test_a_new_version(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", write_extension(tmp_path / "acme", module("old")))
    again = write_extension(tmp_path / "acme", module("new"), version="2.0.0")
    assert perdure.done("extensions", "install", again, "--json").json["version"] == "2.0.0"
    (state,) = perdure.done("extensions", "list", "--json").json
    assert [kind["name"] for kind in state["job_types"]] == ["new"]


def test_remove_while_jobs_need_it(perdure: CommandLine, tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "acme", module(result=RETURN_INTERRUPTED))
    assert perdure("run", folder, "job").code == 6
    answer = perdure("extensions", "remove", "acme")
    assert answer.code == 10
    assert answer.err == "perdure: extension acme has 1 unfinished jobs; finish or cancel them first\n"


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "manifest.json does not exist"),
        ("{", "manifest.json"),
        ('{"id": 7}', "manifest.json: id is 7"),
        ('{"id": "x", "name": "x", "version": "1", "wasm_file": "../x.wasm"}', "manifest.json: wasm_file"),
        ('{"id": "x", "name": "x", "version": "1", "wasm_file": "x.wasm"}', "x.wasm does not exist"),
    ],
)
def test_a_folder_that_is_no_extension(perdure: CommandLine, tmp_path: Path, manifest: str | None, says: str) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    answer = perdure("extensions", "install", tmp_path)
    assert answer.code == 3
    assert says in answer.err
    assert re.fullmatch(r"perdure: [^\n]*\n", answer.err)
    assert perdure.done("extensions", "list", "--json").json == []


def test_a_file_is_no_folder(perdure: CommandLine) -> None:
    answer = perdure("extensions", "install", f"{COUNTER}/manifest.json")
    assert answer.code == 3
    assert "is no package; name a .perdure-ext file, or the folder that holds manifest.json" in answer.err
    answer = perdure("extensions", "install", "nowhere.perdure-ext")
    assert answer.code == 3
    assert "is not a folder, and no package is there" in answer.err
