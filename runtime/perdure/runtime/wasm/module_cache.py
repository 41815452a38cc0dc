"""Machine code, made once for each module and engine, and checked before it is ever run.

Loading machine code runs whatever the file holds. So the folder belongs to the user alone (0700), and a file is loaded
only if its SHA-256 is the one that the ledger (the log) has for it; any other file is deleted and made anew. The check
is made once for each file and process, and remembered under the file's identity, so that a load costs ~100 µs and not
a hash of the whole file. Somebody who can forge that identity already runs as the same user.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Protocol

import msgspec
import wasmtime

from perdure.runtime.wasm.code import Code, FileInterface, compile_code, deserialise_file, read_file
from perdure.runtime.wasm.engine import engine_key
from perdure.runtime.wasm.errors import UnsafeCacheFolder

_log = logging.getLogger("perdure.module_cache")
_UNFINISHED = ".new-"

# Told that a module of so many bytes is compiled; what it returns is entered until that is done.
OnCompile = Callable[[int], contextlib.AbstractContextManager[None]]


def compile_silently(size: int) -> contextlib.AbstractContextManager[None]:
    """An `OnCompile` that tells nobody."""
    return contextlib.nullcontext()


class ArtifactLedger(Protocol):
    """Where the digests of machine code are kept, out of reach of whoever can write the cache's folder."""

    def artifact(self, module: str, engine: str) -> str | None:
        """The SHA-256 of the newest machine code recorded for this module and engine; None if there is none."""

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        """Record it. Durable: answered before the file is first used."""


class _FileIdentity(msgspec.Struct, frozen=True):
    """Equal for the same, untouched file. The change time cannot be set back, as the modification time can."""

    path: Path
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class ModuleCache:
    """Machine code for modules, in ``folder`` (made when first needed). Thread-safe; one process for each folder.

    ``load_module`` gives a module's bytes for its SHA-256; it has checked them.
    """

    def __init__(
        self,
        folder: Path,
        ledger: ArtifactLedger,
        load_module: Callable[[str], bytes],
        on_compile: OnCompile = compile_silently,
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._load_module = load_module
        self._on_compile = on_compile
        self._lock = threading.Lock()
        self._module_locks: dict[str, threading.Lock] = {}
        self._verified: dict[str, _FileIdentity] = {}
        self._interfaces: dict[str, FileInterface] = {}
        self._folder_is_ready = False

    def interface(self, module: str) -> FileInterface:
        """What the module with this SHA-256 imports and exports, read from its bytes once for each process.

        Raises:
            ModuleError: the bytes are neither a module nor a component.
            perdure.store.StoreError: from ``load_module``.
        """
        known = self._interfaces.get(module)
        if known is None:
            known = self._interfaces[module] = read_file(self._load_module(module))
        return known

    def loader(self, module: str) -> CachedModule:
        """The module with this SHA-256 (a `perdure.runtime.wasm.module_source.ModuleLoader`)."""
        return CachedModule(self, module)

    def load(self, engine: wasmtime.Engine, module: str) -> Code:
        """Load the module with this SHA-256; compile it if there is no machine code that can be trusted.

        Two jobs that need the same new module compile it once. Durable: a new file's digest is recorded before use.

        Raises:
            ModuleError: the bytes are no module that can run here.
            UnsafeCacheFolder: the folder is open to others.
            perdure.store.StoreError: from ``load_module`` or the ledger.
        """
        known = self._verified.get(module)
        if known is not None and _is_unchanged(known):
            with contextlib.suppress(wasmtime.WasmtimeError):
                return deserialise_file(engine, self.interface(module), str(known.path))
        with self._lock:
            module_lock = self._module_locks.setdefault(module, threading.Lock())
        with module_lock:
            return self._load_verified(engine, module) or self._compile(engine, module)

    def path(self, module: str) -> Path:
        """Where the machine code of a module is kept for the installed wasmtime."""
        return machine_code_path(self._folder, module)

    def forget_missing(self, has: Callable[[str], bool]) -> int:
        """Delete the machine code of modules that are not there any more; ``has`` says of a SHA-256 whether one is.

        Returns how many files that were.
        """
        count = 0
        for path in self._folder.glob("*-*.cwasm"):
            if not has(path.name.partition("-")[0]):
                _delete(path)
                count += 1
        return count

    def forget_but(self, newest: int) -> int:
        """Delete all machine code but that of the ``newest`` modules that were compiled here; returns how many files.

        What runs goes on; what is deleted is made anew when it is next needed.
        """
        made: list[tuple[int, Path]] = []
        for path in self._folder.glob("*-*.cwasm"):
            with contextlib.suppress(FileNotFoundError):
                made.append((path.lstat().st_mtime_ns, path))
        old = sorted(made, reverse=True)[max(0, newest) :]
        for _, path in old:
            _delete(path)
        return len(old)

    def _load_verified(self, engine: wasmtime.Engine, module: str) -> Code | None:
        """The module from its file; None if there is no file, or none that can be trusted or used."""
        known = self._verified.pop(module, None)
        if known is None or not _is_unchanged(known):
            known = self._verify(module)
        if known is None:
            return None
        try:
            loaded = deserialise_file(engine, self.interface(module), str(known.path))
        except wasmtime.WasmtimeError as error:
            # The right bytes that do not fit: the folder was moved to a machine with another processor.
            _log.warning("machine code of module %s cannot be loaded and is made anew: %s", module, error)
            _delete(known.path)
            return None
        self._verified[module] = known
        return loaded

    def _verify(self, module: str) -> _FileIdentity | None:
        """The identity of the module's file if it holds what was recorded."""
        path = self.path(module)
        try:
            self._prepare_folder()
            before = _identity(path)
            with _open_no_link(path) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("machine code %s cannot be read and is made anew: %s", path, error)
            _delete(path)
            return None
        recorded = self._ledger.artifact(module, engine_key())
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
        _delete(path)
        return None

    def _compile(self, engine: wasmtime.Engine, module: str) -> Code:
        data = self._load_module(module)
        self._interfaces.setdefault(module, read_file(data))
        with self._on_compile(len(data)):
            compiled = compile_code(engine, data)
        code = bytes(compiled.serialize())
        path = self.path(module)
        try:
            self._prepare_folder()
            _write(path, code)
            identity = _identity(path)
        except OSError as error:
            # The cache saves time and nothing else: a full disk must not stop a job that could run.
            _log.warning("machine code of module %s cannot be kept in %s: %s", module, self._folder, error)
            return compiled
        self._ledger.record(module, engine_key(), hashlib.sha256(code).hexdigest(), len(code))
        self._verified[module] = identity
        return compiled

    def _prepare_folder(self) -> None:
        if self._folder_is_ready:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise UnsafeCacheFolder(self._folder, "is a link")
        if status.st_uid != os.geteuid():
            raise UnsafeCacheFolder(self._folder, f"belongs to user {status.st_uid}")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise UnsafeCacheFolder(self._folder, f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})")
        for leftover in self._folder.glob(f"{_UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        self._folder_is_ready = True


def machine_code_path(folder: Path, module: str) -> Path:
    """Where a cache in ``folder`` keeps the machine code of a module for the installed wasmtime."""
    engine_digest = hashlib.sha256(engine_key().encode()).hexdigest()[:16]
    return folder / f"{module}-{engine_digest}.cwasm"


class CachedModule:
    """One module of a cache."""

    def __init__(self, cache: ModuleCache, module: str) -> None:
        self._cache = cache
        self._module = module

    def interface(self) -> FileInterface:
        """See `ModuleCache.interface`."""
        return self._cache.interface(self._module)

    def __call__(self, engine: wasmtime.Engine) -> Code:
        """See `ModuleCache.load`."""
        return self._cache.load(engine, self._module)


def _identity(path: Path) -> _FileIdentity:
    status = path.lstat()
    return _FileIdentity(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_unchanged(known: _FileIdentity) -> bool:
    try:
        return _identity(known.path) == known
    except FileNotFoundError:
        return False


def _delete(path: Path) -> None:
    # What cannot be deleted is not run either, and the next write replaces it or says why it cannot.
    with contextlib.suppress(OSError):
        path.unlink()


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
