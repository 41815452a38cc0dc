"""Builds projects in Python."""

from __future__ import annotations

from pathlib import Path

from perdure.toolchain.builder import Say
from perdure.toolchain.calls import Calls
from perdure.toolchain.project import Language, Project
from perdure.toolchain.tools import Tool


class PythonBuilder:
    """The `Builder` of projects in Python."""

    language = Language.PYTHON

    def tools(self) -> tuple[Tool, ...]:
        """What it needs."""
        return ()

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Compile a project."""
        raise NotImplementedError

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that it calls."""
        return Calls()
