"""Packages made by tests: as publishers make them, and as nobody should."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import RETURN_COMPLETED

from perdure.runtime.packages.archive import Entry, directory, local_header
from perdure.runtime.packages.package_writer import write_package
from perdure.runtime.packages.publisher_key import PublisherKey
from perdure.runtime.packages.statement import (
    STATEMENT_FILE,
    PackageStatement,
    PackedFile,
    signed_text,
)
from perdure.runtime.seals.signing import sign

ACME = PublisherKey("Acme", bytes(range(32)))
OTHER = PublisherKey("Somebody else", bytes(range(32, 64)))
ASKS = {"methods": ["query:test.ping"]}  # permissions that need consent
Content = tuple[str, bytes]


@functools.cache
def one_job(name: str = "job") -> bytes:
    """A module with one job that completes."""
    wat = RuntimeWat()
    wat.job(name, RETURN_COMPLETED)
    return wat.module()


def folder(place: Path, version: str = "1.0.0", **fields: Any) -> Path:
    """An extension's folder, as no package has it: each version has a job of its own."""
    return write_extension(place / f"folder-{version}", one_job(_job(version)), version=version, **fields)


def package(place: Path, key: PublisherKey = ACME, version: str = "1.0.0", **fields: Any) -> Path:
    """A package of that folder; returns its file."""
    path = place / f"{key.name[:4]}-{key.public.hex()[:6]}-{version}.perdure-ext"
    write_package(folder(place, version, **fields), path, key)
    return path


def _job(version: str) -> str:
    return f"job{version.partition('.')[0]}"


def statement(contents: Sequence[Content], key: PublisherKey = ACME, **fields: Any) -> PackageStatement:
    """What a publisher signs of these files; ``fields`` take the place of what is true."""
    files = tuple(PackedFile(hashlib.sha256(data).hexdigest(), len(data), path) for path, data in contents)
    true = {
        "extension": EXTENSION,
        "version": "1.0.0",
        "key": key.public,
        "name": key.name,
        "endorsements": key.endorsements,
        "files": files,
    }
    return PackageStatement(**{**true, **fields})


def signature(said: PackageStatement, key: PublisherKey = ACME) -> bytes:
    """The content of the first file."""
    return signed_text(said, sign(key.private, said.text))


def archive(contents: Sequence[Content]) -> bytes:
    """Files as they lie in a package."""
    entries = [Entry(path, len(data), zlib.crc32(data)) for path, data in contents]
    parts = [local_header(entry) + data for entry, (_, data) in zip(entries, contents, strict=True)]
    return b"".join(parts) + directory(entries)


def forged(contents: Sequence[Content], key: PublisherKey = ACME, **fields: Any) -> bytes:
    """A package of any files and any claims, correctly signed: by a publisher who is hostile."""
    return archive([(STATEMENT_FILE, signature(statement(contents, key, **fields), key)), *contents])
