"""What somebody watches, and may see. Whoever watches the same has the same selection, and is sent the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from perdure.api.scopes import Scope, allows
from perdure.api.watching import WatchJob, WatchJobs, WatchLog
from perdure.server.access.caller import Caller
from perdure.store.event_store import StoredEvent
from perdure.store.events import ACCESS_STREAM, extension_stream, job_stream, tag_of
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

JOB_STREAMS: Final = "job:"

# The extension and the library of a job's stream; None if there is no such job.
OwnerOf = Callable[[str], "tuple[str, UUID] | None"]


@dataclass(frozen=True)
class Sight:
    """What a caller may see; None is everything. ``access``: what clients did, too."""

    extensions: frozenset[str] | None
    libraries: frozenset[UUID] | None
    access: bool

    @property
    def is_limited(self) -> bool:
        """Whether there is anything that it may not see."""
        return self.extensions is not None or self.libraries is not None

    def sees(self, extension: str, library_id: UUID) -> bool:
        """Whether it may see a job."""
        return (self.extensions is None or extension in self.extensions) and (
            self.libraries is None or library_id in self.libraries
        )


def sight_of(caller: Caller) -> Sight:
    """What a caller may see."""
    whole = caller.extensions is None and caller.libraries is None
    return Sight(caller.extensions, caller.libraries, whole and allows(caller.scopes, Scope.ADMIN))


@dataclass(frozen=True)
class LogSelection:
    """Events of the whole log. ``types`` and the others: only those; nothing is all."""

    sight: Sight
    types: frozenset[str]
    stream: str | None
    extension: str | None
    bodies: bool

    def wants(self, stored: StoredEvent, owner_of: OwnerOf) -> bool:
        """Whether an event is among them."""
        stream = stored.stream
        if self.stream is not None and stream != self.stream:
            return False
        if self.types and tag_of(stored.event) not in self.types:
            return False
        if stream.startswith(JOB_STREAMS):
            return self._wants_job(stream, owner_of)
        if stream.startswith(ACCESS_STREAM) and not self.sight.access:
            return False
        if self.extension is not None and stream != extension_stream(self.extension):
            return False
        return not self.sight.is_limited or self._is_own_extension(stream)

    def _wants_job(self, stream: str, owner_of: OwnerOf) -> bool:
        if self.extension is None and not self.sight.is_limited:
            return True
        owner = owner_of(stream)
        return owner is not None and self.extension in (None, owner[0]) and self.sight.sees(*owner)

    def _is_own_extension(self, stream: str) -> bool:
        """Whether it is the stream of an extension, and the caller is for that in all libraries."""
        extensions = self.sight.extensions
        return (
            self.sight.libraries is None
            and extensions is not None
            and any(stream == extension_stream(extension) for extension in extensions)
        )


@dataclass(frozen=True)
class JobSelection:
    """The events of one job."""

    stream: str
    types: frozenset[str]
    bodies: bool

    def wants(self, stored: StoredEvent) -> bool:
        """Whether an event of the job is among them."""
        return not self.types or tag_of(stored.event) in self.types


@dataclass(frozen=True)
class ListSelection:
    """Jobs of a list."""

    sight: Sight
    statuses: frozenset[Status]
    extension: str | None
    job_type: str | None
    library_id: UUID | None
    parent: UUID | None
    forked_from: UUID | None

    def lists(self, state: JobState) -> bool:
        """Whether a job is of this list, whatever its status."""
        return (
            self.extension in (None, state.extension)
            and self.job_type in (None, state.job_type, state.job_type.partition(":")[2])
            and self.library_id in (None, state.library_id)
            and self.parent in (None, state.parent)
            and self.forked_from in (None, state.forked_from)
            and self.sight.sees(state.extension, state.library_id)
        )

    def shows(self, status: Status) -> bool:
        """Whether its status is one of those asked for."""
        return not self.statuses or status in self.statuses


def log_selection(caller: Caller, request: WatchLog) -> LogSelection:
    """What a client wants to see of the log."""
    stream = job_stream(request.job_id) if request.job_id is not None else request.stream
    return LogSelection(sight_of(caller), frozenset(request.type), stream, request.extension, request.bodies)


def job_selection(request: WatchJob) -> JobSelection:
    """What a client wants to see of a job, which it may see."""
    return JobSelection(job_stream(request.job_id), frozenset(request.type), request.bodies)


def list_selection(caller: Caller, request: WatchJobs) -> ListSelection:
    """Which jobs a client wants to see."""
    return ListSelection(
        sight_of(caller),
        frozenset(request.status),
        request.extension,
        request.job_type,
        request.library_id,
        request.parent,
        request.forked_from,
    )
