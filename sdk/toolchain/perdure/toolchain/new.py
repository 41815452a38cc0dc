"""``perdure new``: a project that builds and whose test passes, from the templates beside this file.

A template is a folder of text files. Their names end in ``.template``, so that no tool of this repository takes them
for its own; ``{{id}}`` and the other fields are replaced in names and texts.
"""

from __future__ import annotations

import contextlib
import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.toolchain.errors import FolderInTheWay, InvalidName
from perdure.toolchain.project import Language
from perdure.toolchain.rust_toolchain import RustToolchain, debian_crates, find_rust
from perdure.toolchain.sdk import sdk_folder

_TEMPLATES: Final = Path(__file__).parent / "templates"
_SUFFIX: Final = ".template"
_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_LONGEST: Final = 64
_FIELD: Final = re.compile(r"\{\{([a-z_]+)\}\}")
_CRATES: Final = ("perdure-sdk", "perdure-sdk-macros")
_NOT_COPIED: Final = ("target", "Cargo.lock", ".*", "__pycache__", "tests")


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project that was made: its own files in order, the folders that were copied along, and what runs its test."""

    folder: Path
    language: Language
    files: tuple[str, ...]
    copied: tuple[str, ...]
    test: str


_TESTS: Final = {
    Language.PYTHON: "pytest",
    Language.RUST: "cargo test",
    Language.C: "python3 -m ziglang run -lc -Iinclude test/{{identifier}}_test.c",
    Language.ZIG: (
        "python3 -m ziglang test -lc -Iinclude include/perdure.c --dep perdure -Mroot=src/{{identifier}}.zig "
        "-Mperdure=include/perdure.zig"
    ),
}


def create_project(name: str, language: Language, folder: Path) -> NewProject:
    """Make a project in ``folder``, which must not exist or be empty. ``name`` becomes the extension's id.

    The files are written beside ``folder`` and get there in one step, so nothing is left half-written.

    Raises:
        InvalidName: it can be no id.
        FolderInTheWay: the folder is not empty, or is no folder, or cannot be made.
    """
    if not _ID.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidName(name)
    _check_place(folder)
    fields = _fields(name)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=folder.absolute().parent))
    except OSError as error:
        raise FolderInTheWay(folder, f"cannot be made: {error.strerror}") from None
    try:
        files = tuple(sorted(_write_template(_TEMPLATES / language, stage, fields)))
        copied = tuple(_copy_sdk(language, stage))
        stage.chmod(0o755)  # mkdtemp made it for this user alone
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
        stage.rename(folder)
    except OSError as error:
        raise FolderInTheWay(folder, f"cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return NewProject(
        folder=folder, language=language, files=files, copied=copied, test=_filled(_TESTS[language], fields)
    )


def _check_place(folder: Path) -> None:
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise FolderInTheWay(folder, "is there, and no folder")
        if folder.exists() and any(folder.iterdir()):
            raise FolderInTheWay(folder, "is there, and not empty")
    except OSError as error:
        raise FolderInTheWay(folder, f"cannot be looked at: {error.strerror}") from None


def _fields(name: str) -> dict[str, str]:
    words = re.split(r"[._-]", name)
    identifier = "_".join(words)
    module = identifier
    # A module of this name would hide another one, or could not be imported.
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in ("perdure", "perdure_sdk", "tests"):
        module = f"{module}_extension"
    return {
        "id": name,
        "title": " ".join(word.capitalize() for word in words),
        "identifier": identifier,
        "module": module,
        "crate": "-".join(words),
    }


def _write_template(template: Path, stage: Path, fields: dict[str, str]) -> Iterator[str]:
    """Write a template's files; gives their names, relative to the project."""
    for path in sorted(template.rglob(f"*{_SUFFIX}")):
        name = _filled(str(path.relative_to(template)).removesuffix(_SUFFIX), fields)
        target = stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(path.read_text(encoding="utf-8"), fields), encoding="utf-8")
        yield name.replace(os.sep, "/")


def _filled(text: str, fields: dict[str, str]) -> str:
    return _FIELD.sub(lambda match: fields[match[1]], text)


def _use_local_crates(stage: Path) -> None:
    """Where the machine's Rust is Debian's, tell cargo to take its crates, so that ``cargo test`` needs no network.

    The file is for this machine: the template's ``.gitignore`` leaves it out.
    """
    rust = find_rust(stage)
    if isinstance(rust, RustToolchain) and rust.registry is not None:
        (stage / ".cargo").mkdir()
        (stage / ".cargo" / "config.toml").write_text(debian_crates(rust.registry), encoding="utf-8")


def _copy_sdk(language: Language, stage: Path) -> Iterator[str]:
    """Copy what a project needs of an SDK, so that it is whole; gives the folders."""
    ignored = shutil.ignore_patterns(*_NOT_COPIED)
    if language is Language.RUST:
        for crate in _CRATES:
            shutil.copytree(sdk_folder("rust") / crate, stage / "vendor" / crate, ignore=ignored)
        _use_local_crates(stage)
        yield "vendor"
    elif language in (Language.C, Language.ZIG):
        (stage / "include").mkdir(exist_ok=True)
        for path in sorted(sdk_folder("c").glob("perdure.*")):
            if path.suffix == ".h" or language is Language.ZIG:
                shutil.copyfile(path, stage / "include" / path.name)
        yield "include"
