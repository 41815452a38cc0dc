"""`perdure build`: what is built is checked by the host's own code before it is delivered."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine, is_plain

from perdure.toolchain.tools import Tool

SOURCE = """
#define PERDURE_IMPLEMENTATION
#include "perdure.h"
PERDURE_EXTENSION("one", "One", "1.0.0"%s);
static perdure_result job(perdure_ctx *ctx, perdure_no_state *state) {
    (void)ctx; (void)state; %s; return PERDURE_COMPLETED;
}
PERDURE_JOB(job, perdure_no_state);
"""
CALL = 'perdure_answer a; perdure_call(ctx, &a, "%s", "{}")'


@pytest.fixture
def project(perdure: CommandLine, tmp_path: Path) -> Path:
    """A new project in C, the language that compiles in a moment."""
    perdure.done("new", "one", "--lang", "c", "--dir", tmp_path / "one")
    return tmp_path / "one"


def write(project: Path, code: str = "", manifest: str = "", more: str = "") -> None:
    (project / "src" / "one.c").write_text(SOURCE % (manifest and f", {manifest}", code) + more)


def test_it_builds_what_new_made_and_it_runs(perdure: CommandLine, project: Path) -> None:
    answer = perdure.done("build", project)
    assert answer.err.startswith("compiling with zig ")
    assert "one 0.1.0\n" in answer.out
    assert is_plain(answer.out)
    folder = project / "dist" / "one"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "one.wasm"]
    job = perdure.done("run", folder, "counter", "--state", '{"target": 3}', "--json").json
    assert (job["status"], job["message"]) == ("completed", "Counted 3/3")


def test_as_json(perdure: CommandLine, project: Path, tmp_path: Path) -> None:
    answer = perdure.done("build", project, "-o", tmp_path / "out", "--json")
    assert answer.err == ""
    built = answer.json
    assert (built["extension"], built["version"], built["language"]) == ("one", "0.1.0", "c")
    assert built["folder"] == str(tmp_path / "out")
    assert [kind["name"] for kind in built["job_types"]] == ["counter"]
    assert built["permissions"]["methods"] == built["calls"] == built["warnings"] == []
    assert Path(built["wasm_file"]).stat().st_size == built["module_bytes"]
    assert not (project / "dist").exists()
    installed = perdure.done("extensions", "install", tmp_path / "out", "--json").json
    assert installed["module"] == built["module"]


def test_the_project_around_this_folder(perdure: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "src")
    assert perdure.done("build", "--json").json["folder"] == str(project / "dist" / "one")
    assert perdure("build", "..").code == 0
    assert perdure("build", ".").code == 2


def test_the_compilers_words_are_shown_and_nothing_is_delivered(perdure: CommandLine, project: Path) -> None:
    write(project, "no_such_function()")
    answer = perdure("build", project)
    assert answer.code == 14
    assert "src/one.c:6:" in answer.err
    assert answer.err.splitlines()[-1] == "perdure: clang refused the extension's code; what it said is above"
    assert "Traceback" not in answer.err
    assert not (project / "dist").exists()


def test_a_call_that_is_not_asked_for(perdure: CommandLine, project: Path) -> None:
    write(project, CALL % "query:credentials.get", '"permissions": {"methods": ["query:vdfs."]}')
    answer = perdure("build", project)
    assert answer.code == 3
    assert 'add to the methods of its permissions: "query:credentials.get"' in answer.err
    assert not (project / "dist").exists()


@pytest.mark.parametrize("entry", ["query:credentials.get.v1", "query:cred*"])
def test_a_call_that_is_asked_for(perdure: CommandLine, project: Path, entry: str) -> None:
    write(project, CALL % "query:credentials.get", f'"permissions": {{"methods": ["{entry}"]}}')
    built = perdure.done("build", project, "--json").json
    assert built["calls"] == ["query:credentials.get"]
    assert built["warnings"] == []


def test_permissions_that_nothing_uses_are_warned_of(perdure: CommandLine, project: Path) -> None:
    methods, hosts = '["query:vdfs.", "action:config.set"]', '["example.com"]'
    permissions = f'"permissions": {{"methods": {methods}, "network_access": {hosts}}}'
    write(project, CALL % "query:vdfs.stat", permissions)
    warnings = perdure.done("build", project, "--json").json["warnings"]
    assert [warning.split(":")[0] for warning in warnings] == [
        "permissions.methods",
        "permissions.network_access",
        "query",
    ]
    assert "action:config.set" in warnings[0]
    assert "query:vdfs.stat is no operation of this installation" in warnings[2]
    assert f"perdure: warning: {warnings[0]}" in perdure.done("build", project).err


def test_requests_without_a_host(perdure: CommandLine, project: Path) -> None:
    write(project, CALL % "query:http.request", '"permissions": {"methods": ["query:http.request"]}')
    (warning,) = perdure.done("build", project, "--json").json["warnings"]
    assert "network_access has no host" in warning


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ('"permissions": {"max_memory_mb": 0}', "permissions.max_memory_mb"),
        ('"permissions": {"methods": ["everything"]}', "permissions.methods[0]"),
        ('"config_schema": {"type": "nothing"}', "config_schema"),
        ('"wasm_file": "other.wasm"', "wasm_file"),
    ],
)
def test_a_manifest_that_the_host_refuses(perdure: CommandLine, project: Path, manifest: str, says: str) -> None:
    write(project, manifest=manifest)
    answer = perdure("build", project)
    assert answer.code in (3, 14)
    assert says in answer.err.splitlines()[-1]
    assert not (project / "dist").exists()


def test_an_id_that_is_none(perdure: CommandLine, project: Path) -> None:
    write(project)
    source = project / "src" / "one.c"
    source.write_text(source.read_text().replace('"one"', '"Not An Id"'))
    answer = perdure("build", project)
    assert answer.code == 3
    assert "Not An Id" in answer.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('__attribute__((import_module("env"), import_name("fork"))) int fork(void);\n', "fork"),
        ("static bool never(void) { return false; }\nPERDURE_INIT(never);\n", "could not be initialised"),
    ],
)
def test_a_module_that_the_host_refuses(perdure: CommandLine, project: Path, more: str, says: str) -> None:
    use = "if (fork()) return PERDURE_FAILED" if "fork" in more else ""
    write(project, use)
    source = project / "src" / "one.c"
    source.write_text(source.read_text().replace("static perdure_result job", f"{more}static perdure_result job"))
    answer = perdure("build", project)
    assert answer.code == 3
    assert says in answer.err.splitlines()[-1]


def test_a_tool_that_is_missing(perdure: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Tool(name="ziglang", install="pip install 'perdure[c-guest]'", problem="is not installed")
    monkeypatch.setattr("perdure.toolchain.c_builder.zig_tool", lambda: none)
    answer = perdure("build", project)
    assert answer.code == 14
    assert answer.err == "perdure: ziglang is not installed; pip install 'perdure[c-guest]' installs it\n"
    report = perdure.done("doctor", "--json").json
    assert report["healthy"] is True
    assert report["toolchains"]["c"]["usable"] is False
    assert report["findings"] == []
    assert "pip install 'perdure[c-guest]'" in perdure.done("doctor").out


def test_no_project(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure("build", tmp_path)
    assert answer.code == 2
    assert "'perdure new NAME' makes one" in answer.err


def test_a_manifest_with_escapes_does_not_reach_the_terminal(perdure: CommandLine, project: Path) -> None:
    write(project, 'no_such_function("\x1b[2J")')
    answer = perdure("build", project)
    assert is_plain(answer.err)
