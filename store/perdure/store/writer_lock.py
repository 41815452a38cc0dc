"""One process writes to a folder: an advisory lock on a file that names the owner's pid.

The kernel drops the lock when its owner dies, however it dies, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import weakref
from pathlib import Path
from typing import Final

from perdure.store.errors import StoreLocked, refused

_PID_BYTES: Final = 20


@functools.cache
def _let_forks_go() -> weakref.WeakSet[WriterLock]:
    """The locks of this process, which a fork gives up: else it would keep the folder after its parent died."""
    held: weakref.WeakSet[WriterLock] = weakref.WeakSet()

    def let_go() -> None:
        for lock in list(held):
            lock.forget()

    os.register_at_fork(after_in_child=let_go)
    return held


class WriterLock:
    """The right to write to a folder. Held from construction to `release`.

    Raises:
        StoreLocked: another process, or this one, holds it; the error names the pid.
        DiskFull, StoreFailed: the lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # A lock file that a group or a stranger can write to would let them lock the owner out.
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refused(path.parent, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = owner(path)
            os.close(self._file)
            raise StoreLocked(path.parent, pid) from None
        try:
            # Written over what is there, never cut short first: an old file's block is kept even on a full disk.
            os.pwrite(self._file, f"{os.getpid():<{_PID_BYTES}}\n".encode(), 0)
        except OSError as error:
            os.close(self._file)
            raise refused(path.parent, error) from error
        _let_forks_go().add(self)

    def forget(self) -> None:
        """Close this process's copy of the file, in a fork: the lock stays with the process that took it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def release(self) -> None:
        """Give the right up; a second call does nothing."""
        if self._file is not None:
            # The file stays: removing it would race with a process that has it open and is about to lock it.
            with contextlib.suppress(OSError):
                os.pwrite(self._file, f"{'':<{_PID_BYTES}}\n".encode(), 0)
            # A fork's copy of the file would hold the lock for as long as the fork lives.
            fcntl.flock(self._file, fcntl.LOCK_UN)
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
