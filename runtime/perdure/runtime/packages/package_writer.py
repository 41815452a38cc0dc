"""Makes a package of an extension's folder: whole and synced, or not at all. Same files and same key: same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.runtime.extension_folder import ExtensionPackage, read_extension, read_file
from perdure.runtime.manifest import MANIFEST_FILE
from perdure.runtime.packages.archive import Entry, directory, local_header
from perdure.runtime.packages.errors import NotPackable, PackageNotWritten
from perdure.runtime.packages.package_reader import PackageContents, check_package
from perdure.runtime.packages.publisher_key import PublisherKey
from perdure.runtime.packages.statement import (
    EXTRA_FILES,
    MAX_EXTRA_BYTES,
    MAX_STATEMENT_BYTES,
    STATEMENT_FILE,
    PackageStatement,
    PackedFile,
    fault_of_files,
    signed_text,
)
from perdure.runtime.seals.signing import sign
from perdure.store.blobs import sync_folders

_UNFINISHED: Final = ".new-"

# A file of the package: its path in there, and its bytes.
_Content = tuple[str, bytes]


def write_package(
    folder: str | os.PathLike[str], path: str | os.PathLike[str], key: PublisherKey, *, beside: Path | None = None
) -> PackageContents:
    """Pack the extension in ``folder`` into the file ``path``, signed with ``key``; returns what it holds. Durable.

    A readme, a licence, a changelog and an icon go along (`EXTRA_FILES`), from the folder, or from ``beside``. A file
    that is there already is replaced. The module's bytes are not looked at.

    Raises:
        ExtensionFolderError, ManifestError: what is wrong with the folder.
        NotPackable: the extension cannot be a package as it is.
        PackageNotWritten: the file cannot be written.
    """
    source, target = Path(folder), Path(path)
    package = read_extension(source)
    contents = _contents(package, source, beside)
    statement = PackageStatement(
        extension=package.manifest.id,
        version=package.manifest.version,
        key=key.public,
        name=key.name,
        endorsements=key.endorsements,
        files=tuple(PackedFile(hashlib.sha256(data).hexdigest(), len(data), name) for name, data in contents),
    )
    if fault := fault_of_files(statement.files):
        raise NotPackable(source, fault)
    signature = signed_text(statement, sign(key.private, statement.text))
    if len(signature) > MAX_STATEMENT_BYTES:
        raise NotPackable(source, f"its statement would have more than {MAX_STATEMENT_BYTES} bytes")
    _write(target, [(STATEMENT_FILE, signature), *contents])
    return check_package(target)


def _contents(package: ExtensionPackage, folder: Path, beside: Path | None) -> list[_Content]:
    """The files in their order in the package."""
    contents = [(MANIFEST_FILE, package.manifest_bytes), (package.manifest.wasm_file, package.wasm_bytes)]
    for name in EXTRA_FILES:
        if name == package.manifest.wasm_file:
            raise NotPackable(folder, f"its module is called {name}, which people take for something else")
        places = [place for place in (folder, beside) if place is not None and (place / name).exists()]
        if places:
            contents.append((name, read_file(places[0], name, MAX_EXTRA_BYTES)))
    return contents


def _write(path: Path, contents: Sequence[_Content]) -> None:
    new: str | None = None
    try:
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        with os.fdopen(handle, "wb") as file:
            entries = []
            for name, data in contents:
                entries.append(Entry(name, len(data), zlib.crc32(data)))
                file.write(local_header(entries[-1]))
                file.write(data)
            file.write(directory(entries))
            file.flush()
            os.fsync(file.fileno())
        Path(new).chmod(0o644)  # it is made to be handed on
        Path(new).replace(path)
        with contextlib.suppress(PermissionError):
            sync_folders(path.parent)
    except OSError as error:
        if new is not None:
            with contextlib.suppress(OSError):
                Path(new).unlink()
        raise PackageNotWritten(path, error.strerror or str(error)) from error
