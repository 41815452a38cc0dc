"""What a language's builder does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from perdure.toolchain.calls import Calls
from perdure.toolchain.project import Language, Project
from perdure.toolchain.tools import Tool

Say = Callable[[str], None]  # a line for the person who waits


class Builder(Protocol):
    """Builds the projects of one language. It keeps nothing between two builds but files in ``project.work``."""

    @property
    def language(self) -> Language:
        """Whose projects it builds."""

    def tools(self) -> tuple[Tool, ...]:
        """The tools that it needs, those that are missing too. Takes at most a second; downloads nothing."""

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Compile the project to the file ``output``, with the manifest in its section ``perdure.manifest``.

        The same sources and the same tools make the same bytes, wherever the project's folder is. It writes nothing but
        ``output`` and what is in ``project.work``.

        Raises:
            InvalidProject: the project's file says something that cannot be.
            MissingTool: a tool is not there.
            BuildFailed: a compiler refused the sources.
        """

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that the code calls by a name that is written in it.

        Raises:
            NotWebAssembly: ``wasm`` is damaged.
        """
