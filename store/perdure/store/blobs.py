"""Payloads too large for the log, and modules, under the SHA-256 of their bytes.

A blob is durable before the event that names it is appended. Blobs are never changed; the same bytes are stored once.
Those that an event names are never removed; contents of libraries (`perdure.runtime.vdfs`) are when nothing names them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from perdure.store.errors import BlobMissing, CorruptBlob, StoreFailed, refused
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline, Payload
from perdure.store.failpoints import hit

_DIGEST: Final = re.compile("[0-9a-f]{64}")


def is_digest(name: str) -> bool:
    """Whether ``name`` could be a blob's."""
    return _DIGEST.fullmatch(name) is not None


def sync_folders(*folders: Path) -> None:
    """Make the names in ``folders`` survive a power cut: a file's in its folder, and that folder's in its own."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_of(data: bytes) -> str:
    """A blob's name: the SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


class BlobStore(Protocol):
    """A content-addressed store of bytes."""

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest. Durable.

        Raises:
            DiskFull, StoreFailed: the bytes could not be stored; nothing was changed.
        """

    def get(self, digest: str) -> bytes:
        """The bytes with this digest, checked.

        Raises:
            BlobMissing: there are none.
            CorruptBlob: they were altered.
        """

    def has(self, digest: str) -> bool:
        """Whether there are bytes with this digest."""

    def remove(self, digest: str) -> None:
        """Remove the bytes with this digest, if there are any: for whoever knows that nothing names them any more.

        Not synced: after a power cut they may be there again.

        Raises:
            StoreFailed: the operating system refused.
        """

    def digests(self) -> Iterator[str]:
        """Every blob's digest, in no order."""


def store_payload(blobs: BlobStore, data: bytes) -> Payload:
    """A payload for an event: in line up to `INLINE_LIMIT`, else a reference to a blob that is durable by then."""
    if len(data) <= INLINE_LIMIT:
        return Inline(data)
    return BlobRef(blobs.put(data), len(data))


def load_payload(blobs: BlobStore, payload: Payload) -> bytes:
    """The bytes of an event's payload.

    Raises:
        BlobMissing, CorruptBlob: see `BlobStore.get`.
    """
    return payload.data if isinstance(payload, Inline) else blobs.get(payload.digest)


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """See `BlobStore.put`; durable for as long as this object lives."""
        digest = digest_of(data)
        self._blobs[digest] = bytes(data)
        return digest

    def get(self, digest: str) -> bytes:
        """See `BlobStore.get`."""
        try:
            data = self._blobs[digest]
        except KeyError:
            raise BlobMissing(digest) from None
        if (found := digest_of(data)) != digest:
            raise CorruptBlob(digest, found)
        return data

    def has(self, digest: str) -> bool:
        """See `BlobStore.has`."""
        return digest in self._blobs

    def remove(self, digest: str) -> None:
        """See `BlobStore.remove`."""
        self._blobs.pop(digest, None)

    def digests(self) -> Iterator[str]:
        """See `BlobStore.digests`."""
        return iter(list(self._blobs))


class FileBlobs:
    """Blobs as files ``ab/abcd…`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """See `BlobStore.put`."""
        digest = digest_of(data)
        path = self._path(digest)
        try:
            if not path.exists():
                self._write(path, data)
            # Also for a blob that was there: the process that wrote it may have died before this.
            sync_folders(path.parent, self._folder)
        except OSError as error:
            raise refused(self._folder, error) from error
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        hit("blob.before_write")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hit("blob.before_rename")
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        hit("blob.after_rename")

    def get(self, digest: str) -> bytes:
        """See `BlobStore.get`."""
        if not is_digest(digest):
            raise BlobMissing(digest)  # it could name a file of somebody else
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise BlobMissing(digest) from None
        except OSError as error:
            raise StoreFailed(self._folder, str(error)) from error
        if (found := digest_of(data)) != digest:
            raise CorruptBlob(digest, found)
        return data

    def has(self, digest: str) -> bool:
        """See `BlobStore.has`."""
        return is_digest(digest) and self._path(digest).exists()

    def remove(self, digest: str) -> None:
        """See `BlobStore.remove`."""
        if not is_digest(digest):
            return  # it could name a file of somebody else
        hit("blob.before_remove")
        try:
            self._path(digest).unlink(missing_ok=True)
        except OSError as error:
            raise refused(self._folder, error) from error
        hit("blob.after_remove")

    def digests(self) -> Iterator[str]:
        """See `BlobStore.digests`; leftovers of a crash in the middle of a write are not blobs."""
        return (path.name for path in self._folder.glob("??/*") if is_digest(path.name))
