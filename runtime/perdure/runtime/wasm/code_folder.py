"""A folder of machine code: each file is checked before it is ever run.

Loading machine code runs whatever the file holds. So the folder belongs to the user alone (0700), and a file is loaded
only if its SHA-256 is the one that the ledger (the log) has for it; any other file is deleted. The check is made once
for each file and process, and remembered under the file's identity, so that a load costs ~100 µs and not a hash of the
whole file. Somebody who can forge that identity already runs as the same user.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
from io import BufferedReader
from pathlib import Path
from typing import Final, Protocol

import msgspec

from perdure.runtime.wasm.engine import engine_key
from perdure.runtime.wasm.errors import UnsafeCacheFolder

_log = logging.getLogger("perdure.module_cache")
_UNFINISHED = ".new-"

MODULE: Final = ".cwasm"  # of a module, or of a component without its parts
PART: Final = ".part"  # of a part that components share
NEEDS: Final = ".needs"  # the names of the parts that a component needs, a line each


class ArtifactLedger(Protocol):
    """Where the digests of machine code are kept, out of reach of whoever can write the cache's folder."""

    def artifact(self, module: str, engine: str) -> str | None:
        """The SHA-256 of the newest machine code recorded for this module and engine; None if there is none."""

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        """Record it. Durable: answered before the file is first used."""


class CodeFile(msgspec.Struct, frozen=True):
    """The machine code of what has this ``digest``; ``kind`` is `MODULE` or `PART`."""

    digest: str
    kind: str = MODULE

    def __str__(self) -> str:
        return f"{'part' if self.kind == PART else 'module'} {self.digest}"


class FileIdentity(msgspec.Struct, frozen=True):
    """Equal for the same, untouched file. The change time cannot be set back, as the modification time can."""

    path: Path
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class CodeFolder:
    """Machine code in ``folder``, made when first needed. Of threads that want one file, its caller lets in one."""

    def __init__(self, folder: Path, ledger: ArtifactLedger) -> None:
        self.path = folder
        self._ledger = ledger
        self._verified: dict[CodeFile, FileIdentity] = {}
        self._is_ready = False

    def known(self, file: CodeFile) -> Path | None:
        """Where a file is that was checked, and has not changed since. By any thread."""
        known = self._verified.get(file)
        return known.path if known is not None and _is_unchanged(known) else None

    def checked(self, file: CodeFile) -> Path | None:
        """Where a file is that holds what was recorded; None if there is none such."""
        known = self._verified.pop(file, None)
        if known is None or not _is_unchanged(known):
            known = self._verify(file)
        if known is None:
            return None
        self._verified[file] = known
        return known.path

    def refuse(self, file: CodeFile, why: Exception) -> None:
        """Delete what cannot be loaded: the right bytes that do not fit this machine's processor."""
        _log.warning("machine code of %s cannot be loaded and is made anew: %s", file, why)
        self._verified.pop(file, None)
        delete(code_path(self.path, file))

    def keep(self, file: CodeFile, code: bytes) -> None:
        """Write machine code, and record it. A disk that is full costs time only, and is warned of."""
        identity = self.write(code_path(self.path, file), code, f"machine code of {file}")
        if identity is not None:
            self._ledger.record(file.digest, engine_key(), hashlib.sha256(code).hexdigest(), len(code))
            self._verified[file] = identity

    def write(self, path: Path, data: bytes, what: str) -> FileIdentity | None:
        """Write a file of the folder whole or not at all; None where it could not be written."""
        try:
            self._prepare()
            _write(path, data)
            return _identity(path)
        except OSError as error:
            # The cache saves time and nothing else: a full disk must not stop a job that could run.
            _log.warning("%s cannot be kept in %s: %s", what, self.path, error)
            return None

    def _verify(self, file: CodeFile) -> FileIdentity | None:
        path = code_path(self.path, file)
        try:
            self._prepare()
            before = _identity(path)
            with _open_no_link(path) as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("machine code %s cannot be read and is made anew: %s", path, error)
            delete(path)
            return None
        recorded = self._ledger.artifact(file.digest, engine_key())
        if found == recorded and _is_unchanged(before):
            return before
        if recorded is not None:
            # Without a record it is what a crash left between the file and its record: nothing to warn of.
            _log.warning(
                "machine code %s is not what was recorded (%s instead of %s); it is deleted and made anew",
                path,
                found,
                recorded,
            )
        delete(path)
        return None

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise UnsafeCacheFolder(self.path, "is a link")
        if status.st_uid != os.geteuid():
            raise UnsafeCacheFolder(self.path, f"belongs to user {status.st_uid}")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise UnsafeCacheFolder(self.path, f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})")
        for leftover in self.path.glob(f"{_UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        self._is_ready = True


def code_path(folder: Path, file: CodeFile) -> Path:
    """Where machine code is kept in ``folder`` for the installed wasmtime."""
    engine_digest = hashlib.sha256(engine_key().encode()).hexdigest()[:16]
    return folder / f"{file.digest}-{engine_digest}{file.kind}"


def delete(path: Path) -> None:
    """Delete a file of the folder, if that can be done."""
    # What cannot be deleted is not run either, and the next write replaces it or says why it cannot.
    with contextlib.suppress(OSError):
        path.unlink()


def _identity(path: Path) -> FileIdentity:
    status = path.lstat()
    return FileIdentity(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_unchanged(known: FileIdentity) -> bool:
    try:
        return _identity(known.path) == known
    except FileNotFoundError:
        return False


def _open_no_link(path: Path) -> BufferedReader:
    """Open a file for reading, but not through a link: its target could change while the link stays as it is."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def _write(path: Path, data: bytes) -> None:
    """Write the file whole or not at all, readable by the user alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
