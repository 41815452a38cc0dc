"""Which Rust is taken, and what is said where none can be: with toolchains that are shell scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.toolchain import rust_toolchain
from perdure.toolchain.errors import MissingTool
from perdure.toolchain.rust_toolchain import RustToolchain, debian_crates, find_rust
from perdure.toolchain.tools import Tool

CRATES = ("serde-1.0.1", "serde_derive-1.0.1", "serde_json-1.0.1", "syn-1.0.1", "quote-1.0.1", "proc-macro2-1.0.1")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Rust: home, /usr/bin and Debian's crates are in this folder."""
    monkeypatch.setattr(rust_toolchain, "_DEBIAN_BIN", tmp_path / "usr")
    monkeypatch.setattr(rust_toolchain, "_DEBIAN_REGISTRY", tmp_path / "registry")
    monkeypatch.setattr(rust_toolchain, "_DEBIAN_MARK", tmp_path / "debian_version")
    return tmp_path


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def toolchain(place: Path, *, target: bool = True, linker: bool = True, version: str = "1.80.1") -> Path:
    """A cargo and a rustc in ``place/bin``."""
    library = place / "lib" / "rustlib" / "wasm32-unknown-unknown" / "lib"
    library.mkdir(parents=True)
    if target:
        (library / "libstd-1.rlib").touch()
    if linker:
        script(place / "lib" / "rustlib" / "here" / "bin" / "rust-lld", "")
    script(place / "bin" / "cargo", "")
    answers = {"*--version*": f"rustc {version} (abc 2024)", "*target-libdir*": library, "*": place}
    cases = " ".join(f'{question}) echo "{answer}";;' for question, answer in answers.items())
    script(place / "bin" / "rustc", f'case "$*" in {cases} esac')
    return place / "bin"


def environment(machine: Path, *places: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, places)), "CARGO_HOME": str(machine / "home")}


def found(machine: Path, *places: Path) -> RustToolchain:
    rust = find_rust(machine, environment(machine, *places))
    assert isinstance(rust, RustToolchain)
    return rust


def missing(machine: Path, *places: Path) -> Tool:
    tool = find_rust(machine, environment(machine, *places))
    assert isinstance(tool, Tool)
    assert not tool.usable
    return tool


def test_the_first_that_can_make_webassembly(machine: Path) -> None:
    without = toolchain(machine / "without", target=False)
    usable = toolchain(machine / "usable")
    rust = found(machine, without, usable, toolchain(machine / "later"))
    assert (rust.cargo, rust.rustc, rust.version) == (usable / "cargo", usable / "rustc", "1.80.1")
    assert rust.registry is None
    assert rust.sources == ()
    assert rust.environment == {"RUSTC": str(usable / "rustc")}


def test_rustups_own_folder_is_looked_at_too(machine: Path) -> None:
    toolchain(machine / "home")
    assert found(machine).cargo == machine / "home" / "bin" / "cargo"


def test_debians_takes_debians_crates(machine: Path) -> None:
    toolchain(machine)
    (machine / "bin").rename(machine / "usr")
    for crate in CRATES:
        (machine / "registry" / crate).mkdir(parents=True)
    rust = found(machine)
    assert rust.registry == machine / "registry"
    assert rust.sources[1::2] == (
        'source.crates-io.replace-with="debian"',
        f'source.debian.directory="{machine / "registry"}"',
    )
    assert f'directory = "{machine / "registry"}"' in debian_crates(rust.registry)


def test_debians_without_the_crates_takes_them_from_elsewhere(machine: Path) -> None:
    toolchain(machine)
    (machine / "bin").rename(machine / "usr")
    for crate in CRATES[1:]:
        (machine / "registry" / crate).mkdir(parents=True)
    assert found(machine).registry is None


def test_none_at_all(machine: Path) -> None:
    tool = missing(machine)
    assert tool.problem == "is not installed"
    assert "rustup" in tool.install
    with pytest.raises(MissingTool, match="rust is not installed"):
        tool.require()


def test_on_debian_the_line_is_debians(machine: Path) -> None:
    (machine / "debian_version").touch()
    assert missing(machine).install.startswith("apt-get install cargo rustc libstd-rust-dev-wasm32 lld ")


def test_with_rustup_a_target_is_added(machine: Path) -> None:
    place = toolchain(machine / "one", target=False)
    script(place / "rustup", "")
    tool = missing(machine, place)
    assert tool.problem == f"{place}/rustc has no target wasm32-unknown-unknown"
    assert tool.install == "rustup target add wasm32-unknown-unknown"


def test_without_a_linker(machine: Path) -> None:
    place = toolchain(machine / "one", linker=False)
    assert missing(machine, place).problem == f"{place}/rustc has no linker (rust-lld)"
    script(machine / "lld" / "rust-lld", "")
    assert found(machine, place, machine / "lld").rustc == place / "rustc"


def test_one_that_does_not_run(machine: Path) -> None:
    for name in ("cargo", "rustc"):
        script(machine / "broken" / name, "exit 1")
    assert missing(machine, machine / "broken").problem.endswith("rustc does not run")
    (machine / "broken" / "rustc").write_text("rubbish")  # no format that the system runs
    assert missing(machine, machine / "broken").problem.endswith("rustc does not run")


def test_odd_paths_are_passed_over(machine: Path) -> None:
    tool = find_rust(machine, {"PATH": f"::.:relative:{machine}/none", "CARGO_HOME": str(machine / "home")})
    assert isinstance(tool, Tool)
