"""A project: the folder that an extension is built from, known by its files.

========== ==============================================================
language   is told by
========== ==============================================================
python     ``pyproject.toml`` with ``[tool.perdure]`` and its ``module``
rust       ``Cargo.toml`` with ``perdure-sdk`` among its dependencies
c, zig     ``perdure.toml`` with ``language`` and ``sources``
========== ==============================================================
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.toolchain.errors import AmbiguousProject, InvalidProject, NoProject

WORK_FOLDER: Final = ".perdure-build"
_MAX_FILE_BYTES: Final = 1024 * 1024


class Language(enum.StrEnum):
    """What extensions are written in."""

    PYTHON = "python"
    RUST = "rust"
    C = "c"
    ZIG = "zig"


LANGUAGE_NAMES: Final = {
    Language.PYTHON: "Python",
    Language.RUST: "Rust",
    Language.C: "C",
    Language.ZIG: "Zig",
}


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project. ``file`` is the one that told what it is, ``settings`` what it says.

    ``settings`` is the table ``[tool.perdure]`` of a ``pyproject.toml``, all of a ``Cargo.toml`` or ``perdure.toml``.
    """

    folder: Path
    language: Language
    file: Path
    settings: dict[str, Any]

    @property
    def work(self) -> Path:
        """The folder for what a build leaves behind; it may be deleted at any time."""
        return self.folder / WORK_FOLDER


def project_in(folder: Path) -> Project:
    """The project in ``folder``, an absolute one in the result.

    Raises:
        NoProject: there is none.
        AmbiguousProject: there is more than one.
        InvalidProject: its file cannot be read, or is not what it must be.
    """
    place = folder.resolve()
    found = list(_projects(place))
    if not found:
        raise NoProject(folder)
    if len(found) > 1:
        raise AmbiguousProject(folder, tuple(project.file.name for project in found))
    return found[0]


def project_around(folder: Path) -> Project:
    """The project in ``folder`` or in the nearest of the folders around it.

    Raises:
        NoProject: there is none in any of them.
        AmbiguousProject, InvalidProject: as for `project_in`.
    """
    place = folder.resolve()
    for candidate in (place, *place.parents):
        try:
            return project_in(candidate)
        except NoProject:
            continue
    raise NoProject(folder)


def _projects(folder: Path) -> Iterator[Project]:
    if (pyproject := folder / "pyproject.toml").is_file():
        tool = _table(pyproject).get("tool")
        if isinstance(tool, dict) and "perdure" in tool:
            settings = tool["perdure"]
            if not isinstance(settings, dict):
                raise InvalidProject(pyproject, "tool.perdure", "it must be a table")
            yield Project(folder=folder, language=Language.PYTHON, file=pyproject, settings=settings)
    if (cargo := folder / "Cargo.toml").is_file():
        settings = _table(cargo)
        dependencies = settings.get("dependencies")
        if isinstance(dependencies, dict) and "perdure-sdk" in dependencies:
            yield Project(folder=folder, language=Language.RUST, file=cargo, settings=settings)
    if (own := folder / "perdure.toml").is_file():
        settings = _table(own)
        language = settings.get("language")
        if language not in (Language.C, Language.ZIG):
            raise InvalidProject(own, "language", 'it must be "c" or "zig"')
        yield Project(folder=folder, language=Language(language), file=own, settings=settings)


def _table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise InvalidProject(file, "", f"it has more than {_MAX_FILE_BYTES} bytes")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise InvalidProject(file, "", error.strerror or str(error)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidProject(file, "", f"it is no TOML: {error}") from None
