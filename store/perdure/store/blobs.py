"""Payloads too large for the log, and modules, under the SHA-256 of their bytes.

A blob is durable before the event that names it is appended. Blobs are never changed; the same bytes are stored once.
Those that something names are never removed; contents of libraries (`perdure.runtime.vdfs`) are when nothing does, and
the others when nothing has for a while (`perdure.runtime.retention`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from perdure.store.errors import BlobMissing, CorruptBlob, StoreFailed, refused
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline, Payload
from perdure.store.failpoints import hit

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_UNDER_WAY: Final = ".new-"  # what the names of files begin with that are being written


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


class BlobReader(Protocol):
    """Blobs that are only read: those of a `BlobStore`, or of something that holds copies."""

    def get(self, digest: str) -> bytes:
        """See `BlobStore.get`."""


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

        Not synced: after a power cut they may be there again. While they are being copied for a backup they stay, since
        the log as the backup has it may name them; they go when the leftovers are removed.

        Raises:
            StoreFailed: the operating system refused.
        """

    def digests(self) -> Iterator[str]:
        """Every blob's digest, in no order."""


class SweptBlobs(BlobStore, Protocol):
    """One from which blobs can be removed that nothing has named for a while."""

    def touch(self, digest: str) -> None:
        """Keep a blob from `remove_unused` as if it had been put just now; nothing if there is none."""

    def unused(self, before: float) -> Iterator[str]:
        """The digests of blobs that were last put or touched before this time (seconds since 1970), in no order."""

    def remove_unused(self, digest: str, before: float) -> int:
        """Remove a blob that nothing names, unless it was put or touched meanwhile; returns the bytes that this frees.

        Whoever puts a blob gets to name it: that it is there already does not mean that it stays. Not synced.

        Raises:
            StoreFailed: the operating system refused.
        """

    def remove_leftovers(self, before: float) -> int:
        """Remove what writes left that were cut short before this time; returns how many.

        Raises:
            StoreFailed: the operating system refused.
        """


def store_payload(blobs: BlobStore, data: bytes) -> Payload:
    """A payload for an event: in line up to `INLINE_LIMIT`, else a reference to a blob that is durable by then."""
    if len(data) <= INLINE_LIMIT:
        return Inline(data)
    return BlobRef(blobs.put(data), len(data))


def load_payload(blobs: BlobReader, payload: Payload) -> bytes:
    """The bytes of an event's payload.

    Raises:
        BlobMissing, CorruptBlob: see `BlobStore.get`.
    """
    return payload.data if isinstance(payload, Inline) else blobs.get(payload.digest)


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._put_at: dict[str, float] = {}
        self._keeping = threading.Lock()

    def put(self, data: bytes) -> str:
        """See `BlobStore.put`; durable for as long as this object lives."""
        digest = digest_of(data)
        with self._keeping:
            self._blobs[digest] = bytes(data)
            self._put_at[digest] = time.time()
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

    def touch(self, digest: str) -> None:
        """See `BlobStore.touch`."""
        with self._keeping:
            if digest in self._blobs:
                self._put_at[digest] = time.time()

    def unused(self, before: float) -> Iterator[str]:
        """See `BlobStore.unused`."""
        return iter([digest for digest in list(self._blobs) if self._put_at.get(digest, before) < before])

    def remove_unused(self, digest: str, before: float) -> int:
        """See `BlobStore.remove_unused`."""
        with self._keeping:
            if self._put_at.get(digest, before) >= before:
                return 0
            return len(self._blobs.pop(digest, b""))

    def remove_leftovers(self, before: float) -> int:
        """See `BlobStore.remove_leftovers`; there are none."""
        return 0


class FileBlobs:
    """Blobs as files ``ab/abcd…`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keeping = threading.Lock()  # a blob is found to be there, or found to be unused and removed

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """See `BlobStore.put`."""
        digest = digest_of(data)
        path = self._path(digest)
        try:
            if not self._renew(path):
                self._write(path, data)
            # Also for a blob that was there: the process that wrote it may have died before this.
            sync_folders(path.parent, self._folder)
        except OSError as error:
            raise refused(self._folder, error) from error
        return digest

    def _renew(self, path: Path) -> bool:
        """Whether there is such a blob; it counts as put just now then."""
        with self._keeping:
            now = time.time()  # the system's own for this may be some milliseconds behind
            try:
                os.utime(path, (now, now))
            except FileNotFoundError:
                return False
            return True

    def _write(self, path: Path, data: bytes) -> None:
        hit("blob.before_write")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNDER_WAY)
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
            with self._locked(fcntl.LOCK_SH | fcntl.LOCK_NB):
                self._path(digest).unlink(missing_ok=True)
        except (FileNotFoundError, BlockingIOError):
            return  # nothing was ever stored, or a backup is being made
        except OSError as error:
            raise refused(self._folder, error) from error
        hit("blob.after_remove")

    @contextlib.contextmanager
    def pinned(self) -> Iterator[None]:
        """While the block runs no process removes a blob. Waits for whoever else is doing this, or is removing one.

        Raises:
            StoreFailed: the operating system refused.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._locked(fcntl.LOCK_EX))
            except OSError as error:
                raise refused(self._folder, error) from error
            yield

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)  # which gives the lock up

    def digests(self) -> Iterator[str]:
        """See `BlobStore.digests`; leftovers of a crash in the middle of a write are not blobs."""
        return (path.name for path in self._folder.glob("??/*") if is_digest(path.name))

    def touch(self, digest: str) -> None:
        """See `BlobStore.touch`."""
        if is_digest(digest):
            try:
                self._renew(self._path(digest))
            except OSError as error:
                raise refused(self._folder, error) from error

    def unused(self, before: float) -> Iterator[str]:
        """See `BlobStore.unused`."""
        return (digest for digest in self.digests() if _changed_before(self._path(digest), before))

    def remove_unused(self, digest: str, before: float) -> int:
        """See `BlobStore.remove_unused`."""
        if not is_digest(digest):
            return 0
        path = self._path(digest)
        hit("sweep.before_remove")
        with self._keeping:
            if not _changed_before(path, before):
                return 0
            size = path.stat().st_size
            self.remove(digest)
        hit("sweep.after_remove")
        return 0 if path.exists() else size

    def remove_leftovers(self, before: float) -> int:
        """See `BlobStore.remove_leftovers`."""
        count = 0
        for path in self._folder.glob(f"??/{_UNDER_WAY}*"):
            if _changed_before(path, before):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise refused(self._folder, error) from error
                count += 1
        return count


def _changed_before(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return False
