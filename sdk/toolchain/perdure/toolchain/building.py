"""From a project to an extension's folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.toolchain.builder import Say
from perdure.toolchain.builders import builder_of
from perdure.toolchain.calls import Calls
from perdure.toolchain.errors import NoManifest
from perdure.toolchain.project import Project
from perdure.toolchain.wasm_sections import MANIFEST_SECTION, custom_sections

MANIFEST_FILE: Final = "manifest.json"
STAGE: Final = "extension"  # in the work folder: where a build lies until it was checked
_MODULE: Final = "module.wasm"


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a build made: ``folder`` is an extension's, with ``manifest.json`` and the module."""

    project: Project
    folder: Path
    manifest: dict[str, Any]
    wasm_path: Path
    wasm_bytes: int
    calls: Calls
    seconds: float  # on the wall clock


def build(project: Project, say: Say) -> Built:
    """Compile a project into an extension's folder below `Project.work`; `deliver` puts it where it is wanted.

    The manifest is what the code states; whether it is one, the host says.

    Raises:
        InvalidProject, MissingTool, BuildFailed: from the language's builder.
        NoManifest: the code states none.
        NotWebAssembly: what the compiler wrote is damaged.
    """
    began = time.monotonic()
    builder = builder_of(project.language)
    project.work.mkdir(exist_ok=True)
    module = project.work / _MODULE
    module.unlink(missing_ok=True)
    builder.build(project, module, say)
    wasm = module.read_bytes()
    manifest = stated_manifest(wasm)
    calls = builder.calls(project, wasm)
    stage = project.work / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    wasm_path = stage / manifest["wasm_file"]
    wasm_path.write_bytes(wasm)
    (stage / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Built(
        project=project,
        folder=stage,
        manifest=manifest,
        wasm_path=wasm_path,
        wasm_bytes=len(wasm),
        calls=calls,
        seconds=time.monotonic() - began,
    )


def deliver(built: Built, folder: Path | None = None) -> Built:
    """Put what was built into ``folder``; without one into ``dist/ID`` of the project. Other files there stay."""
    target = folder if folder is not None else built.project.folder / "dist" / str(built.manifest["id"])
    target.mkdir(parents=True, exist_ok=True)
    for source in (built.wasm_path, built.folder / MANIFEST_FILE):
        _replace(source, target / source.name)
    return msgspec.structs.replace(built, folder=target, wasm_path=target / built.wasm_path.name)


def stated_manifest(wasm: bytes) -> dict[str, Any]:
    """The manifest in the section ``perdure.manifest``, with the name of its module.

    Raises:
        NoManifest: there is none, or more than one, or it is no JSON object with an id.
        NotWebAssembly: the bytes are damaged.
    """
    found = custom_sections(wasm, MANIFEST_SECTION)
    if len(found) != 1:
        raise NoManifest("there is none in it" if not found else f"there are {len(found)} in it")
    try:
        manifest = json.loads(found[0].rstrip(b"\0").decode())  # some compilers end a text with a NUL
    except (ValueError, RecursionError) as error:
        raise NoManifest(f"it is no JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise NoManifest("it is no JSON object")
    if "wasm_file" in manifest:
        raise NoManifest("it has a wasm_file, which the build decides on")
    extension = manifest.get("id")
    if not isinstance(extension, str) or not extension.isascii() or not extension or set(extension) & set("/\\\0"):
        raise NoManifest("it has no id that can be a file's name")
    stem = "".join(char if char.isalnum() else "_" for char in extension)
    return {**manifest, "wasm_file": f"{stem}.wasm"}


def _replace(source: Path, target: Path) -> None:
    """Copy in one step, as seen by whoever reads ``target``."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, beside)
        beside.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
