"""The Rust SDK as tests use it: guests built with the machine's cargo, once in a run of the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.support.zig_tools import example, once

from perdure.toolchain.building import build, deliver
from perdure.toolchain.project import WORK_FOLDER, Project, project_in
from perdure.toolchain.rust_toolchain import RustToolchain, find_rust

ROOT: Final = Path(__file__).resolve().parents[2]
SDK: Final = ROOT / "sdk" / "rust"
SOURCES: Final = ROOT / "tests" / "sdk" / "rust"
# Tests on this machine need no small code. Flags, not a profile: so that the macros, and what they need, stay as built.
_QUICK: Final = "-Clto=off -Clinker-plugin-lto=no -Cembed-bitcode=no -Copt-level=0 -Ccodegen-units=16"


def rust(folder: Path) -> RustToolchain:
    """The machine's Rust; a test that needs one fails without."""
    found = find_rust(folder)
    assert isinstance(found, RustToolchain), found
    return found


def counter_rust(factory: pytest.TempPathFactory) -> Path:
    """The extension's folder that ``perdure build`` makes of the example."""
    return example(factory, "counter-rust")


def probe(factory: pytest.TempPathFactory) -> Path:
    """The same of the tests' own extension, ``probe``."""
    built = _work_of_the_example(factory)

    def make(stage: Path) -> None:
        project = copied(SOURCES / "probe", stage / "project", built)
        deliver(build(project, lambda _: None), stage / "extension")

    return once(factory, "probe", make) / "extension"


def _work_of_the_example(factory: pytest.TempPathFactory) -> Path:
    return project_in(counter_rust(factory).with_name("project")).work


def copied(source: Path, folder: Path, work: Path) -> Project:
    """A project at another place, with the SDK in it and what ``work`` has of crates that are built."""
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("vendor", "target", "dist", "Cargo.lock", ".perdure*")
    )
    shutil.copytree(SDK, folder / "vendor", ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    project = project_in(folder)
    shutil.copytree(work / "cargo", project.work / "cargo")
    return project


class HostBuild(msgspec.Struct, frozen=True):
    """The example and the SDK for this machine: the tests of each crate as a program, and the libraries."""

    folder: Path
    rust: RustToolchain
    tests: dict[str, Path]
    crates: dict[str, Path]

    def check(self, source: Path, output: Path) -> subprocess.CompletedProcess[str]:
        """Check a file as a crate that uses the SDK. What the compiler says is one JSON object a line."""
        return self._compile(source, output, "--crate-type", "lib", "--emit", "metadata")

    def tests_of(self, source: Path, output: Path) -> subprocess.CompletedProcess[str]:
        """Compile a file as a program that runs its tests."""
        return self._compile(source, output, "--test")

    def _compile(self, source: Path, output: Path, *how: str) -> subprocess.CompletedProcess[str]:
        externs = [word for name, path in self.crates.items() for word in ("--extern", f"{name}={path}")]
        return subprocess.run(
            [
                *(str(self.rust.rustc), "--edition", "2021", *how),
                *("-o", str(output), "-L", f"dependency={self.crates['perdure_sdk'].parent}"),
                # The macros, and those of serde, are programs of this machine.
                *("-L", f"dependency={self.folder / 'project' / WORK_FOLDER / 'cargo' / 'release' / 'deps'}"),
                *externs,
                *("--error-format", "json", "-D", "warnings", "-A", "dead_code", str(source)),
            ],
            env={**os.environ, "CARGO_MANIFEST_DIR": str(source.parent), "CARGO_PKG_VERSION": "0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )


def host_build(factory: pytest.TempPathFactory) -> HostBuild:
    """Built by ``cargo test`` from a copy of the example."""
    work = _work_of_the_example(factory)

    def make(stage: Path) -> None:
        project = copied(ROOT / "examples" / "counter-rust", stage / "project", work)
        tools = rust(project.folder)
        machine = _answer(tools, "-vV").partition("host: ")[2].splitlines()[0]
        done = subprocess.run(
            [
                *(str(tools.cargo), "test", "--workspace", "--release", "--no-run", "--message-format", "json"),
                *("--target-dir", str(project.work / "cargo"), "--target", machine, *tools.sources),
            ],
            cwd=project.folder,
            env={**os.environ, **tools.environment, "RUSTFLAGS": _QUICK},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr, done.stderr
        places = {"tests": dict[str, str](), "crates": dict[str, str]()}
        for kind, name, path in _artifacts(done.stdout):
            places[kind][name] = str(path.relative_to(stage))
        (stage / "built.json").write_text(json.dumps(places))

    place = once(factory, "rust-host", make)
    built = json.loads((place / "built.json").read_text())
    tests, crates = ({name: place / path for name, path in built[kind].items()} for kind in ("tests", "crates"))
    return HostBuild(place, rust(place / "project"), tests, crates)


def _answer(tools: RustToolchain, *words: str) -> str:
    return subprocess.run([str(tools.rustc), *words], capture_output=True, text=True, check=True).stdout


def _artifacts(messages: str) -> Iterator[tuple[str, str, Path]]:
    for line in messages.splitlines():
        message: dict[str, Any] = json.loads(line)
        if message["reason"] != "compiler-artifact":
            continue
        name = message["target"]["name"].replace("-", "_")
        if message["profile"]["test"]:
            yield "tests", name, Path(message["executable"])
        elif name in ("perdure_sdk", "serde", "serde_json"):
            yield "crates", name, next(Path(path) for path in message["filenames"] if path.endswith(".rlib"))
