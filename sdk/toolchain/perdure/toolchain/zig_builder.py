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
from perdure.toolchain.native_settings import NativeSettings, native_settings, zig_environment, zig_tool
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
_C_FLAGS: Final = ("-std=c17", "-Os", "-ffreestanding", "-fno-sanitize=undefined")


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
        said = run_compiler(
            "zig",
            [sys.executable, "-m", "ziglang", "build-exe", f"-femit-bin={output}", *_FLAGS, *_modules(settings)],
            project.folder,
            zig_environment(project),
        )
        if said.strip():
            say(said.rstrip())

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that it calls."""
        return Calls(names=tuple(sorted(terminated_names(wasm))))


def _modules(settings: NativeSettings) -> list[str]:
    """The root, with the C that is compiled for it, and the modules that it imports by name; each knows the others.

    What stands before a ``-M`` is for that module.
    """
    root, *native = settings.sources
    depends = [word for name in settings.modules for word in ("--dep", name)]
    # zig builds debug checks into C unless it is told otherwise; they would need a library that is not there.
    words = [
        *(f"-I{name}" for name in settings.include),
        "-cflags",
        *_C_FLAGS,
        "--",
        *native,
        *depends,
        f"-Mroot={root}",
    ]
    for name, path in settings.modules.items():
        words += [*depends, f"-M{name}={path}"]
    return words
