"""Writes a bundle: whole and synced, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from perdure.runtime.proof.bundle_format import (
    BLOB,
    DIGEST_BYTES,
    END,
    EVENTS,
    FRAME_BYTES,
    HEAD,
    LARGEST,
    MAGIC,
    OPENED,
    SEAL,
    AttemptVersions,
    BundleHead,
    record_head,
)
from perdure.runtime.proof.errors import BundleNotWritten
from perdure.runtime.proof.job_source import StoredJob
from perdure.runtime.proof.proof import Versions
from perdure.runtime.secrets.errors import CredentialsLocked, SecretsError
from perdure.store.blobs import load_payload, sync_folders
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    BlobRef,
    Event,
    JobDispatched,
    JobMoved,
    JobStarted,
    Recorded,
    Sealed,
    job_stream,
)
from perdure.store.frame import MAX_FRAME_EVENTS, make_frame
from perdure.store.lmdb_environment import FORMAT as LOG_FORMAT

_UNFINISHED: Final = ".new-"
_PAYLOADS: Final = ("state", "payload", "answer")  # the fields of events that may be blobs


class Written(msgspec.Struct, frozen=True):
    """What a bundle holds: how many events, blobs and opened payloads, and its size in bytes.

    ``sealed`` payloads are in it as they are; nobody without the keys can read them.
    """

    events: int
    blobs: int
    opened: int
    sealed: int
    size: int


def write_bundle(
    job: StoredJob, path: Path, made_with: Versions, *, seal: bytes | None = None, secrets: bool = False
) -> Written:
    """Write the job's history, as it is at this moment. The file is for its owner alone (0600), and is synced.

    Args:
        job: the job.
        path: the file; one that is there is replaced.
        made_with: the versions of this program.
        seal: the newest seal of the job's stream, encoded.
        secrets: whether payloads that are sealed are added in clear too, those of this job; no key ever is.

    Raises:
        BundleNotWritten: the file cannot be written, or part of the job is too large for a bundle.
        StoreError: part of the job cannot be read.
        SecretsError: ``secrets``, and one cannot be opened.
    """
    parts = _Parts(job, secrets)
    head = BundleHead(
        job=job.job_id,
        sequence=job.sequence,
        hash=job.hash.hex(),
        log_format=LOG_FORMAT,
        made_with=made_with,
        attempts=tuple(parts.attempts),
    )
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    except OSError as error:
        raise BundleNotWritten(path, error.strerror or str(error)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            writer = _Writer(file, path)
            writer.raw(MAGIC)
            writer.record(HEAD, msgspec.json.encode(head))
            for frame in _frames(job.read(job_stream(job.job_id))):
                writer.record(EVENTS, frame)
            for digest in sorted(parts.blobs):
                writer.record(BLOB, job.blobs.get(digest))
            opened = sorted(parts.opened.items())
            for sealed_digest, recorded in opened:
                writer.record(OPENED, sealed_digest + job.opened(recorded))
            if seal is not None:
                writer.record(SEAL, seal)
            writer.end()
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        Path(name).replace(path)
        with contextlib.suppress(PermissionError):
            sync_folders(path.parent)
    except OSError as error:
        raise BundleNotWritten(path, error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return Written(job.sequence, len(parts.blobs), len(opened), parts.sealed, size)


class _Parts:
    """What a bundle needs beside the events: one way through them."""

    def __init__(self, job: StoredJob, secrets: bool) -> None:
        self.blobs: set[str] = set()
        self.opened: dict[bytes, Sealed] = {}
        self.attempts: list[AttemptVersions] = []
        self.sealed = 0
        for stored in job.read(job_stream(job.job_id)):
            event = stored.event
            if isinstance(event, JobDispatched | JobMoved):
                self.blobs.add(event.module)
            if isinstance(event, JobStarted) and (versions := job.ran_with(stored)) is not None:
                self.attempts.append(AttemptVersions(stored.sequence, versions.perdure, versions.wasmtime))
            for recorded in _recorded(event):
                if isinstance(recorded, BlobRef):
                    self.blobs.add(recorded.digest)
                elif isinstance(recorded, Sealed):
                    self._add_sealed(job, recorded, secrets)

    def _add_sealed(self, job: StoredJob, recorded: Sealed, secrets: bool) -> None:
        self.sealed += 1
        if isinstance(recorded.data, BlobRef):
            self.blobs.add(recorded.data.digest)
        if secrets and recorded.key:
            try:
                job.opened(recorded)
            except CredentialsLocked:
                raise  # whoever wants the secrets can unlock them
            except SecretsError:
                return  # erased, or never kept: it is missing here as it is there
            self.opened[sealed_name(load_payload(job.blobs, recorded.data))] = recorded


def sealed_name(data: bytes) -> bytes:
    """What an opened payload is filed under, from the bytes that are sealed."""
    return hashlib.sha256(data).digest()


def _recorded(event: Event) -> Iterator[Recorded]:
    for name in _PAYLOADS:
        value = getattr(event, name, None)
        if isinstance(value, BlobRef | Sealed):
            yield value


def _frames(events: Iterable[StoredEvent]) -> Iterator[bytes]:
    """The events in frames whose borders depend on them alone, not on how they came to be appended."""
    chunk: list[StoredEvent] = []
    size = 0
    for stored in events:
        if chunk and (len(chunk) == MAX_FRAME_EVENTS or size + len(stored.body) > FRAME_BYTES):
            yield _frame(chunk)
            chunk, size = [], 0
        chunk.append(stored)
        size += len(stored.body)
    if chunk:
        yield _frame(chunk)


def _frame(chunk: list[StoredEvent]) -> bytes:
    first = chunk[0]
    times, bodies = [stored.time for stored in chunk], [stored.body for stored in chunk]
    return make_frame(1, first.sequence, first.previous, times, bodies)[0]


class _Writer:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def raw(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)

    def record(self, kind: bytes, data: bytes) -> None:
        if len(data) > LARGEST[kind]:
            what = f"a part of the job has {len(data)} bytes, a bundle holds {LARGEST[kind]} at once"
            raise BundleNotWritten(self._path, what)
        self.raw(record_head(kind, len(data)))
        self.raw(data)

    def end(self) -> None:
        digest = self._digest.digest()
        self._file.write(record_head(END, len(digest)) + digest)
