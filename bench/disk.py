"""Where the data goes: a folder on a real disk, because a sync to memory is no sync."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SCRATCH: Final = ".bench-"  # what the names of its folders begin with
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_MOUNTS: Final = Path("/proc/mounts")


def filesystem(folder: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that holds ``folder``, for example ``ext4``; ``unknown`` where no ``mounts`` tell."""
    if not mounts.exists():
        return "unknown"
    resolved = folder.resolve()
    best, kind = -1, "unknown"
    for line in mounts.read_text().splitlines():
        mount, found = line.split()[1:3]
        # Octal escapes stand for spaces and the like (fstab(5)).
        point = Path(mount.encode().decode("unicode_escape"))
        # Of two mounts on one point the later one is seen.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), found
    return kind


def is_memory(kind: str) -> bool:
    """Whether a file system of this type keeps nothing on a disk."""
    return kind in _MEMORY


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add_disk_options(parser: argparse.ArgumentParser) -> None:
    """``--dir`` and ``--allow-tmpfs``."""
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a disk, for the data (default: here)")
    parser.add_argument("--allow-tmpfs", action="store_true", help="go on where a sync costs nothing; the head says so")


def check_disk_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program if the folder is not there."""
    if not options.dir.is_dir():
        parser.error(f"--dir: there is no folder {options.dir}")


def why_unfit(options: argparse.Namespace) -> str:
    """Why the folder is none to measure in; empty if nothing speaks against it."""
    kind = filesystem(options.dir)
    if is_memory(kind) and not options.allow_tmpfs:
        return f"{options.dir} is on a {kind}, where a sync costs nothing; name a folder on a disk with --dir"
    return ""
