"""Projects in Rust: a crate so small that it compiles in a second, by the machine's own cargo."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from perdure.toolchain import build, project_in
from perdure.toolchain.errors import BuildFailed, InvalidProject, MissingTool
from perdure.toolchain.rust_builder import RustBuilder

CARGO = """
[package]
name = "tiny-one"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[dependencies]
perdure-sdk = { path = "vendor/perdure-sdk" }
[profile.release]
panic = "abort"
[workspace]
"""
SDK = '[package]\nname = "perdure-sdk"\nversion = "0.1.0"\nedition = "2021"\n'
LIBRARY = """
#[link(wasm_import_module = "spacedrive")]
extern "C" { fn spacedrive_call(method: *const u8, length: usize, _: usize, payload: *const u8, _: usize) -> usize; }
pub fn call(method: &str) -> usize { unsafe { spacedrive_call(method.as_ptr(), method.len(), 0, "{}".as_ptr(), 2) } }
pub fn written(at: usize, of: &[u8]) -> u8 { of[at] } // a panic tells this file's place
pub fn never_called() -> usize { call("query:vdfs.never") }
"""
CODE = """
#[no_mangle]
pub extern "C" fn execute_job(context: usize, _: usize, _: usize, _: usize) -> i32 {
    let chosen = perdure_sdk::call(if context > 9 { "query:custom.one" } else { "query:custom.two" });
    (chosen + perdure_sdk::call("action:vdfs.write") + perdure_sdk::written(context, b"some") as usize) as i32
}
#[link_section = "perdure.manifest"]
#[used]
static MANIFEST: [u8; %d] = *b"%s";
"""
MANIFEST = '{"id":"tiny-one","name":"Tiny","version":"0.1.0"}'


def crate(folder: Path, code: str = "", cargo: str = CARGO) -> Path:
    sdk = folder / "vendor" / "perdure-sdk"
    for path, text in {
        folder / "Cargo.toml": cargo,
        folder / "src" / "lib.rs": (CODE % (len(MANIFEST), MANIFEST.replace('"', '\\"'))) + code,
        sdk / "Cargo.toml": SDK,
        sdk / "src" / "lib.rs": LIBRARY,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def quiet(text: str) -> None:
    """Nobody waits."""


def test_the_same_bytes_from_any_folder_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = build(project_in(crate(tmp_path / "here")), quiet)
    monkeypatch.setenv("RUSTFLAGS", "-C opt-level=0")
    there = build(project_in(crate(tmp_path / "a folder with another name" / "there")), quiet)
    wasm = here.wasm_path.read_bytes()
    assert there.wasm_path.read_bytes() == wasm
    assert str(tmp_path).encode() not in wasm
    assert b"vendor/perdure-sdk/src/lib.rs" in wasm
    assert here.calls.names == ("action:vdfs.write", "query:custom.one", "query:custom.two")
    assert json.loads((here.folder / "manifest.json").read_text())["wasm_file"] == "tiny_one.wasm"
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        *(".perdure-build", "Cargo.lock", "Cargo.toml", "src", "vendor")
    }


def test_what_the_compiler_says_is_kept_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        build(project_in(crate(tmp_path, "pub fn wrong() -> i32 { true }")), quiet)
    assert "error[E0308]: mismatched types" in caught.value.said
    assert "src/lib.rs:10:" in caught.value.said


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('crate-type = ["cdylib"]', "", "lib"),
        ('crate-type = ["cdylib"]', 'crate-type = "cdylib"', "lib"),
        ('name = "tiny-one"', 'name = "../out"', "package.name"),
        ("[package]", "[other]", "package.name"),
    ],
)
def test_a_crate_that_makes_no_module(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        build(project_in(crate(tmp_path, cargo=CARGO.replace(old, new))), quiet)
    assert caught.value.field == field


def test_without_a_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shell)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    monkeypatch.setattr("perdure.toolchain.rust_toolchain._DEBIAN_BIN", tmp_path / "none")
    with pytest.raises(MissingTool, match="rust is not installed"):
        build(project_in(crate(tmp_path / "crate")), quiet)
    (tool,) = RustBuilder().tools()
    assert not tool.usable
