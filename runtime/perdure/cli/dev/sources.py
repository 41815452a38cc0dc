"""Which files of a project are its sources, and whether they have changed: by what is in them, not by their times.

Editors save in many ways: a new file in place of the old one, a backup beside it, a file that is gone for a moment. A
change is a change of names or contents, whatever it was that happened to the files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

import msgspec

# Folders of the project that tools write to, or whose files are not part of the module: its tests.
_OTHER_FOLDERS: Final = frozenset(("dist", "build", "target", "test", "tests", "zig-cache", "zig-out", "venv"))
_OUTPUTS: Final = frozenset(("__pycache__", "node_modules"))  # wherever they are
# What compilers and editors leave beside the sources; `Cargo.lock` is written by the build itself.
_OTHER_NAMES: Final = frozenset(("Cargo.lock", "4913", "LICENSE"))
_OTHER_SUFFIXES: Final = frozenset((".pyc", ".pyo", ".swp", ".swx", ".swo", ".tmp", ".bak", ".orig", ".rej", ".md"))
_MAX_FILES: Final = 20_000


def is_source(path: PurePath) -> bool:
    """Whether a file, named from the project's folder, may be part of what is built."""
    if len(path.parts) > 1 and path.parts[0] in _OTHER_FOLDERS:
        return False
    return not any(map(_is_output, path.parts[:-1])) and not _is_other_file(path)


def _is_output(name: str) -> bool:
    """Whether nothing in a folder of this name is a source, wherever it is."""
    return name.startswith(".") or name in _OUTPUTS or name.endswith(".egg-info")


def _is_other_file(path: PurePath) -> bool:
    name = path.name
    hidden = name.startswith((".", "#")) or name.endswith(("~", "#"))
    return hidden or name in _OTHER_NAMES or path.suffix in _OTHER_SUFFIXES


class SourceFile(msgspec.Struct, frozen=True):
    """A file: ``identity`` tells whether it was touched, ``digest`` whether anything else stands in it."""

    identity: tuple[int, int, int, int]
    digest: str


class Snapshot(msgspec.Struct, frozen=True):
    """The sources of a project at one moment: ``folders`` to be watched, and the files by their paths within it."""

    folders: frozenset[Path]
    files: dict[str, SourceFile]

    def changes(self, before: Snapshot) -> tuple[str, ...]:
        """The files that are new, gone or different, in order."""
        names = self.files.keys() | before.files.keys()
        return tuple(sorted(name for name in names if _digest(self, name) != _digest(before, name)))


def snapshot(root: Path, besides: Path | None = None, before: Snapshot | None = None) -> Snapshot:
    """Read the sources below ``root``, but for those that were not touched since ``before``.

    ``besides`` is a folder that holds none, wherever it is. A folder that cannot be read is left out; a file that
    cannot, or is gone before it was read, counts as none. Links to folders are not followed.
    """
    known = before.files if before is not None else {}
    folders: set[Path] = set()
    files: dict[str, SourceFile] = {}
    for folder, names in _folders(root, besides):
        folders.add(folder)
        for name in names:
            path = (folder / name).relative_to(root)
            if not is_source(path) or len(files) >= _MAX_FILES:
                continue
            if (file := _read(root / path, known.get(path.as_posix()))) is not None:
                files[path.as_posix()] = file
    return Snapshot(frozenset(folders), files)


def _folders(root: Path, besides: Path | None) -> Iterator[tuple[Path, list[str]]]:
    for place, folders, names in os.walk(root):
        folder = Path(place)
        others = _OTHER_FOLDERS if folder == root else frozenset()
        folders[:] = sorted(
            name for name in folders if not _is_output(name) and name not in others and folder / name != besides
        )
        yield folder, sorted(names)


def _read(path: Path, known: SourceFile | None) -> SourceFile | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None  # opening a pipe would wait for whoever writes to it
        identity = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if known is not None and known.identity == identity:
            return known
        with path.open("rb") as file:
            return SourceFile(identity, hashlib.file_digest(file, "blake2b").hexdigest())
    except OSError:
        return None


def _digest(of: Snapshot, name: str) -> str | None:
    file = of.files.get(name)
    return file.digest if file is not None else None
