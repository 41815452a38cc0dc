"""Tools of the machine: whether one is there, where it came from, its version, and the line that installs it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perdure.toolchain.errors import MissingTool


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a build needs. ``problem`` says why it cannot be used; it is empty if all is well.

    ``install`` is the line that a person types to get it.
    """

    name: str
    install: str
    version: str = ""
    path: Path | None = None
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether a build can go on with it."""
        return not self.problem

    def require(self) -> Tool:
        """The tool, to be used.

        Raises:
            MissingTool: it cannot be.
        """
        if self.problem:
            raise MissingTool(self.name, self.problem, self.install)
        return self
