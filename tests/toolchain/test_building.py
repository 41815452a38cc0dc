"""From a project to an extension's folder, with real compilers where they take a second."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime

from perdure.toolchain import Language, build, deliver, project_in
from perdure.toolchain.building import stated_manifest
from perdure.toolchain.compiler import run_compiler
from perdure.toolchain.errors import BuildFailed, InvalidProject, NoManifest
from perdure.toolchain.new import create_project
from perdure.toolchain.wasm_sections import with_section

MODULE = bytes(wasmtime.wat2wasm("(module)"))
ONE_JOB = """
#define PERDURE_IMPLEMENTATION
#include "perdure.h"
PERDURE_EXTENSION("one", "One", "1.0.0"%s);
static perdure_result job(perdure_ctx *ctx, perdure_no_state *state) { (void)state; %s; return PERDURE_COMPLETED; }
PERDURE_JOB(job, perdure_no_state);
"""


def stated(*contents: bytes) -> bytes:
    wasm = MODULE
    for content in contents:
        wasm = with_section(wasm, "perdure.manifest", content)
    return wasm


def quiet(text: str) -> None:
    """Nobody waits."""


def c_project(folder: Path, code: str, permissions: str = "") -> Path:
    create_project("one", Language.C, folder)
    (folder / "src" / "one.c").write_text(ONE_JOB % (permissions, code))
    return folder


@pytest.mark.parametrize("language", [Language.C, Language.ZIG])
def test_the_same_bytes_from_any_folder(tmp_path: Path, language: Language) -> None:
    made = []
    for place in ("here", "a folder with another name/there"):
        create_project("my-thing", language, tmp_path / place)
        said: list[str] = []
        built = build(project_in(tmp_path / place), said.append)
        assert said == [said[0]]  # who compiles, and no warning
        assert said[0].startswith("compiling with zig ")
        made.append((built.folder / "manifest.json", built.wasm_path))
    for first, second in zip(*made, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert b"here" not in first.read_bytes().replace(b"there", b"")


def test_what_was_built_is_delivered(tmp_path: Path) -> None:
    project = project_in(c_project(tmp_path / "one", "(void)ctx"))
    built = build(project, quiet)
    assert built.folder == project.work / "extension"
    assert not (project.folder / "dist").exists()
    delivered = deliver(built)
    assert delivered.folder == project.folder / "dist" / "one"
    assert sorted(path.name for path in delivered.folder.iterdir()) == ["manifest.json", "one.wasm"]
    assert delivered.wasm_path.stat().st_size == delivered.wasm_bytes == built.wasm_bytes
    manifest = json.loads((delivered.folder / "manifest.json").read_text())
    assert manifest == {"id": "one", "name": "One", "version": "1.0.0", "wasm_file": "one.wasm"} == delivered.manifest


def test_what_lies_where_it_is_delivered_stays(tmp_path: Path) -> None:
    built = build(project_in(c_project(tmp_path / "one", "(void)ctx")), quiet)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    (tmp_path / "out" / "manifest.json").write_text("old")
    delivered = deliver(deliver(built, tmp_path / "out"), tmp_path / "out")
    assert sorted(path.name for path in delivered.folder.iterdir()) == ["manifest.json", "mine", "one.wasm"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["id"] == "one"


def test_the_calls_of_the_code(tmp_path: Path) -> None:
    one, other = (f'perdure_call(ctx, &a, "{name}", "{{}}")' for name in ("query:config.get", "action:x.y"))
    calls = f"perdure_answer a; {one}; {other}"
    permissions = ', "permissions": {"methods": ["query:never.called"]}'
    built = build(project_in(c_project(tmp_path / "one", calls, permissions)), quiet)
    assert built.calls.names == ("action:x.y", "query:config.get")


def test_what_the_compiler_says_is_kept_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        build(project_in(c_project(tmp_path / "one", "no_such_function(ctx)")), quiet)
    assert "src/one.c:5:" in caught.value.said
    assert "no_such_function" in caught.value.said
    assert caught.value.tool == "clang"


def test_warnings_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    build(project_in(c_project(tmp_path / "one", "(void)ctx; int unused = 3")), said.append)
    assert "unused variable 'unused'" in said[1]


def test_a_failed_build_leaves_the_last_one_delivered(tmp_path: Path) -> None:
    folder = c_project(tmp_path / "one", "(void)ctx")
    delivered = deliver(build(project_in(folder), quiet))
    before = delivered.wasm_path.read_bytes()
    (folder / "src" / "one.c").write_text("rubbish")
    with pytest.raises(BuildFailed):
        build(project_in(folder), quiet)
    assert delivered.wasm_path.read_bytes() == before


def test_the_root_of_zig_is_zig(tmp_path: Path) -> None:
    create_project("one", Language.ZIG, tmp_path / "one")
    (tmp_path / "one" / "perdure.toml").write_text('language = "zig"\nsources = ["include/perdure.c"]\n')
    with pytest.raises(InvalidProject, match=r"\.zig file"):
        build(project_in(tmp_path / "one"), quiet)


@pytest.mark.parametrize("content", [b'{"id": "a.b-c"}', b'{"id": "a.b-c"}\0', b' {"id": "a.b-c"}\n'])
def test_a_manifest_in_a_section(content: bytes) -> None:
    assert stated_manifest(stated(content)) == {"id": "a.b-c", "wasm_file": "a_b_c.wasm"}


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ((), "there is none in it"),
        ((b'{"id": "a"}', b'{"id": "b"}'), "there are 2 in it"),
        ((b"",), "no JSON"),
        ((b"\xff",), "no JSON"),
        ((b"[" * 100_000,), "no JSON"),
        ((b"[]",), "no JSON object"),
        ((b"{}",), "no id"),
        ((b'{"id": 3}',), "no id"),
        ((b'{"id": "../a"}',), "no id"),
        ((b'{"id": ""}',), "no id"),
        ((b'{"id": "\\u0000"}',), "no id"),
        ((b'{"id": "a", "wasm_file": "b.wasm"}',), "wasm_file"),
    ],
)
def test_what_is_no_manifest(contents: tuple[bytes, ...], says: str) -> None:
    with pytest.raises(NoManifest, match=says):
        stated_manifest(stated(*contents))


def test_a_compiler_that_is_killed(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="sh was killed by signal 9") as caught:
        run_compiler("sh", ["sh", "-c", "echo so far; kill -9 $$"], tmp_path, {})
    assert caught.value.said == "so far\n"


def test_a_compilers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTFLAGS", "from outside")
    words = ["sh", "-c", "echo $RUSTFLAGS$MINE; pwd"]
    said = run_compiler("sh", words, tmp_path, {"MINE": "mine"}, without=["RUSTFLAGS"])
    assert said == f"mine\n{tmp_path}\n"
