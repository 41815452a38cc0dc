"""Reads a bundle, which may come from anybody: every size is bounded, every digest checked, nothing is written."""

from __future__ import annotations

import bisect
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
from uuid import UUID

import msgspec

from perdure.runtime.proof.bundle_format import (
    BLOB,
    DIGEST_BYTES,
    END,
    EVENTS,
    FORMAT,
    HEAD,
    LARGEST,
    MAGIC,
    MAGIC_START,
    OPENED,
    ORDER,
    RECORD,
    SEAL,
    BundleHead,
)
from perdure.runtime.proof.bundle_writer import sealed_name
from perdure.runtime.proof.errors import BadBundle, NotInBundle, UnsupportedBundle
from perdure.runtime.proof.job_source import NO_PROJECTION
from perdure.runtime.proof.proof import SealFinding, Versions
from perdure.runtime.secrets.errors import NeverSealed
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.blobs import load_payload
from perdure.store.errors import BlobMissing, CorruptBlob, CorruptLog
from perdure.store.event_store import Head, RawFrame, StoredEvent
from perdure.store.events import UNREADABLE, Recorded, Sealed, job_stream
from perdure.store.frame import HASH_BYTES, read_frame
from perdure.store.job_state import JobState
from perdure.store.reading import read_stream

_CHUNK: Final = 1 << 20
_STREAM_NUMBER: Final = 1
_ONCE: Final = (HEAD, SEAL)


class _Place:
    __slots__ = ("offset", "size")

    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.size = offset, size


class BundleBlobs:
    """The blobs of a bundle (a `perdure.store.blobs.BlobReader`)."""

    def __init__(self, bundle: Bundle, places: dict[str, _Place]) -> None:
        self._bundle = bundle
        self._places = places

    def get(self, digest: str) -> bytes:
        """See `BlobStore.get`."""
        place = self._places.get(digest)
        if place is None:
            raise BlobMissing(digest)
        data = self._bundle.content(place)
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise CorruptBlob(digest, found)
        return data


class Bundle:
    """One job out of a file (a `perdure.runtime.proof.job_source.JobSource`); a context manager.

    Args:
        path: the file.
        keychain: opens sealed payloads, where somebody has the keys.
        seal: checks a seal, given this and its bytes.

    Raises:
        BadBundle: it is none, or is not what was written.
        OSError: it cannot be read.
    """

    name = "bundle"

    def __init__(
        self,
        path: Path,
        keychain: Keychain | None = None,
        seal: Callable[[Bundle, bytes], SealFinding] | None = None,
    ) -> None:
        self.path = path
        self.used_opened = 0  # sealed payloads that were read from the bundle's opened copies
        self._keychain = keychain
        self._check_seal = seal
        self._file: BinaryIO = path.open("rb")
        self._firsts: list[int] = []
        self._frames: list[_Place] = []
        self._blobs: dict[str, _Place] = {}
        self._opened: dict[bytes, _Place] = {}
        self._seal: _Place | None = None
        try:
            self.head = self._scan()
        except BaseException:
            self._file.close()
            raise
        self.job_id = self.head.job
        self.sequence = self.head.sequence
        self.hash = bytes.fromhex(self.head.hash)
        self.blobs = BundleBlobs(self, self._blobs)
        self._versions = {one.sequence: Versions(one.perdure, one.wasmtime) for one in self.head.attempts}

    # --- reading the file --------------------------------------------------------------------------------------------

    def _bad(self, reason: str, at: int = 0) -> BadBundle:
        return BadBundle(self.path, reason, at)

    def _scan(self) -> BundleHead:
        """Go once through the file: its digest, its records' places, and that they are in order."""
        size = os.fstat(self._file.fileno()).st_size
        magic = self._file.read(len(MAGIC))
        if magic != MAGIC:
            if magic.startswith(MAGIC_START):
                raise UnsupportedBundle(self.path, magic[len(MAGIC_START) :].decode(errors="replace").strip(), FORMAT)
            raise self._bad("it does not begin as a bundle does")
        digest = hashlib.blake2b(magic, digest_size=DIGEST_BYTES)
        head: BundleHead | None = None
        at, last, expected = len(magic), b"", 1
        while True:
            start = self._file.read(RECORD.size)
            kind, place = self._record(start, at, last, size)
            last = kind
            if kind == END:
                self._check_end(self._file.read(place.size), digest.digest(), at, size)
                break
            digest.update(start)
            at = place.offset + place.size
            if kind == BLOB:
                self._add_blob(place, digest)
                continue
            content = self._file.read(place.size)
            digest.update(content)
            if kind == HEAD:
                head = self._read_head(content, place.offset)
            elif kind == EVENTS:
                expected = self._add_frame(content, place, expected)
            elif kind == OPENED:
                self._add_opened(content, place)
            else:
                self._seal = place
        if head is None or expected != head.sequence + 1:
            raise self._bad("its events are not as many as its head says", at)
        return head

    def _record(self, start: bytes, at: int, last: bytes, size: int) -> tuple[bytes, _Place]:
        """The kind and the place of the record that begins with ``start``; ``last`` is the kind of the one before."""
        if len(start) < RECORD.size:
            raise self._bad("it ends in the middle", at)
        kind, length = RECORD.unpack(start)
        if kind not in ORDER:
            raise self._bad("no part of a bundle begins there", at)
        out_of_order = bool(last) and ORDER.index(kind) < ORDER.index(last)
        if out_of_order or (kind == last and kind in _ONCE) or (kind == HEAD) == bool(last):
            raise self._bad(f"a part {kind.decode()} does not belong there", at)
        if length > LARGEST[kind] or at + RECORD.size + length > size:
            raise self._bad(f"a part of {length} bytes is larger than allowed, or than the file", at)
        return kind, _Place(at + RECORD.size, length)

    def _check_end(self, stated: bytes, computed: bytes, at: int, size: int) -> None:
        if stated != computed:
            raise self._bad("its digest does not fit: it was altered or damaged on the way", at)
        if at + RECORD.size + len(stated) != size:
            raise self._bad("something follows its end", at)

    def _read_head(self, content: bytes, at: int) -> BundleHead:
        try:
            head = msgspec.json.decode(content, type=BundleHead)
            digest = bytes.fromhex(head.hash)
        except (*UNREADABLE, ValueError) as error:
            raise self._bad(f"its head cannot be read: {error}", at) from None
        if head.sequence < 1 or len(digest) != HASH_BYTES or head.hash != digest.hex():
            raise self._bad("its head is none", at)
        return head

    def _add_frame(self, content: bytes, place: _Place, expected: int) -> int:
        try:
            frame = read_frame(content, place.offset)
        except CorruptLog as error:
            raise self._bad(error.reason, place.offset) from None
        if frame.stream != _STREAM_NUMBER or frame.first != expected or len(frame.previous) != HASH_BYTES:
            raise self._bad(f"event {expected} is not where it should be", place.offset)
        self._firsts.append(expected)
        self._frames.append(place)
        return frame.last + 1

    def _add_blob(self, place: _Place, digest: hashlib.blake2b) -> None:
        own = hashlib.sha256()
        left = place.size
        while left:
            chunk = self._file.read(min(_CHUNK, left))
            if not chunk:
                raise self._bad("it ends in the middle", place.offset)
            digest.update(chunk)
            own.update(chunk)
            left -= len(chunk)
        name = own.hexdigest()
        if self._blobs and name <= next(reversed(self._blobs)):
            raise self._bad("its blobs are not in order", place.offset)
        self._blobs[name] = place

    def _add_opened(self, content: bytes, place: _Place) -> None:
        name = content[:DIGEST_BYTES]
        if len(name) < DIGEST_BYTES or (self._opened and name <= next(reversed(self._opened))):
            raise self._bad("its opened payloads are not in order", place.offset)
        self._opened[name] = _Place(place.offset + DIGEST_BYTES, place.size - DIGEST_BYTES)

    def content(self, place: _Place) -> bytes:
        """The bytes there.

        Raises:
            BadBundle: the file was changed meanwhile.
        """
        self._file.seek(place.offset)
        data = self._file.read(place.size)
        if len(data) != place.size:
            raise self._bad("the file was cut while it was read", place.offset)
        return data

    # --- `JobSource` -------------------------------------------------------------------------------------------------

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `JobSource.read`."""
        if stream != job_stream(self.job_id):
            return iter(())
        last = self.sequence if until is None else min(until, self.sequence)
        head = Head(_STREAM_NUMBER, self.sequence, self.hash)
        return read_stream(
            self._between(after, last, backward), stream, head, after=after, last=last, backward=backward
        )

    def _between(self, after: int, last: int, backward: bool) -> Iterator[RawFrame]:
        low = bisect.bisect_right(self._firsts, after + 1) - 1
        high = bisect.bisect_right(self._firsts, last)
        numbers = range(low, high)
        for number in reversed(numbers) if backward else numbers:
            # A bundle holds one stream: an event's place in the log is its place in the stream.
            yield RawFrame(self._firsts[number], self.content(self._frames[number]))

    def opened(self, recorded: Recorded) -> bytes:
        """See `JobSource.opened`: with the keys that somebody has, else from the copies that the bundle has."""
        if not isinstance(recorded, Sealed):
            return load_payload(self.blobs, recorded)
        if not recorded.key:
            raise NeverSealed
        if self._keychain is not None:
            return open_recorded(self._keychain, self.blobs, recorded)
        place = self._opened.get(sealed_name(load_payload(self.blobs, recorded.data)))
        if place is None:
            raise NotInBundle(recorded.key)
        self.used_opened += 1
        return self.content(place)

    def ran_with(self, start: StoredEvent) -> Versions | None:
        """See `JobSource.ran_with`."""
        return self._versions.get(start.sequence)

    def projection(self, state: JobState) -> str:
        """See `JobSource.projection`: there is none."""
        return NO_PROJECTION

    def hash_in(self, job_id: UUID, sequence: int) -> bytes | None:
        """See `JobSource.hash_in`: there is no other job."""
        return None

    def seal(self) -> SealFinding | None:
        """See `JobSource.seal`."""
        if self._seal is None or self._check_seal is None:
            return None
        return self._check_seal(self, self.content(self._seal))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
