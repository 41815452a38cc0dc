"""Where a proof gets a job from: the log it is in, or a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol
from uuid import UUID

from perdure.runtime.proof.proof import SealFinding, Versions
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.blobs import BlobReader
from perdure.store.errors import StoreError, UnknownJob
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import (
    RUNTIME_STREAM,
    Recorded,
    RuntimeOpened,
    job_stream,
)
from perdure.store.job_state import JobState

PROJECTION_EQUAL = "equal"
PROJECTION_DIFFERS = "differs"
PROJECTION_MOVED = "moved on"
NO_PROJECTION = "none"


class JobSource(Protocol):
    """One job, as it was when it was looked at first: up to event ``sequence``, whose hash is ``hash``."""

    name: str  # ``log`` or ``bundle``
    job_id: UUID
    sequence: int
    hash: bytes

    @property
    def blobs(self) -> BlobReader:
        """The modules and the large payloads."""

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """The events of the job's stream with ``after < sequence <= until``, see `perdure.store.EventStore.read`.

        Raises:
            StoreError: they were altered, or are not there.
        """

    def opened(self, recorded: Recorded) -> bytes:
        """The bytes of a payload or an answer.

        Raises:
            Exception: they cannot be had.
        """

    def ran_with(self, start: StoredEvent) -> Versions | None:
        """The versions under which the attempt ran that began with this event; None if nobody knows."""

    def projection(self, state: JobState) -> str:
        """How what is kept of the job compares with ``state``, folded from its events; see `Proof`."""

    def hash_in(self, job_id: UUID, sequence: int) -> bytes | None:
        """The hash of another job's event; None where it is not at hand."""

    def seal(self) -> SealFinding | None:
        """The newest seal of the job's stream, checked; None if there is none.

        Raises:
            PerdureError: it does not fit the job's events.
        """


class Openings:
    """Which versions held a log when: read once, for many jobs."""

    def __init__(self, store: EventStore) -> None:
        self._found: dict[int, list[tuple[int, Versions]]] = {}  # by process
        self._store = store
        self._seen = 0

    def at(self, position: int, pid: int) -> Versions | None:
        """Those of process ``pid``, which wrote at ``position``."""
        self._read_on()
        for opened, versions in reversed(self._found.get(pid, [])):
            if opened < position:
                return versions
        return None

    def _read_on(self) -> None:
        for stored in self._store.read(RUNTIME_STREAM, after=self._seen):
            self._seen = stored.sequence
            event = stored.event
            if isinstance(event, RuntimeOpened):
                versions = Versions(event.perdure, event.wasmtime)
                self._found.setdefault(event.pid, []).append((stored.position, versions))


class StoredJob:
    """A job in a log (a `JobSource`), as it is at this moment; another process may go on writing to it.

    Raises:
        UnknownJob: there is no such job.
    """

    name = "log"

    def __init__(
        self,
        store: EventStore,
        job_id: UUID,
        keychain: Keychain,
        openings: Openings | None = None,
        seal: Callable[[StoredJob], SealFinding | None] = lambda job: None,
    ) -> None:
        self._stream = job_stream(job_id)
        head = store.head(self._stream)
        if head is None:
            raise UnknownJob(str(job_id))
        self.job_id = job_id
        self.sequence, self.hash = head.sequence, head.hash
        self.blobs = store.blobs
        self.store = store
        self._keychain = keychain
        self._openings = openings or Openings(store)
        self._seal = seal

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `JobSource.read`."""
        last = self.sequence if until is None else min(until, self.sequence)
        return self.store.read(stream, after=after, until=last, backward=backward)

    def opened(self, recorded: Recorded) -> bytes:
        """See `JobSource.opened`."""
        return open_recorded(self._keychain, self.blobs, recorded)

    def ran_with(self, start: StoredEvent) -> Versions | None:
        """See `JobSource.ran_with`."""
        pid = getattr(start.event, "pid", 0)
        try:
            return self._openings.at(start.position, pid)
        except StoreError:
            return None  # the runtime's stream is damaged; that is not this job's

    def projection(self, state: JobState) -> str:
        """See `JobSource.projection`."""
        kept = self.store.state(self._stream)
        head = self.store.head(self._stream)
        if head is None or head.sequence != self.sequence or not isinstance(kept, JobState):
            return PROJECTION_MOVED if head is not None and head.sequence > self.sequence else PROJECTION_DIFFERS
        return PROJECTION_EQUAL if kept == state else PROJECTION_DIFFERS

    def hash_in(self, job_id: UUID, sequence: int) -> bytes | None:
        """See `JobSource.hash_in`."""
        try:
            for stored in self.store.read(job_stream(job_id), after=sequence - 1, until=sequence):
                return stored.hash
        except StoreError:
            pass  # it was folded, or is damaged: that is not this job's
        return None

    def seal(self) -> SealFinding | None:
        """See `JobSource.seal`."""
        return self._seal(self)
