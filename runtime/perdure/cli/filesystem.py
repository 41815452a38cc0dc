"""What is below a folder: its file system, the room that is left, what its files take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

MOUNTS: Final = Path("/proc/self/mountinfo")
WARNINGS: Final[dict[str, str]] = {
    "tmpfs": "it is in memory: nothing survives the machine",
    "ramfs": "it is in memory: nothing survives the machine",
    **dict.fromkeys(
        ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "afs", "lustre"),
        "it is on a network: locks and memory maps, which the log needs, cannot be relied on",
    ),
}


class Usage(msgspec.Struct, frozen=True):
    """Files below a folder, and their bytes."""

    files: int
    bytes: int


def nearest_existing(folder: Path) -> Path:
    """The folder, or the one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    return shutil.disk_usage(nearest_existing(folder)).free


def is_writable(folder: Path) -> bool:
    """Whether files can be made there, as far as rights tell."""
    return os.access(nearest_existing(folder), os.W_OK | os.X_OK)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The file system's type, ``ext4`` or the like; None where the platform does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    target = nearest_existing(folder).resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        # proc(5): … mount point (the fifth field), options, optional fields, a hyphen, the type.
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or not kind[0]:
            continue
        point = Path(_unescaped(fields[4]))
        # A later mount on the same point hides the earlier one.
        if target.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), kind[0])
    return best[1] if best is not None else None


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def usage(folder: Path) -> Usage:
    """What the files below take; a folder that is not there takes nothing."""
    files = size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(path) / name).lstat().st_size
                files += 1
            except OSError:
                continue  # gone meanwhile
    return Usage(files, size)
