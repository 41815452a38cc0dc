"""What a ``perdure.toml`` says: the sources and the folders of headers of a project in C or Zig."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.project import Project
from perdure.toolchain.tools import Tool, package_tool

_KNOWN: Final = frozenset({"language", "sources", "include"})


class NativeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Paths relative to the project's folder, with ``/``, in the order of the file."""

    sources: tuple[str, ...]
    include: tuple[str, ...]


def native_settings(project: Project) -> NativeSettings:
    """The settings of a project in C or Zig. ``include`` is ``["include"]`` if it is not said.

    Raises:
        InvalidProject: a field is unknown, missing or not what it must be, or names what is not there.
    """
    for name in project.settings:
        if name not in _KNOWN:
            raise InvalidProject(project.file, name, f"there is no such field; there are {', '.join(sorted(_KNOWN))}")
    sources = _paths(project, "sources", project.settings.get("sources"))
    if not sources:
        raise InvalidProject(project.file, "sources", 'it must list the files to compile, like ["src/counter.c"]')
    default = ["include"] if (project.folder / "include").is_dir() else []
    include = _paths(project, "include", project.settings.get("include", default))
    for field, names in (("sources", sources), ("include", include)):
        for name in names:
            if not (project.folder / name).exists():
                raise InvalidProject(project.file, field, f"{name} is not there")
    return NativeSettings(sources=sources, include=include)


def zig_tool() -> Tool:
    """The compiler of C and Zig."""
    return package_tool("ziglang", "c-guest")


def zig_environment(project: Project) -> dict[str, str]:
    """Where the compiler keeps what it makes on the way. Its cache for all projects stays where it is."""
    return {"ZIG_LOCAL_CACHE_DIR": str(project.work / "zig-cache")}


def _paths(project: Project, field: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise InvalidProject(project.file, field, "it must be a list of texts")
    for entry in value:
        # A compiler would take "-o" for an option; and a project is whole, so nothing of it is elsewhere.
        path = PurePosixPath(entry)
        if not entry or entry.startswith("-") or path.is_absolute() or ".." in path.parts or str(Path(entry)) != entry:
            raise InvalidProject(project.file, field, f"{entry!r} must be a path inside the project, without '..'")
    return tuple(value)
