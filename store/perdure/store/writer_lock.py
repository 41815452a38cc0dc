"""One process writes to a folder: an advisory lock on a file that names the owner's pid.

The kernel drops the lock when its owner dies, however it dies, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from perdure.store.errors import StoreFailed, StoreLocked


class WriterLock:
    """The right to write to a folder. Held from construction to `release`.

    Raises:
        StoreLocked: another process, or this one, holds it; the error names the pid.
        StoreFailed: the lock file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # A lock file that a group or a stranger can write to would let them lock the owner out.
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFailed(path.parent, str(error)) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = owner(path)
            os.close(self._file)
            raise StoreLocked(path.parent, pid) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the right up; a second call does nothing."""
        if self._file is not None:
            # The file stays: removing it would race with a process that has it open and is about to lock it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def owner(path: Path) -> int | None:
    """The pid that the lock file names, or None."""
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return None


def holder(path: Path) -> int | None:
    """The pid of the process that holds the lock now, or None if nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return owner(path)
    finally:
        os.close(file)
    return None
