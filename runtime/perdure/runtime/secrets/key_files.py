"""Where keys are kept: small files of their own, so that a key can be destroyed.

Not in the log: LMDB leaves the pages it no longer needs in its file, with all that was in them. A key file is written
whole or not at all, and is gone for good when `KeyFiles.destroy` returns: overwritten, synced, removed, name synced.
On a disk that writes elsewhere (flash, copy-on-write file systems) the overwriting is the best a program can do; what
stays behind there is the key in its wrapping.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from perdure.runtime.secrets.errors import UnsafeKeys
from perdure.store.errors import refused
from perdure.store.failpoints import hit

_UNFINISHED: Final = ".new-"
_OTHERS: Final = 0o077


class KeyFiles(Protocol):
    """Named, small, private pieces of data. Every change is durable when the call returns.

    Raises, each of them:
        UnsafeKeys: others can read or replace them.
        DiskFull, StoreFailed: the operating system refused.
    """

    def names(self) -> list[str]:
        """Every file's name, in order."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None if there is no such file."""

    def write(self, name: str, data: bytes) -> None:
        """Make a file, or replace it: after a crash it has its old bytes or these."""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, made if need be. After a crash a part of ``data`` may be there."""

    def destroy(self, name: str) -> None:
        """Overwrite a file and remove it; nothing happens if it is not there. After a crash do it again."""


class MemoryKeyFiles:
    """Key files in a dictionary."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def names(self) -> list[str]:
        """See `KeyFiles.names`."""
        return sorted(self._files)

    def read(self, name: str) -> bytes | None:
        """See `KeyFiles.read`."""
        return self._files.get(name)

    def write(self, name: str, data: bytes) -> None:
        """See `KeyFiles.write`."""
        self._files[name] = data

    def append(self, name: str, data: bytes) -> None:
        """See `KeyFiles.append`."""
        self._files[name] = self._files.get(name, b"") + data

    def destroy(self, name: str) -> None:
        """See `KeyFiles.destroy`."""
        self._files.pop(name, None)


class FolderKeyFiles:
    """Key files in a folder (0700, made when first written to), each of them 0600.

    One process writes to a folder: the one that holds the lock of the log beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """See `KeyFiles.names`; what a crash left of a file that was being written is none of them."""
        try:
            if not self._check_folder():
                return []
            return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith(_UNFINISHED))
        except OSError as error:
            raise refused(self.folder, error) from error

    def read(self, name: str) -> bytes | None:
        """See `KeyFiles.read`."""
        try:
            if not self._check_folder():
                return None
            while True:
                with _private(self.folder / name, os.O_RDONLY) as descriptor:
                    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
                    if os.fstat(descriptor).st_nlink:
                        return data
                    # It was replaced, and overwritten, at this moment: there is another one, or none any more.
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refused(self.folder, error) from error

    def write(self, name: str, data: bytes) -> None:
        """See `KeyFiles.write`."""
        try:
            self._make_folder()
            hit("keys.before_write")
            with _to_be_replaced(self.folder / name) as old:
                handle, new = tempfile.mkstemp(dir=self.folder, prefix=_UNFINISHED)  # 0600
                try:
                    try:
                        _write_all(handle, data)
                    finally:
                        os.close(handle)
                    hit("keys.before_rename")
                    Path(new).replace(self.folder / name)
                except BaseException:
                    with contextlib.suppress(FileNotFoundError):
                        Path(new).unlink()
                    raise
                _sync_folder(self.folder)
                hit("keys.after_write")
                if old is not None and os.fstat(old).st_nlink == 0:
                    _write_all(old, bytes(os.fstat(old).st_size))  # what was replaced must not be found on the disk
        except OSError as error:
            raise refused(self.folder, error) from error

    def append(self, name: str, data: bytes) -> None:
        """See `KeyFiles.append`."""
        try:
            self._make_folder()
            with _private(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as descriptor:
                _write_all(descriptor, data)
            _sync_folder(self.folder)
        except OSError as error:
            raise refused(self.folder, error) from error

    def destroy(self, name: str) -> None:
        """See `KeyFiles.destroy`."""
        try:
            if not self._check_folder():
                return
            hit("keys.before_overwrite")
            with _private(self.folder / name, os.O_WRONLY) as descriptor:
                _write_all(descriptor, bytes(os.fstat(descriptor).st_size))
            hit("keys.after_overwrite")
            (self.folder / name).unlink()
            _sync_folder(self.folder)
            hit("keys.after_unlink")
        except FileNotFoundError:
            return
        except OSError as error:
            raise refused(self.folder, error) from error

    def sweep(self) -> None:
        """Destroy what a crash left of files that were being written."""
        if self._check_folder():
            for leftover in self.folder.glob(f"{_UNFINISHED}*"):
                self.destroy(leftover.name)

    def _make_folder(self) -> None:
        if not self._check_folder():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(self.folder.parent)
            self._check_folder()

    def _check_folder(self) -> bool:
        """Whether the folder is there; each time, since it costs 2 µs and somebody may have opened it to others.

        Raises:
            UnsafeKeys: it is open to others.
        """
        try:
            status = self.folder.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise UnsafeKeys(self.folder, "is a link or a file, not a folder")
        _check_private(self.folder, status)
        return True


@contextlib.contextmanager
def _to_be_replaced(path: Path) -> Iterator[int | None]:
    """A descriptor of a file that goes on to be there without its name, None if there is none."""
    with contextlib.ExitStack() as stack:
        old = None
        with contextlib.suppress(FileNotFoundError):
            old = stack.enter_context(_private(path, os.O_WRONLY))
        yield old


@contextlib.contextmanager
def _private(path: Path, flags: int) -> Iterator[int]:
    """A descriptor of the file; never through a link.

    Raises:
        UnsafeKeys: others can read it.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _check_private(path, os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _check_private(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafeKeys(path, f"belongs to user {status.st_uid}")
    if stat.S_IMODE(status.st_mode) & _OTHERS:
        raise UnsafeKeys(path, f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
