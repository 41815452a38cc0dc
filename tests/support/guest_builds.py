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

from perdure.runtime import Runtime, grant_as_asked
from perdure.runtime.wasm.engine import engine_key
from perdure.runtime.wasm.module_cache import machine_code_path

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
    """Install the extension in a folder, with the machine code that is kept of it if there is some; its id."""
    manifest = json.loads((extension / "manifest.json").read_text())
    data = (extension / manifest["wasm_file"]).read_bytes()
    module = hashlib.sha256(data).hexdigest()
    store = builds_folder().parent / "machine-code"
    store.mkdir(mode=0o700, exist_ok=True)
    kept, place = machine_code_path(store, module), runtime._cache.path(module)
    with locked(kept):
        if kept.is_file():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(kept, place)
            found = hashlib.sha256(kept.read_bytes()).hexdigest()
            runtime.record(module, engine_key(), found, kept.stat().st_size)
        runtime.install(extension, consent=grant_as_asked)
        runtime.load(manifest["id"])
        if not kept.is_file():
            shutil.copyfile(place, kept)
        os.utime(kept)
    for old in sorted(store.glob("*.cwasm"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return str(manifest["id"])
