"""Builds projects in Rust, with the machine's cargo."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.toolchain.builder import Say
from perdure.toolchain.calls import Calls
from perdure.toolchain.compiler import run_compiler
from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.module_strings import measured_names
from perdure.toolchain.project import Language, Project
from perdure.toolchain.rust_toolchain import TARGET, RustToolchain, find_rust, rust_tool
from perdure.toolchain.tools import Tool

_LITERAL: Final = re.compile(r'"((?:query|action):[a-z0-9_]+(?:\.[a-z0-9_]+)*)"')
_NOT_SOURCES: Final = frozenset({"target", "dist"})
_MAX_SOURCE_BYTES: Final = 4 * 1024 * 1024


class RustBuilder:
    """The `Builder` of projects in Rust."""

    language = Language.RUST

    def tools(self) -> tuple[Tool, ...]:
        """What it needs."""
        return (rust_tool(Path.cwd()),)

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Have cargo build the library for WebAssembly. What the compiler warns of is said.

        cargo writes ``Cargo.lock`` into the project, if there is none.
        """
        library = _library(project)
        rust = find_rust(project.folder)
        if isinstance(rust, Tool):
            rust.require()
            return
        crates = f", crates of {rust.registry}" if rust.registry else ""
        say(f"compiling with rustc {rust.version} ({rust.rustc}{crates})")
        target = project.work / "cargo"
        said = run_compiler(
            "cargo",
            [
                *(rust.cargo, "build", "--release", "--quiet", "--target", TARGET, "--target-dir", target),
                *rust.sources,
                *("--config", f"target.{TARGET}.rustflags={_toml(_flags(rust))}"),
            ],
            project.folder,
            # Flags of the environment would come before those, and make other bytes.
            rust.environment,
            without=("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"),
        )
        if said.strip():
            say(said.rstrip())
        shutil.copyfile(target / TARGET / "release" / f"{library}.wasm", output)

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that it calls."""
        return Calls(names=tuple(sorted(measured_names(wasm, frozenset(_literals(project))))))


def _library(project: Project) -> str:
    """The name of the library that cargo builds.

    Raises:
        InvalidProject: it builds none that is a module.
    """
    library = project.settings.get("lib", {})
    kinds = library.get("crate-type", []) if isinstance(library, dict) else []
    if not isinstance(kinds, list) or "cdylib" not in kinds:
        raise InvalidProject(project.file, "lib", 'add the lines: [lib] and crate-type = ["cdylib"]')
    package = project.settings.get("package", {})
    name = library.get("name") or (package.get("name") if isinstance(package, dict) else None)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise InvalidProject(project.file, "package.name", "it must be the crate's name")
    return name.replace("-", "_")


def _flags(rust: RustToolchain) -> list[str]:
    """Where crates are must not find its way into the module: a panic tells the file that it happened in.

    The project's own files, and those of ``vendor/``, cargo names without the folder. So the flags are the same
    everywhere, and what was compiled in one folder can be used in another.
    """
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    places = {home: "cargo"} if rust.registry is None else {home: "cargo", rust.registry: "crates"}
    return [f"--remap-path-prefix={place}=/{name}" for place, name in places.items()]


def _toml(words: list[str]) -> str:
    return msgspec.json.encode(words).decode()  # TOML reads JSON's texts and lists


def _literals(project: Project) -> Iterator[str]:
    """The names of operations that stand in the sources, of the project and of what is in its folder."""
    for folder, names, files in os.walk(project.folder):
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in _NOT_SOURCES)
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix == ".rs" and path.is_file() and path.stat().st_size <= _MAX_SOURCE_BYTES:
                yield from _LITERAL.findall(path.read_text(encoding="utf-8", errors="replace"))
