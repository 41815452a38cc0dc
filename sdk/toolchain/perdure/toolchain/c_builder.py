"""Builds projects in C, with the clang that the ``ziglang`` package brings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from perdure.toolchain.builder import Say
from perdure.toolchain.calls import Calls
from perdure.toolchain.compiler import run_compiler
from perdure.toolchain.module_strings import terminated_names
from perdure.toolchain.native_settings import native_settings, zig_environment, zig_tool
from perdure.toolchain.project import Language, Project
from perdure.toolchain.tools import Tool

_FLAGS: Final = (
    "--target=wasm32-freestanding",
    "-std=c17",
    "-Os",
    "-Wall",
    "-Wextra",
    "-nostdlib",  # there is no C library
    "-ffreestanding",
    "-mbulk-memory",  # memset and memcpy become instructions, because there is no library that has them
    "-s",  # no names and no debug information: fewer bytes, and none that tell where it was built
    "-Wl,--no-entry",  # there is no main: the host calls the exports
    "-Wl,-z,stack-size=65536",  # below the data: a stack that overflows runs below address 0, and traps
)


class CBuilder:
    """The `Builder` of projects in C."""

    language = Language.C

    def tools(self) -> tuple[Tool, ...]:
        """What it needs."""
        return (zig_tool(),)

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Compile and link the project's sources. What the compiler warns of is said."""
        settings = native_settings(project)
        tool = zig_tool().require()
        say(f"compiling with zig {tool.version}'s clang")
        # Sources and headers are named without the project's folder, so that it cannot find its way into the module.
        includes = [f"-I{name}" for name in settings.include]
        said = run_compiler(
            "clang",
            [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *includes, "-o", output, *settings.sources],
            project.folder,
            zig_environment(project),
        )
        if said.strip():
            say(said.rstrip())

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that it calls."""
        return Calls(names=tuple(sorted(terminated_names(wasm))))
