"""Where the data goes: a folder on a real disk, because a sync to memory is no sync."""

from __future__ import annotations

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
