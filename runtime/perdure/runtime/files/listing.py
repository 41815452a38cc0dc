"""A shared folder's files in a steady order, page by page.

The order is that of the paths' parts, so that the next page begins at the last one's end, whatever was added or removed
meanwhile; a page looks again only at the folders on its way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec


class FoundFile(msgspec.Struct, frozen=True):
    """A file: its path's parts below where the walk began, its size, when it was changed (microseconds since 1970)."""

    parts: tuple[str, ...]
    size: int
    modified: int


def files_below(
    folder: Path,
    after: tuple[str, ...],
    *,
    recursive: bool,
    wanted: Callable[[str], bool],
    allowed: Callable[[Path], bool],
) -> Iterator[FoundFile]:
    """The files behind ``after``, in order.

    Args:
        folder: where to begin.
        after: the parts of the last path that is known already; empty to begin.
        recursive: whether to go into folders; symbolic links to folders are not followed.
        wanted: which names of files.
        allowed: which real paths; asked for links, and for folders.

    Raises:
        OSError: the folder itself cannot be read. One below that cannot be read is passed over.
    """
    yield from _walk(folder, (), after, recursive, wanted, allowed)


def _walk(
    folder: Path,
    above: tuple[str, ...],
    after: tuple[str, ...],
    recursive: bool,
    wanted: Callable[[str], bool],
    allowed: Callable[[Path], bool],
) -> Iterator[FoundFile]:
    first = after[0] if after else ""
    with os.scandir(folder) as scan:
        entries = sorted(
            (entry for entry in scan if entry.name >= first and _sayable(entry.name)), key=lambda e: e.name
        )
    for entry in entries:
        parts = (*above, entry.name)
        if entry.is_dir(follow_symlinks=False):
            if recursive and allowed(Path(entry.path)):
                below = after[1:] if entry.name == first else ()
                try:
                    yield from _walk(Path(entry.path), parts, below, recursive, wanted, allowed)
                except OSError:
                    continue
        elif (entry.name != first or len(after) > 1) and wanted(entry.name):
            found = _file(entry, parts, allowed)
            if found is not None:
                yield found


def _file(entry: os.DirEntry[str], parts: tuple[str, ...], allowed: Callable[[Path], bool]) -> FoundFile | None:
    try:
        if entry.is_symlink() and not allowed(Path(os.path.realpath(entry.path))):
            return None
        status = entry.stat()
    except OSError:
        return None  # it went away, or leads nowhere
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(parts, status.st_size, status.st_mtime_ns // 1_000)


def _sayable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False  # no UTF-8 on the disk: JSON has no way to name it
    return True
