"""Where a version of an extension is read from: its folder, or a package."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from perdure.runtime.extension_folder import ExtensionPackage, read_extension
from perdure.runtime.packages.package_reader import SUFFIX, read_package


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed a version, as its package says, which has been checked.

    ``package`` is the SHA-256 of the file, ``key`` and ``name`` are the publisher's, ``earlier`` the keys that ``key``
    follows, oldest first.
    """

    package: str
    key: bytes
    name: str
    earlier: tuple[bytes, ...]


class VersionSource(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it was handed over; ``signature`` is None if it is not signed."""

    extension: ExtensionPackage
    signature: Signature | None


def read_version(path: str | os.PathLike[str]) -> VersionSource:
    """Read the version at ``path``, a package or an extension's folder. The module's bytes are not looked at.

    Raises:
        PackageError: what is wrong with the package.
        ExtensionFolderError: what is wrong with the folder.
        ManifestError: the manifest is not what it must be.
    """
    place = Path(path)
    if not is_package(place):
        return VersionSource(extension=read_extension(place), signature=None)
    contents, extension = read_package(place)
    said = contents.statement
    signature = Signature(package=contents.sha256, key=said.key, name=said.name, earlier=said.earlier)
    return VersionSource(extension=extension, signature=signature)


def is_package(path: Path) -> bool:
    """Whether what is at ``path`` is to be read as a package: everything that is no folder and has a package's name.

    What is there, but is neither, is for the reader of packages too, which says what is wrong with it.
    """
    return not path.is_dir() and (path.suffix == SUFFIX or path.exists())
