"""The examples with an SDK, in each language: built and compiled once for all tests.

A component made of Python takes ten seconds of a processor to build and as many to compile; so what the compilers made
is kept, also from one run of the tests to the next, by digests of all that it was made of.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Final

import pytest
from tests.support.python_builds import ROOT, builds_folder, built_python, locked
from tests.support.zig_tools import example, once

from perdure.runtime import JobLimits, Runtime, grant_as_asked
from perdure.runtime.wasm.engine import engine_key, new_engine
from perdure.runtime.wasm.module_cache import ModuleCache, machine_code_path, needs_path, part_paths, recorded_as

LANGUAGES: Final = ("c", "zig", "rust", "python")
_KEPT: Final = 12  # files of machine code; the oldest go


def extension_in(language: str, factory: pytest.TempPathFactory) -> Path:
    """The extension's folder of ``examples/counter-LANGUAGE``; it is shared, so it must not be changed."""
    if language == "python":
        return built_python(ROOT / "examples" / "counter-python")
    return example(factory, f"counter-{language}")


def data_with(language: str, factory: pytest.TempPathFactory) -> Path:
    """A data folder in which it is installed, compiled and granted what it asks for; shared, to be copied."""
    extension = extension_in(language, factory)

    def make(stage: Path) -> None:
        with Runtime.open(stage / "data", consent=grant_as_asked) as runtime:
            install(runtime, extension)

    return once(factory, f"data-{language}", make) / "data"


def copied_data(source: Path, folder: Path) -> Path:
    """A copy of such a data folder. Modules and machine code, which nobody writes to, are not copied but linked."""

    def link(one: str, other: str) -> None:
        if Path(one).stat().st_size > 1 << 20 and Path(one).name != "data.mdb":
            os.link(one, other)
        else:
            shutil.copy2(one, other)

    shutil.copytree(source, folder, copy_function=link)
    folder.chmod(0o700)
    return folder


def install(runtime: Runtime, extension: Path) -> str:
    """Install the extension in a folder, granted what it asks for, with the machine code that is kept; its id."""
    manifest = json.loads((extension / "manifest.json").read_text())
    give_machine_code(runtime, (extension / manifest["wasm_file"]).read_bytes())
    runtime.install(extension, consent=grant_as_asked)
    runtime.load(manifest["id"])
    return str(manifest["id"])


def give_machine_code(runtime: Runtime, wasm: bytes) -> None:
    """Give a runtime the machine code of a module, as if it had compiled it before."""
    module = hashlib.sha256(wasm).hexdigest()
    folder = builds_folder().parent / "machine-code"
    folder.mkdir(mode=0o700, exist_ok=True)
    cache = ModuleCache(folder, _OwnFiles(folder), lambda _: wasm)
    kept, place = machine_code_path(folder, module), runtime._cache.path(module).parent
    with locked(folder / "files"):  # one lock for all: modules share parts
        if not all(code.is_file() for code in (kept, *part_paths(folder, module).values())):
            cache.load(new_engine(JobLimits().stack_bytes), module)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        codes = (*part_paths(folder, module).values(), kept)
        for file in (*codes, needs_path(folder, module)):
            if file.is_file():
                shutil.copyfile(file, place / file.name)
        os.utime(kept)
        cache.forget_but(_KEPT)
    for code in codes:
        copy = place / code.name
        runtime.record(recorded_as(copy), engine_key(), _digest(copy), copy.stat().st_size)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _OwnFiles:
    """An `ArtifactLedger` that takes every file of a folder for what was recorded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def artifact(self, module: str, engine: str) -> str | None:
        found = [_digest(path) for kind in ("cwasm", "part") for path in self._folder.glob(f"{module}-*.{kind}")]
        return found[0] if found else None

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        pass
