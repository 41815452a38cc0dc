"""Machine code, made once for each module and engine, and checked before it is ever run.

The files are those of a `perdure.runtime.wasm.code_folder.CodeFolder`. The large modules of components
(`perdure.runtime.wasm.component_parts`) have files of their own, which all components share that have them: of a
second Python extension only what is its own is compiled.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import wasmtime
from wasmtime.component import Component

from perdure.runtime.wasm import code_folder
from perdure.runtime.wasm.code import (
    Code,
    FileInterface,
    SplitCode,
    assemble,
    compile_code,
    compile_component,
    deserialise_file,
    imported_parts,
    read_file,
)
from perdure.runtime.wasm.code_folder import ArtifactLedger, CodeFile, CodeFolder, code_path, delete
from perdure.runtime.wasm.component_inspect import ComponentInterface
from perdure.runtime.wasm.component_parts import LEAST_PART_BYTES, SplitComponent, part_name, split

# Told that so many bytes of a module are compiled; what it returns is entered until that is done.
OnCompile = Callable[[int], contextlib.AbstractContextManager[None]]


def compile_silently(size: int) -> contextlib.AbstractContextManager[None]:
    """An `OnCompile` that tells nobody."""
    return contextlib.nullcontext()


class ModuleCache:
    """Machine code for modules, in ``folder`` (made when first needed). Thread-safe; one process for each folder.

    Args:
        load_module: a module's bytes for its SHA-256, which it has checked.
        least_part: how large a module within a component is, in bytes, that gets a file of its own.
    """

    def __init__(
        self,
        folder: Path,
        ledger: ArtifactLedger,
        load_module: Callable[[str], bytes],
        on_compile: OnCompile = compile_silently,
        least_part: int = LEAST_PART_BYTES,
    ) -> None:
        self._folder = CodeFolder(folder, ledger)
        self._load_module = load_module
        self._on_compile = on_compile
        self._least_part = least_part
        self._lock = threading.Lock()
        self._file_locks: dict[CodeFile, threading.Lock] = {}
        self._changing = threading.Lock()  # held while files are written or forgotten, so that parts meet their users
        self._interfaces: dict[str, FileInterface] = {}
        self._needs: dict[str, dict[str, CodeFile]] = {}  # the parts of what was loaded, by their import's name

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
        """Load the module with this SHA-256; compile what there is no machine code of that can be trusted.

        Two jobs that need the same new module, or the same new part, compile it once. Durable: a new file's digest is
        recorded before use.

        Raises:
            ModuleError: the bytes are no module that can run here.
            UnsafeCacheFolder: the folder is open to others.
            perdure.store.StoreError: from ``load_module`` or the ledger.
        """
        with contextlib.suppress(wasmtime.WasmtimeError):
            if (loaded := self._load_known(engine, module)) is not None:
                return loaded
        with self._holding([CodeFile(module)]):
            return self._load_checked(engine, module) or self._compile(engine, module)

    def path(self, module: str) -> Path:
        """Where the machine code of a module is kept for the installed wasmtime."""
        return machine_code_path(self._folder.path, module)

    def forget_missing(self, has: Callable[[str], bool]) -> int:
        """Delete the machine code of modules that are not there any more; ``has`` says of a SHA-256 whether one is.

        Returns how many modules that were. Parts that no other module needs go along.
        """
        with self._changing:
            made = self._folder.path.glob(f"*-*{code_folder.MODULE}")
            return self._forget([path for path in made if not has(recorded_as(path))])

    def forget_but(self, newest: int) -> int:
        """Delete all machine code but that of the ``newest`` modules that were compiled here; returns how many modules.

        What runs goes on; what is deleted is made anew when it is next needed. Parts that none of the newest needs go
        along.
        """
        made: list[tuple[int, Path]] = []
        with self._changing:
            for path in self._folder.path.glob(f"*-*{code_folder.MODULE}"):
                with contextlib.suppress(FileNotFoundError):
                    made.append((path.lstat().st_mtime_ns, path))
            old = sorted(made, reverse=True)[max(0, newest) :]
            return self._forget([path for _, path in old])

    def _forget(self, paths: list[Path]) -> int:
        for path in paths:
            delete(path)
        needed: set[str] = set()
        for needs in self._folder.path.glob(f"*-*{code_folder.NEEDS}"):
            if needs.with_suffix(code_folder.MODULE).exists():
                needed.update(path.name for _, path in _listed(needs))
            else:
                delete(needs)
        for part in self._folder.path.glob(f"*-*{code_folder.PART}"):
            if part.name not in needed:
                delete(part)
        return len(paths)

    @contextlib.contextmanager
    def _holding(self, files: Iterable[CodeFile]) -> Iterator[None]:
        """Nobody else checks or makes these files. Modules are held before parts, and those in order: no deadlock."""
        with contextlib.ExitStack() as stack:
            for file in sorted(set(files), key=lambda file: file.digest):
                with self._lock:
                    lock = self._file_locks.setdefault(file, threading.Lock())
                stack.enter_context(lock)
            yield

    def _load_known(self, engine: wasmtime.Engine, module: str) -> Code | None:
        """The module from files that were checked before and have not changed; None if those are not all."""
        needs = self._needs.get(module)
        path = self._folder.known(CodeFile(module))
        if needs is None or path is None:
            return None
        parts: dict[str, wasmtime.Module] = {}
        for name, file in needs.items():
            if (part := self._folder.known(file)) is None:
                return None
            parts[name] = wasmtime.Module.deserialize_file(engine, str(part))
        main = deserialise_file(engine, self.interface(module), str(path))
        return SplitCode(main, parts) if isinstance(main, Component) and parts else main

    def _load_checked(self, engine: wasmtime.Engine, module: str) -> Code | None:
        """The module from its files; None if not all are there, or can be trusted and used."""
        main = self._load_main(engine, module)
        if not isinstance(main, Component):
            self._needs[module] = {}
            return main
        needs = self._parts_of(engine, main)
        with self._holding(needs.values()):
            parts: dict[str, wasmtime.Module] = {}
            for name, file in needs.items():
                if (part := self._load_part(engine, file)) is None:
                    return None
                parts[name] = part
        self._needs[module] = needs
        return SplitCode(main, parts) if parts else main

    def _load_main(self, engine: wasmtime.Engine, module: str) -> wasmtime.Module | Component | None:
        file = CodeFile(module)
        path = self._folder.checked(file)
        if path is None:
            return None
        interface = self.interface(module)
        try:
            return deserialise_file(engine, interface, str(path))
        except wasmtime.WasmtimeError as error:
            self._folder.refuse(file, error)
            return None

    def _load_part(self, engine: wasmtime.Engine, file: CodeFile) -> wasmtime.Module | None:
        path = self._folder.checked(file)
        if path is None:
            return None
        try:
            return wasmtime.Module.deserialize_file(engine, str(path))
        except wasmtime.WasmtimeError as error:
            self._folder.refuse(file, error)
            return None

    def _parts_of(self, engine: wasmtime.Engine, main: Component) -> dict[str, CodeFile]:
        needed = imported_parts(engine, main)
        return {name: CodeFile(part.digest, code_folder.PART) for name, part in needed.items()}

    def _compile(self, engine: wasmtime.Engine, module: str) -> Code:
        data = self._load_module(module)
        interface = self._interfaces.setdefault(module, read_file(data))
        is_component = isinstance(interface, ComponentInterface)
        if is_component:
            pieces = split(data, self._least_part)
            if pieces.parts and (split_code := self._compile_pieces(engine, module, pieces)) is not None:
                return split_code
        with self._on_compile(len(data)):
            compiled = compile_component(engine, data) if is_component else compile_code(engine, data)
        with self._changing:
            self._folder.keep(CodeFile(module), bytes(compiled.serialize()))
        self._needs[module] = {}
        return compiled

    def _compile_pieces(self, engine: wasmtime.Engine, module: str, pieces: SplitComponent) -> Code | None:
        """A component, of which only what is missing is compiled; None if a piece is refused: the whole tells why."""
        files = {part.import_name: CodeFile(part.digest, code_folder.PART) for part in pieces.parts}
        with self._holding(files.values()):
            parts: dict[str, wasmtime.Module] = {}
            for name, file in files.items():
                if (part := self._load_part(engine, file)) is not None:
                    parts[name] = part
            missing = [part for part in pieces.parts if part.import_name not in parts]
            main = self._load_main(engine, module)
            if not isinstance(main, Component) or self._parts_of(engine, main) != files:
                main = None
            size = sum(len(part.data) for part in missing) + (pieces.rest_size if main is None else 0)
            made: dict[CodeFile, wasmtime.Module | Component] = {}
            try:
                with self._on_compile(size):
                    if main is None:
                        main = made[CodeFile(module)] = Component(engine, pieces.rest)
                    for new in missing:
                        name = new.import_name
                        parts[name] = made[files[name]] = wasmtime.Module(engine, new.data)
                code = assemble(engine, main, parts)
            except wasmtime.WasmtimeError:
                return None
            self._keep(module, made, files)
        self._needs[module] = files
        return code

    def _keep(self, module: str, made: dict[CodeFile, wasmtime.Module | Component], parts: dict[str, CodeFile]) -> None:
        """Write what was made: the parts before what needs them."""
        with self._changing:
            needs = self.path(module).with_suffix(code_folder.NEEDS)
            self._folder.write(needs, "".join(f"{name}\n" for name in parts).encode(), f"the list of parts of {module}")
            for file, code in reversed(made.items()):
                self._folder.keep(file, bytes(code.serialize()))


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


def machine_code_path(folder: Path, module: str) -> Path:
    """Where a cache in ``folder`` keeps the machine code of a module, without its parts, for the installed wasmtime."""
    return code_path(folder, CodeFile(module))


def part_paths(folder: Path, module: str) -> dict[str, Path]:
    """Where a cache in ``folder`` keeps the parts of a module, by their import's name.

    As the cache has noted it beside the module's machine code: a note, not to be trusted. Empty if there is none.
    """
    return dict(_listed(needs_path(folder, module)))


def needs_path(folder: Path, module: str) -> Path:
    """Where a cache in ``folder`` notes which parts a module needs."""
    return machine_code_path(folder, module).with_suffix(code_folder.NEEDS)


def recorded_as(path: Path) -> str:
    """The digest under which the machine code in a file of a cache is recorded."""
    return path.name.partition("-")[0]


def _listed(needs: Path) -> list[tuple[str, Path]]:
    """The parts in a list: each one's name, and its file of the same engine."""
    try:
        lines = needs.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    engine = needs.stem.partition("-")[2]
    named = ((line, part_name(line)) for line in lines)
    return [
        (line, needs.with_name(f"{name.digest}-{engine}{code_folder.PART}")) for line, name in named if name is not None
    ]
