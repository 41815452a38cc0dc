"""What worker processes may read: Python, its packages, the C libraries, what OCR and fonts need; no person's files."""

from __future__ import annotations

import itertools
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SYSTEM: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/usr/share/tesseract-ocr",
    "/usr/share/tesseract",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/etc/fonts",
    "/dev/null",
    "/dev/urandom",
    "/sys/devices/system/cpu",  # how many processors there are
    "/proc/cpuinfo",
    "/proc/meminfo",
)
_PLACES: Final = ("stdlib", "platstdlib", "purelib", "platlib")
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_CODE: Final = (".py", ".so", ".pth", ".zip")
_MOST: Final = 2_000  # entries of one folder, and paths found from it
_DEPTH: Final = 3  # of namespaces in each other


def readable_paths() -> Iterator[Path]:
    """The paths that a worker process may read, with all that is beneath them.

    Of a folder on ``sys.path`` that is no place of installed packages, only what can be imported: data may lie beside a
    program's code.
    """
    yield from map(Path, _SYSTEM)
    installed = {Path(sysconfig.get_path(name)) for name in _PLACES}
    installed |= {
        Path(prefix) / lib for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix) for lib in ("lib", "lib64")
    }
    yield from installed
    if tessdata := os.environ.get("TESSDATA_PREFIX"):
        yield Path(tessdata)
    for entry in _import_paths():
        if any(entry.is_relative_to(place) for place in installed):
            continue
        if entry.name in _PACKAGES or entry.is_file():
            yield entry
        else:
            yield from itertools.islice(_importable(entry, _DEPTH), _MOST)


def listable_paths() -> Iterator[Path]:
    """Folders of which a worker process may list the names, with those beneath them: imports need that."""
    yield from (path for path in _import_paths() if path.is_dir())


def _import_paths() -> Iterator[Path]:
    # An empty entry of PYTHONPATH is the current folder, which is the root here; nobody meant that.
    yield from (path for path in map(Path, filter(None, sys.path)) if path != Path(path.anchor))


def _importable(folder: Path, depth: int) -> Iterator[Path]:
    """Its modules and packages, and those of the folders in it that are portions of namespaces."""
    try:
        children = sorted(itertools.islice(folder.iterdir(), _MOST))
    except OSError:
        return
    for child in children:
        if child.suffix in _CODE or (child / "__init__.py").is_file():
            yield child
        elif depth > 1 and child.name.isidentifier() and child.is_dir() and not child.is_symlink():
            yield from _importable(child, depth - 1)
