"""A version of an extension, as it is sent to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from perdure.runtime.extension_folder import read_extension
from perdure.runtime.packages.folder_archive import folder_archive
from perdure.runtime.packages.package_reader import SUFFIX, opened_package
from perdure.runtime.packages.version_source import is_package

_MOST: Final = 512 << 20  # bytes, twice what a server takes: it says what is wrong with a larger one


def version_file(path: Path) -> bytes:
    """The bytes of a package, or the archive of an extension's folder: of its manifest and its module only.

    Raises:
        PackageUnreadable: the package cannot be read.
        ExtensionFolderError, ManifestError: what is wrong with the folder.
    """
    if not is_package(path):
        return folder_archive(read_extension(path))
    with opened_package(path) as file:
        return file.read(_MOST)


def is_version_file(path: Path) -> bool:
    """Whether there is a version at ``path``: it may be the name of something else, too."""
    return path.is_dir() or path.suffix == SUFFIX
