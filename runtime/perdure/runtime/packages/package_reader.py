"""Reads a package, which may come from anybody: once, from its first byte to its last.

The publisher's statement comes first. Until its signature has been checked nothing else is looked at; from then on
there is one answer to what the next byte may be, and the first that differs ends it. Nothing is written or run, and no
more is held in memory than was asked for.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from perdure.runtime.errors import ManifestError
from perdure.runtime.extension_folder import ExtensionPackage, check_config_schema
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.packages.archive import LOCAL_BYTES, Entry, crc_in, directory, local_header, size_in
from perdure.runtime.packages.errors import BadPackage, NotAPackage, PackageUnreadable, UnsupportedPackage
from perdure.runtime.packages.statement import (
    FORMAT,
    MAX_STATEMENT_BYTES,
    STATEMENT_FILE,
    BadStatement,
    PackageStatement,
    read_statement,
)

SUFFIX: Final = ".perdure-ext"
_CHUNK: Final = 1 << 20


class PackageContents(msgspec.Struct, frozen=True, kw_only=True):
    """A package whose signature and digests have been checked. ``sha256`` and ``size`` are those of the whole file."""

    statement: PackageStatement
    manifest: Manifest
    manifest_bytes: bytes
    sha256: str
    size: int


def check_package(path: str | os.PathLike[str]) -> PackageContents:
    """Check a package to its last byte, without holding its module in memory.

    Raises:
        PackageUnreadable: the file cannot be read.
        NotAPackage: it is something else.
        BadPackage: it is not what was signed.
        UnsupportedPackage: a newer perdure made it.
        ManifestError: the manifest is not what it must be, and the publisher signed it so.
    """
    return _read(Path(path), keep_module=False)[0]


def read_package(path: str | os.PathLike[str]) -> tuple[PackageContents, ExtensionPackage]:
    """Check a package, and read the extension in it. Raises as `check_package`."""
    contents, module = _read(Path(path), keep_module=True)
    check_config_schema(contents.manifest)
    package = ExtensionPackage(
        manifest=contents.manifest,
        manifest_bytes=contents.manifest_bytes,
        wasm_bytes=module,
        warnings=contents.manifest.warnings,
    )
    return contents, package


def _read(path: Path, *, keep_module: bool) -> tuple[PackageContents, bytes]:
    with opened_package(path) as file:
        reader = _Reader(path, file)
        statement = reader.statement()
        manifest_bytes = reader.file(statement, 0, keep=True)
        module = reader.file(statement, 1, keep=keep_module)
        for index in range(2, len(statement.files)):
            reader.file(statement, index, keep=False)
        reader.end()
    contents = PackageContents(
        statement=statement,
        manifest=_manifest(path, statement, manifest_bytes),
        manifest_bytes=manifest_bytes,
        sha256=reader.digest.hexdigest(),
        size=reader.at,
    )
    return contents, module


def _manifest(path: Path, statement: PackageStatement, data: bytes) -> Manifest:
    manifest = parse_manifest(data)
    if (manifest.id, manifest.version) != (statement.extension, statement.version):
        raise BadPackage(
            path, f"its manifest is that of {manifest.id} {manifest.version}, which is not what was signed"
        )
    if manifest.wasm_file != statement.files[1].path:
        raise ManifestError("wasm_file", manifest.wasm_file, f"the module of the package is {statement.files[1].path}")
    return manifest


class _Reader:
    """Goes through an archive once, and knows what has to come next."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()  # of everything read
        self.at = 0
        self._path = path
        self._file = file
        self._entries: list[Entry] = []

    def _bad(self, reason: str, at: int) -> BadPackage:
        return BadPackage(self._path, reason, at)

    def statement(self) -> PackageStatement:
        """The first file: what the publisher signed.

        Raises:
            NotAPackage, BadPackage, UnsupportedPackage: it is not that.
        """
        size = LOCAL_BYTES + len(STATEMENT_FILE.encode())
        header = self._file.read(size)
        entry = Entry(STATEMENT_FILE, size_in(header), crc_in(header))
        if header != local_header(entry):
            raise NotAPackage(self._path)
        self.digest.update(header)
        self.at = size
        if entry.size > MAX_STATEMENT_BYTES:
            raise self._bad(f"its statement has {entry.size} bytes, the limit is {MAX_STATEMENT_BYTES}", 0)
        at = self.at
        text = self._take(entry.size, "it ends too early")
        if zlib.crc32(text) != entry.crc:
            raise self._bad("its statement is damaged", at)
        self._entries.append(entry)
        try:
            return read_statement(text)
        except BadStatement as error:
            if error.found:
                raise UnsupportedPackage(self._path, error.found, FORMAT) from None
            raise self._bad(f"its statement cannot be believed: {error.reason}", at) from None

    def file(self, statement: PackageStatement, index: int, *, keep: bool) -> bytes:
        """The next file, if it is the one that was signed; its bytes only with ``keep``.

        Raises:
            BadPackage: it is not.
        """
        signed = statement.files[index]
        at = self.at
        header = self._take(LOCAL_BYTES + len(signed.path.encode()), "it ends too early")
        entry = Entry(signed.path, signed.size, crc_in(header))
        if header != local_header(entry):
            raise self._bad(f"{signed.path} is not there as it was signed", at)
        at, left, crc = self.at, signed.size, 0
        digest, kept = hashlib.sha256(), bytearray()
        while left:
            chunk = self._take(min(left, _CHUNK), "it ends too early")
            left -= len(chunk)
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            if keep:
                kept += chunk
        if digest.hexdigest() != signed.sha256 or crc != entry.crc:
            raise self._bad(f"{signed.path} is not what was signed", at)
        self._entries.append(entry)
        return bytes(kept)

    def end(self) -> None:
        """What comes behind the last file.

        Raises:
            BadPackage: it is something else, or something follows.
        """
        at = self.at
        expected = directory(self._entries)
        if self._take(len(expected), "it ends too early") != expected:
            raise self._bad("its list of files is not that of its files", at)
        if self._file.read(1):
            raise self._bad("something follows its end", self.at)

    def _take(self, count: int, too_short: str) -> bytes:
        data = self._file.read(count)
        self.at += len(data)
        if len(data) != count:
            raise self._bad(too_short, self.at)
        self.digest.update(data)
        return data


@contextmanager
def opened_package(path: Path) -> Iterator[BinaryIO]:
    """The file, if it is an ordinary one: a pipe or a device could hold up or flood the host.

    Raises:
        PackageUnreadable: it is not, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PackageUnreadable(path, f"it is no ordinary file; name the {SUFFIX} file, or a folder")
            yield file
    except OSError as error:
        raise PackageUnreadable(path, error.strerror or str(error)) from None
