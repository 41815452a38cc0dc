"""Versions of extensions that clients handed over, kept until they are installed or rehearsed, or an hour has gone."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.api.errors import NotFound
from perdure.runtime.manifest import MANIFEST_FILE
from perdure.runtime.packages.errors import NotAPackage
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.folder_archive import unpack_folder
from perdure.runtime.packages.package_reader import SUFFIX, check_package
from perdure.server.link.files import UPLOADS

KEPT: Final = 16  # the oldest goes when there is one more
KEPT_SECONDS: Final = 3600.0
_MICROSECONDS: Final = 1_000_000


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What was handed over: ``path`` is a package, or an extension's folder. Times in microseconds since 1970."""

    package: str
    path: Path
    extension: str
    version: str
    size: int
    sha256: str
    publisher: str
    fingerprint: str | None
    kept_until: int


class Uploads:
    """What clients handed over. Thread-safe.

    Args:
        data: the data folder; what an earlier process left in it is deleted.
        now: microseconds since 1970.
    """

    def __init__(self, data: Path, now: Callable[[], int]) -> None:
        self.folder = data / UPLOADS
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}  # the oldest first
        self._used: dict[str, int] = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)

    def take(self, file: Path, name: str) -> Upload:
        """Check a file that has come, and keep it; errors call it ``name``. Durable as long as this process lives.

        Raises:
            PackageError, ManifestError: what is wrong with it; it is deleted.
        """
        package = secrets.token_hex(8)
        try:
            upload = self._read(file, package)
        except Exception as error:
            self._delete(self.folder / package)
            rename_file(error, (file, self.folder / package), name)
            raise
        finally:
            file.unlink(missing_ok=True)
        with self._lock:
            self._kept[package] = upload
        self.tidy()
        return upload

    def _read(self, file: Path, package: str) -> Upload:
        target = self.folder / package
        until = self._now() + round(KEPT_SECONDS * _MICROSECONDS)
        try:
            contents = check_package(file)
        except NotAPackage:
            manifest = unpack_folder(file, target)
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return Upload(
                package=package,
                path=target,
                extension=manifest.id,
                version=manifest.version,
                size=file.stat().st_size,
                sha256=digest,
                publisher="",
                fingerprint=None,
                kept_until=until,
            )
        target.mkdir()
        place = file.rename(target / f"package{SUFFIX}")
        said = contents.statement
        return Upload(
            package=package,
            path=place,
            extension=contents.manifest.id,
            version=contents.manifest.version,
            size=contents.size,
            sha256=contents.sha256,
            publisher=said.name,
            fingerprint=fingerprint(said.key),
            kept_until=until,
        )

    @contextlib.contextmanager
    def using(self, package: str) -> Iterator[Upload]:
        """What was handed over under this id; it stays until this is left.

        Raises:
            NotFound: nothing was, or it was too long ago.
        """
        with self._lock:
            upload = self._kept.get(package)
            if upload is None:
                raise NotFound(f"package {package[:64]!r}; upload it again")
            self._used[package] = self._used.get(package, 0) + 1
        try:
            yield upload
        finally:
            with self._lock:
                self._used[package] -= 1

    def tidy(self) -> None:
        """Delete what is too old, or too much."""
        with self._lock:
            free = [upload for upload in self._kept.values() if not self._used.get(upload.package)]
            late = [upload for upload in free if upload.kept_until <= self._now()]
            more = max(0, len(self._kept) - KEPT)
            gone = {upload.package for upload in (*late, *free[:more])}
            for package in gone:
                del self._kept[package]
                self._used.pop(package, None)
        for package in gone:
            self._delete(self.folder / package)

    def close(self) -> None:
        """Delete all of it."""
        self._delete(self.folder)

    def _delete(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)


def rename_file(error: Exception, files: tuple[Path, ...], name: str) -> None:
    """Let an error speak of the file under the name that the client gave it, and not of where the server put it."""
    text = str(error)
    for file in files:
        text = text.replace(f"{file}/{MANIFEST_FILE}", f"{name}/{MANIFEST_FILE}").replace(str(file), name)
    error.args = (text,)
    if hasattr(error, "path"):
        error.path = Path(name)
