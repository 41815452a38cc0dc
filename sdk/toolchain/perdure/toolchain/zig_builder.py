"""Builds projects in Zig."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from perdure.toolchain.builder import Say
from perdure.toolchain.calls import Calls
from perdure.toolchain.compiler import run_compiler
from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.module_strings import terminated_names
from perdure.toolchain.native_settings import native_settings, zig_environment, zig_tool
from perdure.toolchain.project import Language, Project
from perdure.toolchain.tools import Tool

_FLAGS: Final = (
    "-target",
    "wasm32-freestanding",
    "-mcpu=generic+bulk_memory",
    "-O",
    "ReleaseSmall",
    "-fstrip",  # no names and no debug information: fewer bytes, and none that tell where it was built
    "-fno-entry",  # there is no main: the host calls the exports
    "-rdynamic",  # all that is `export` is an export
    "--stack",
    "65536",
)


class ZigBuilder:
    """The `Builder` of projects in Zig. The first of the sources is the root; the others are C."""

    language = Language.ZIG

    def tools(self) -> tuple[Tool, ...]:
        """What it needs."""
        return (zig_tool(),)

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Compile the project's root and all that it imports."""
        settings = native_settings(project)
        if not settings.sources[0].endswith(".zig"):
            raise InvalidProject(project.file, "sources", "the first one must be the .zig file that imports the others")
        tool = zig_tool().require()
        say(f"compiling with zig {tool.version}")
        includes = [f"-I{name}" for name in settings.include]
        said = run_compiler(
            "zig",
            [
                *(sys.executable, "-m", "ziglang", "build-exe", *_FLAGS, *includes),
                f"-femit-bin={output}",
                *settings.sources,
            ],
            project.folder,
            zig_environment(project),
        )
        if said.strip():
            say(said.rstrip())

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that it calls."""
        return Calls(names=tuple(sorted(terminated_names(wasm))))
