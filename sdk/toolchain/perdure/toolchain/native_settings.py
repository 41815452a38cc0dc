"""What a ``perdure.toml`` says: the sources and the folders of headers of a project in C or Zig."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.project import Language, Project
from perdure.toolchain.tools import Tool, package_tool

_KNOWN: Final = {
    Language.C: ("language", "sources", "include"),
    Language.ZIG: ("language", "sources", "include", "modules"),
}
_MODULE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SDK_MODULE: Final = "perdure"


class NativeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Paths relative to the project's folder, with ``/``, in the order of the file.

    ``modules`` are those that a Zig source imports by name; each may import the others.
    """

    sources: tuple[str, ...]
    include: tuple[str, ...]
    modules: dict[str, str]


def native_settings(project: Project) -> NativeSettings:
    """The settings of a project in C or Zig.

    What is not said: ``include`` is ``["include"]``, ``modules`` is ``perdure`` if ``perdure.zig`` is in that folder.

    Raises:
        InvalidProject: a field is unknown, missing or not what it must be, or names what is not there.
    """
    known = _KNOWN[project.language]
    for name in project.settings:
        if name not in known:
            raise InvalidProject(project.file, name, f"there is no such field; there are {', '.join(known)}")
    sources = _paths(project, "sources", project.settings.get("sources"))
    if not sources:
        raise InvalidProject(project.file, "sources", 'it must list the files to compile, like ["src/counter.c"]')
    default = ["include"] if (project.folder / "include").is_dir() else []
    include = _paths(project, "include", project.settings.get("include", default))
    modules = _modules(project, include)
    for field, names in (("sources", sources), ("include", include), ("modules", tuple(modules.values()))):
        for name in names:
            if not (project.folder / name).exists():
                raise InvalidProject(project.file, field, f"{name} is not there")
    return NativeSettings(sources=sources, include=include, modules=modules)


def zig_tool() -> Tool:
    """The compiler of C and Zig."""
    return package_tool("ziglang", "c-guest")


def zig_environment(project: Project) -> dict[str, str]:
    """Where the compiler keeps what it makes on the way. Its cache for all projects stays where it is."""
    return {"ZIG_LOCAL_CACHE_DIR": str(project.work / "zig-cache")}


def _modules(project: Project, include: tuple[str, ...]) -> dict[str, str]:
    value = project.settings.get("modules")
    if value is None:
        found = [path for folder in include if (project.folder / (path := f"{folder}/{_SDK_MODULE}.zig")).is_file()]
        return {_SDK_MODULE: found[0]} if found else {}
    if not isinstance(value, dict) or not all(_MODULE_NAME.fullmatch(name) for name in value):
        raise InvalidProject(project.file, "modules", 'it must be a table of names and files, like perdure = "a.zig"')
    return dict(zip(value, _paths(project, "modules", list(value.values())), strict=True))


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
