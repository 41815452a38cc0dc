"""Copying single files, so that the copy is on disk and private when the call returns."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.store.errors import CorruptBlob, StoreFailed, refused

_PIECE: Final = 1 << 20  # bytes


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file to a new one (0600), which is synced, its name is not; returns its size in bytes and its SHA-256.

    Raises:
        FileNotFoundError: there is no ``source``.
        DiskFull, StoreFailed: the operating system refused, or ``source`` is a link or no plain file. Nothing is left.
    """
    digest, size = hashlib.sha256(), 0
    with reading(source) as reader, creating(target) as writer:
        try:
            while piece := os.read(reader, _PIECE):
                digest.update(piece)
                size += len(piece)
                write_all(writer, piece)
            os.fsync(writer)
        except OSError as error:
            raise refused(target.parent, error) from error
    return size, digest.hexdigest()


def copy_blob(source: Path, target: Path) -> int:
    """Copy a blob, whose name is its digest, as `copy_file`; returns its size in bytes.

    Raises:
        CorruptBlob: it holds other bytes. Nothing is left.
        FileNotFoundError, DiskFull, StoreFailed: see `copy_file`.
    """
    new = target.with_name(f".new-{target.name}")
    try:
        size, found = copy_file(source, new)
        if found != source.name:
            raise CorruptBlob(source.name, found)
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return size


@contextlib.contextmanager
def reading(path: Path) -> Iterator[int]:
    """A descriptor of a plain file, never through a link: a link could lead to a file of somebody else.

    Raises:
        FileNotFoundError: it is not there.
        StoreFailed: it is no plain file, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreFailed(path.parent, f"{path.name} cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreFailed(path.parent, f"{path.name} is not a plain file")
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def creating(path: Path) -> Iterator[int]:
    """A descriptor of a new file (0600), in the place of one that is there; it is removed if the block fails.

    Raises:
        DiskFull, StoreFailed: the operating system refused.
    """
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(path.parent, error) from error
    try:
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def make_folder(path: Path) -> None:
    """Make a folder (0700), and those above it; one that is there is left as it is.

    Raises:
        DiskFull, StoreFailed: the operating system refused.
    """
    try:
        for folder in reversed([path, *path.parents]):
            folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise refused(path.parent, error) from error


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, as far as that is possible."""
    shutil.rmtree(path, ignore_errors=True)


def is_empty(path: Path) -> bool:
    """Whether nothing is there: no such path, or a folder without entries."""
    try:
        return next(path.iterdir(), None) is None
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False
    except OSError as error:
        raise refused(path, error) from error
