"""What a project in Python says: its module, and the packages that it wants along."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.project import Project

_KNOWN: Final = frozenset({"module", "source"})
_SOURCE_FOLDERS: Final = ("src", ".")
_RESERVED: Final = frozenset({"perdure_entry", "perdure_sdk", "wit_world"})  # the component's own
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(.*)", re.DOTALL)
_OURS: Final = frozenset({"perdure", "perdure-sdk"})  # the component has perdure_sdk anyway
LOCK_FILE: Final = "requirements.lock"


class PythonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``module`` is the importable name of what has the Extension, ``source`` the folder that it is imported from.

    ``requirements`` are those of ``[project] dependencies`` that are bundled; ``lock`` is the file that pins them.
    """

    module: str
    source: Path
    requirements: tuple[str, ...]
    lock: Path | None

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The requirements that leave the version open."""
        return tuple(one for one in self.requirements if not re.match(r"==\s*[^\s*]+\s*(?:;|$)", _rest(one)))


def python_settings(project: Project) -> PythonSettings:
    """The settings of a project in Python.

    Raises:
        InvalidProject: a field is unknown, missing or not what it must be, or names what is not there.
    """
    for name in project.settings:
        if name not in _KNOWN:
            reason = f"there is no such field; there are {', '.join(sorted(_KNOWN))}"
            raise InvalidProject(project.file, f"tool.perdure.{name}", reason)
    module = project.settings.get("module")
    if not isinstance(module, str) or not all(part.isidentifier() for part in module.split(".")):
        reason = 'it must be the name of the module that has the Extension, like "my_extension"'
        raise InvalidProject(project.file, "tool.perdure.module", reason)
    top = module.partition(".")[0]
    if top in _RESERVED or top in sys.stdlib_module_names:
        reason = f"{top} is the name of {'a part of the build' if top in _RESERVED else 'a module of Python itself'}"
        raise InvalidProject(project.file, "tool.perdure.module", f"{reason}; call yours otherwise")
    lock = project.folder / LOCK_FILE
    return PythonSettings(
        module=module,
        source=_source(project, top),
        requirements=_requirements(project),
        lock=lock if lock.is_file() else None,
    )


def normal_name(name: str) -> str:
    """A package's name as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(project: Project, top: str) -> Path:
    stated = project.settings.get("source")
    if stated is not None and (not isinstance(stated, str) or not (project.folder / stated).is_dir()):
        raise InvalidProject(project.file, "tool.perdure.source", 'it must be a folder of the project, like "src"')
    for name in (stated,) if stated is not None else _SOURCE_FOLDERS:
        folder = (project.folder / name).resolve()
        if not folder.is_relative_to(project.folder.resolve()):
            raise InvalidProject(project.file, "tool.perdure.source", "it must be inside the project")
        if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
            return folder
    where = stated or " or ".join("the project's folder" if name == "." else name for name in _SOURCE_FOLDERS)
    raise InvalidProject(
        project.file, "tool.perdure.module", f"there is no {top}.py and no {top}/__init__.py in {where}"
    )


def _requirements(project: Project) -> tuple[str, ...]:
    table: Any = tomllib.loads(project.file.read_text(encoding="utf-8")).get("project", {})
    stated: Any = table.get("dependencies", []) if isinstance(table, dict) else None
    if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
        raise InvalidProject(project.file, "project.dependencies", "it must be a list of texts")
    kept = []
    for one in stated:
        match = _REQUIREMENT.fullmatch(one)
        if match is None or "\n" in one or "\r" in one:
            reason = f"{one!r} is no requirement, like 'iniconfig==2.3.0'"
            raise InvalidProject(project.file, "project.dependencies", reason)
        if normal_name(match[1]) not in _OURS:
            kept.append(one.strip())
    return tuple(kept)


def _rest(requirement: str) -> str:
    match = _REQUIREMENT.fullmatch(requirement)
    return re.sub(r"^\[[^\]]*\]\s*", "", match[2]) if match else ""
