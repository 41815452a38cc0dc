"""Tools of the machine: whether one is there, where it came from, its version, and the line that installs it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
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


def package_tool(distribution: str, extra: str, module: str | None = None) -> Tool:
    """A tool that is a Python package of an extra of perdure: ``componentize-py``, ``ziglang``.

    It is run as ``python -m MODULE``; ``module`` is the distribution's name, with ``_``, unless said otherwise.
    """
    install = f"pip install 'perdure[{extra}]'"
    spec = importlib.util.find_spec(module or distribution.replace("-", "_"))
    if spec is None or spec.origin is None:
        return Tool(name=distribution, install=install, problem="is not installed")
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        version = ""
    return Tool(name=distribution, install=install, version=version, path=Path(spec.origin).parent)
