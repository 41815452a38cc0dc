"""Reads an extension's folder: its manifest, and the module that the manifest names, nothing else.

A folder may come from anywhere. Links are followed only as long as they stay inside it; only ordinary files are read,
so that a pipe or a device cannot hold up or flood the host; sizes are bounded before anything is read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from perdure.runtime.errors import (
    FileOutsideFolder,
    FileTooLarge,
    FileUnreadable,
    ManifestMissing,
    NotAnExtensionFolder,
    WasmMissing,
)
from perdure.runtime.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, parse_manifest

MAX_WASM_BYTES: Final = 256 * 1024 * 1024


class ExtensionPackage(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension's folder holds; ``warnings`` are lines for the person who installs it."""

    manifest: Manifest
    manifest_bytes: bytes
    wasm_bytes: bytes
    warnings: tuple[str, ...]


def read_extension(path: str | os.PathLike[str]) -> ExtensionPackage:
    """Read the extension in the folder ``path``. The module's bytes are not looked at.

    Raises:
        ExtensionFolderError: the folder or a file is missing, leads outside, is too large, or cannot be read.
        ManifestError: the manifest is not what it must be.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise NotAnExtensionFolder(folder)
    manifest_path = folder / MANIFEST_FILE
    manifest_bytes = _read(folder, manifest_path, MAX_MANIFEST_BYTES, ManifestMissing(manifest_path))
    manifest = parse_manifest(manifest_bytes)
    check_config_schema(manifest)
    wasm_path = folder / manifest.wasm_file
    wasm_bytes = _read(folder, wasm_path, MAX_WASM_BYTES, WasmMissing(wasm_path, manifest.wasm_file))
    return ExtensionPackage(
        manifest=manifest, manifest_bytes=manifest_bytes, wasm_bytes=wasm_bytes, warnings=manifest.warnings
    )


def read_module(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a module that is a file by itself; they are not looked at.

    Raises:
        ExtensionFolderError: it is missing, too large, or cannot be read.
    """
    file = Path(path)
    target = file.resolve()
    return _read(target.parent, target, MAX_WASM_BYTES, FileUnreadable(file, "it is not there"))


def read_file(folder: Path, name: str, limit: int) -> bytes:
    """A file in an extension's folder that may have ``limit`` bytes.

    Raises:
        ExtensionFolderError: it is missing, leads outside, is too large, or cannot be read.
    """
    path = folder / name
    return _read(folder, path, limit, FileUnreadable(path, "it is not there"))


def check_config_schema(manifest: Manifest) -> None:
    """Check the schema: here, and not when a manifest is parsed, which those in the log are again and again.

    Raises:
        ManifestError: it is none that a configuration can be checked with.
    """
    if manifest.config_schema is not None:
        from perdure.runtime.config.schema import checked_schema  # noqa: PLC0415  # jsonschema takes 0.2 s

        checked_schema(manifest.config_schema)


def _read(folder: Path, path: Path, limit: int, missing: Exception) -> bytes:
    try:
        target = path.resolve(strict=True)
        if not target.is_relative_to(folder.resolve(strict=True)):
            raise FileOutsideFolder(path, target)
        # Resolved just now, so a link here was put in place of the file since then. Opening a pipe must not wait.
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileUnreadable(path, "it is no ordinary file")
            if status.st_size > limit:
                raise FileTooLarge(path, status.st_size, limit)
            with open(descriptor, "rb", closefd=False) as file:  # a descriptor has no path
                data = file.read(limit + 1)  # one more than allowed: it may have grown
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise missing from None
    except RuntimeError:
        # How Python before 3.13 reports links in a circle.
        raise FileUnreadable(path, "its links go round in a circle") from None
    except OSError as error:
        raise FileUnreadable(path, error.strerror or str(error)) from None
    if len(data) > limit:
        raise FileTooLarge(path, len(data), limit)
    return data
