"""A version of an extension, as it is sent to a server."""

from __future__ import annotations

from pathlib import Path

from perdure.runtime.extension_folder import read_extension
from perdure.runtime.packages.errors import PackageUnreadable
from perdure.runtime.packages.folder_archive import folder_archive
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.runtime.packages.version_source import is_package


def version_file(path: Path) -> bytes:
    """The bytes of a package, or the archive of an extension's folder: of its manifest and its module only.

    Raises:
        PackageUnreadable: the package cannot be read.
        ExtensionFolderError, ManifestError: what is wrong with the folder.
    """
    if not is_package(path):
        return folder_archive(read_extension(path))
    if not path.is_file():
        raise PackageUnreadable(path, "it is no ordinary file" if path.exists() else "it is not there")
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageUnreadable(path, error.strerror or str(error)) from None


def is_version_file(path: Path) -> bool:
    """Whether there is a version at ``path``: it may be the name of something else, too."""
    return path.is_dir() or path.suffix == SUFFIX
