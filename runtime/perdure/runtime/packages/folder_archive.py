"""An extension's folder in one file, to be sent: the files that are ever read of it, in the archive that packages are.

It has ``manifest.json``, the module that the manifest names, and nothing else. Nobody signs it: it is worth what a
folder is worth. Read like a package: once, each byte the only one that may stand there (`archive`).
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO, Final

from perdure.runtime.extension_folder import MAX_WASM_BYTES, ExtensionPackage
from perdure.runtime.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from perdure.runtime.packages.archive import LOCAL_BYTES, Entry, crc_in, directory, local_header, size_in
from perdure.runtime.packages.errors import BadPackage, NotAPackage, PackageNotWritten, PackageUnreadable

_CHUNK: Final = 1 << 20


def folder_archive(package: ExtensionPackage) -> bytes:
    """The archive of a folder that was read (`perdure.runtime.extension_folder.read_extension`)."""
    files = ((MANIFEST_FILE, package.manifest_bytes), (package.manifest.wasm_file, package.wasm_bytes))
    entries = [Entry(path, len(data), zlib.crc32(data)) for path, data in files]
    parts: list[bytes] = []
    for entry, (_, data) in zip(entries, files, strict=True):
        parts += local_header(entry), data
    return b"".join([*parts, directory(entries)])


def unpack_folder(path: Path, folder: Path) -> Manifest:
    """Write the folder that an archive is of to ``folder``, which is made; returns its manifest.

    The module's bytes are not looked at. If this fails, part of the folder may be there.

    Raises:
        NotAPackage: the file is something else.
        BadPackage: it is such an archive up to some byte.
        ManifestError: the manifest is not what it must be.
        PackageUnreadable: it cannot be read.
        PackageNotWritten: the folder cannot be written.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise PackageUnreadable(path, error.strerror or str(error)) from None
    with file:
        return _unpack(path, file, folder)


def _unpack(path: Path, file: BinaryIO, folder: Path) -> Manifest:
    first = _header(path, file, MANIFEST_FILE, MAX_MANIFEST_BYTES, 0)
    data = file.read(first.size)
    if len(data) < first.size or zlib.crc32(data) != first.crc:
        raise BadPackage(path, "its manifest is damaged", file.tell())
    manifest = parse_manifest(data)
    at = file.tell()
    second = _header(path, file, manifest.wasm_file, MAX_WASM_BYTES, at)
    try:
        module = folder / manifest.wasm_file
        module.parent.mkdir(parents=True)
        (folder / MANIFEST_FILE).write_bytes(data)
        with module.open("xb") as target:
            _copy(path, file, second, target)
    except OSError as error:
        raise PackageNotWritten(path, error.strerror or str(error)) from None
    at, end = file.tell(), directory([first, second])
    if file.read(len(end) + 1) != end:
        raise BadPackage(path, "it does not end as it should", at)
    return manifest


def _header(path: Path, file: BinaryIO, name: str, limit: int, at: int) -> Entry:
    """The entry of the file that comes next, which must have this name."""
    header = file.read(LOCAL_BYTES + len(name.encode()))
    entry = Entry(name, size_in(header), crc_in(header))
    if header != local_header(entry):
        if at == 0:
            raise NotAPackage(path)
        raise BadPackage(path, f"{name} does not follow, which its manifest names", at)
    if entry.size > limit:
        raise BadPackage(path, f"{name} has {entry.size} bytes, the limit is {limit}", at)
    return entry


def _copy(path: Path, file: BinaryIO, entry: Entry, target: BinaryIO) -> None:
    left, crc = entry.size, 0
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise BadPackage(path, "it ends too early", file.tell())
        left -= len(chunk)
        crc = zlib.crc32(chunk, crc)
        target.write(chunk)
    if crc != entry.crc:
        raise BadPackage(path, f"{entry.path} is damaged", file.tell())
