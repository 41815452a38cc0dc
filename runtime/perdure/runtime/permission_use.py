"""What an extension did with its permissions, from the log: what it used, what it never used, what it was refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.runtime.errors import UnknownExtension
from perdure.runtime.extension_info import grant_of, installed_extensions
from perdure.runtime.grants import Grant
from perdure.runtime.http.errors import InvalidRequest
from perdure.runtime.http.hosts import host_rule
from perdure.runtime.http.url import parse_url
from perdure.runtime.manifest import ManifestPermissions, parse_manifest
from perdure.runtime.permissions import LibraryEntries, MethodEntries, operation_name
from perdure.runtime.secrets.errors import MasterKeyUnavailable, SecretsError, WrongMasterKey
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.blobs import BlobStore, load_payload
from perdure.store.errors import BlobMissing, CorruptBlob
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import (
    CALLS_STREAM,
    ActionAnswered,
    Event,
    HostActionAnswered,
    HostQueryAnswered,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobResumed,
    JobStarted,
    JobSuspended,
    OperationAnswered,
    Recorded,
    RetryScheduled,
    Sealed,
    job_stream,
)

# Answers of a call that was refused before its operation ran.
REFUSALS: Final = frozenset({"permission_denied", "library_denied", "rate_limited", "unknown_method"})

_MINUTE: Final = 60_000_000
_PAGE: Final = 1_000
_MAX_REFUSED: Final = 1_000  # kinds of refused calls that are told apart: their names are the guest's
_OTHERS: Final = "others"
_ENDS: Final = (JobPaused, JobSuspended, RetryScheduled, JobCompleted, JobFailed, JobCancelled)


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was used, and when last (microseconds since 1970); None if never."""

    count: int = 0
    last: int | None = None


class EntryUse(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a manifest or a grant.

    ``kind`` is ``method``, ``library`` or ``host``. ``asked``: the installed manifest asks for all of it; ``granted``:
    the grant has all of it and nothing of it is denied. Only what is both is allowed.
    """

    kind: str
    entry: str
    asked: bool
    granted: bool
    use: Use


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that were refused for one reason; ``method`` is as the guest wrote it, at most 200 characters of it."""

    method: str
    code: str
    use: Use


class PermissionsReport(msgspec.Struct, frozen=True, kw_only=True):
    """An extension's permissions, and its history with them, over all its versions.

    ``operations`` has the calls by operation, refused ones not among them. ``suggested`` is the least ``permissions``
    of a manifest with which that history would have been the same but for the refusals. ``requests_per_minute`` and
    ``concurrent_jobs`` are the highest that there were. ``unread`` counts requests whose URL, a secret, could not be
    opened: their hosts may be missing. ``folded`` jobs were: what they called is not in it.
    """

    extension: str
    version: str
    asked: ManifestPermissions
    grant: Grant | None
    granted_at: int | None
    granted_by: str
    entries: tuple[EntryUse, ...]
    operations: dict[str, Use]
    refused: tuple[Refused, ...]
    requests_per_minute: int
    concurrent_jobs: int
    unread: int
    folded: int
    suggested: dict[str, Any]

    @property
    def never_used(self) -> tuple[EntryUse, ...]:
        """What is granted and was never used."""
        return tuple(entry for entry in self.entries if entry.granted and entry.asked and not entry.use.count)


class _Tally:
    """Counts by key, with the last time of each."""

    def __init__(self) -> None:
        self.uses: dict[Any, Use] = {}

    def add(self, key: object, time: int) -> None:
        before = self.uses.get(key, Use())
        self.uses[key] = Use(count=before.count + 1, last=max(time, before.last or time))

    def total(self, keys: Iterable[Any]) -> Use:
        found = [self.uses[key] for key in keys]
        if not found:
            return Use()
        return Use(count=sum(use.count for use in found), last=max(use.last or 0 for use in found))


class PermissionUse:
    """What one extension's history adds up to: fed with its events in any order of jobs, each job's in order."""

    def __init__(self) -> None:
        self.operations = _Tally()  # by OperationName
        self.libraries = _Tally()  # by UUID
        self.hosts = _Tally()  # by entry of network_access
        self.refused = _Tally()  # by (method, code)
        self.unread = 0  # requests whose host nobody knows
        self.folded = 0  # jobs whose calls nobody knows any more
        self._requests: list[int] = []
        self._changes: list[tuple[int, int]] = []  # of the number of running jobs

    def job(self, library_id: UUID, time: int) -> None:
        """A job was dispatched."""
        self.libraries.add(library_id, time)

    def folded_job(self, library_id: UUID, time: int) -> None:
        """A job was dispatched, and is folded by now."""
        self.job(library_id, time)
        self.folded += 1

    def attempt(self, start: int, end: int) -> None:
        """A job ran from ``start`` to ``end``."""
        # An end counts before a start at the same moment: its slot was free then.
        self._changes += [(start, 1), (max(start + 1, end), -1)]

    def call(
        self,
        method: str,
        library_id: UUID | None,
        code: str,
        time: int,
        hosts: Iterable[str] = (),
        all_hosts: bool = True,
    ) -> None:
        """An operation was called, and needed these ``hosts``; ``all_hosts``: that is all that can be said."""
        name = operation_name(method)
        if code in REFUSALS or name is None:
            key = (method[:200], code)
            if key not in self.refused.uses and len(self.refused.uses) >= _MAX_REFUSED:
                key = (_OTHERS, code)
            self.refused.add(key, time)
            return
        self.operations.add(name, time)
        self._requests.append(time)
        if library_id is not None:
            self.libraries.add(library_id, time)
        for host in hosts:
            self.hosts.add(host, time)
        self.unread += not all_hosts

    def requests_per_minute(self) -> int:
        """The most calls that there were in any 60 seconds."""
        recent: deque[int] = deque()
        most = 0
        for time in sorted(self._requests):
            recent.append(time)
            while recent[0] <= time - _MINUTE:
                recent.popleft()
            most = max(most, len(recent))
        return most

    def concurrent_jobs(self) -> int:
        """The most jobs that ran at once."""
        running = most = 0
        for _, change in sorted(self._changes):
            running += change
            most = max(most, running)
        return most

    def suggested(self, asked: ManifestPermissions) -> dict[str, Any]:
        """The least ``permissions`` of a manifest that this history needs; memory is as it was asked for."""
        return {
            "methods": sorted(str(name) for name in self.operations.uses),
            "libraries": sorted(str(library) for library in self.libraries.uses),
            "rate_limits": {
                "requests_per_minute": max(1, self.requests_per_minute()),
                "concurrent_jobs": max(1, self.concurrent_jobs()),
            },
            "network_access": sorted(self.hosts.uses),
            "max_memory_mb": asked.max_memory_mb,
        }

    def entries(self, asked: ManifestPermissions, grant: Grant | None) -> Iterator[EntryUse]:
        """What is asked for or granted, with its use."""
        granted = grant if grant is not None else Grant(libraries=asked.libraries)
        methods, denied = MethodEntries(granted.methods), MethodEntries(granted.denied)
        for entry in _each(asked.methods, granted.methods):
            one = MethodEntries((entry,))
            yield EntryUse(
                kind="method",
                entry=entry,
                asked=MethodEntries(asked.methods).covers(entry),
                granted=methods.covers(entry) and not denied.meets(entry),
                use=self.operations.total(filter(one.allows, self.operations.uses)),
            )
        for entry in _each(asked.network_access, granted.hosts):
            rule = host_rule(entry)
            yield EntryUse(
                kind="host",
                entry=entry,
                asked=any(host_rule(other).covers(rule) for other in asked.network_access),
                granted=any(host_rule(other).covers(rule) for other in granted.hosts),
                use=self.hosts.total(host for host in self.hosts.uses if rule.covers(host_rule(host))),
            )
        for entry in _each(asked.libraries, granted.libraries):
            library = LibraryEntries((entry,))
            yield EntryUse(
                kind="library",
                entry=entry,
                asked=LibraryEntries(asked.libraries).covers(library),
                granted=LibraryEntries(granted.libraries).covers(library),
                use=self.libraries.total(filter(library.allows, self.libraries.uses)),
            )


def _each(*lists: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(entry for entries in lists for entry in entries))


# --- from the log ----------------------------------------------------------------------------------------------------


def permissions_report(store: EventStore, extension: str, keychain: Keychain | None = None) -> PermissionsReport:
    """An extension's permissions, and what its history did with them; also while another process writes to the log.

    Reads every event of its jobs, a few million a second. ``keychain`` opens URLs, for their hosts.

    Raises:
        UnknownExtension: it is not installed.
    """
    states = {state.extension: state for state in installed_extensions(store)}
    state = states.get(extension)
    if state is None:
        raise UnknownExtension(extension, tuple(states))
    asked, grant = parse_manifest(state.manifest).permissions, grant_of(state)
    use = permission_use(store, extension, keychain)
    return PermissionsReport(
        extension=extension,
        version=state.version,
        asked=asked,
        grant=grant,
        granted_at=state.granted_at,
        granted_by=state.granted_by,
        entries=tuple(use.entries(asked, grant)),
        operations={str(name): use.operations.uses[name] for name in sorted(use.operations.uses, key=str)},
        refused=tuple(
            Refused(method=method, code=code, use=use.refused.uses[method, code])
            for method, code in sorted(use.refused.uses)
        ),
        requests_per_minute=use.requests_per_minute(),
        concurrent_jobs=use.concurrent_jobs(),
        unread=use.unread,
        folded=use.folded,
        suggested=use.suggested(asked),
    )


def permission_use(store: EventStore, extension: str, keychain: Keychain | None = None) -> PermissionUse:
    """The history of an extension, of its jobs and of what the host called in its name."""
    use = PermissionUse()
    hosts_of = _HostsOf(store.blobs, keychain)
    query = JobQuery(extension=extension, limit=_PAGE)
    while True:
        page = store.jobs(query)
        for job in page.jobs:
            if job.folded_at is not None:
                use.folded_job(job.library_id, job.dispatched_at)
                continue
            _add_job(use, store, hosts_of, job.job_id, job.library_id)
        if page.next is None:
            break
        query = msgspec.structs.replace(query, before=page.next)
    for stored in store.read(CALLS_STREAM):
        event = stored.event
        if isinstance(event, HostQueryAnswered | HostActionAnswered) and event.extension == extension:
            use.call(event.method, event.library_id, event.code, stored.time, *_hosts(hosts_of, event))
    return use


def _add_job(use: PermissionUse, store: EventStore, hosts_of: _HostsOf, job_id: UUID, library_id: UUID) -> None:
    started: int | None = None
    last = 0
    for stored in store.read(job_stream(job_id)):
        event: Event = stored.event
        if stored.sequence == 1:
            use.job(library_id, stored.time)
        elif isinstance(event, OperationAnswered | ActionAnswered):
            # A call that named no library worked in the job's own.
            library = event.library_id or library_id
            use.call(event.method, library, event.code, stored.time, *_hosts(hosts_of, event))
        elif started is not None and isinstance(event, (*_ENDS, JobResumed, JobStarted)):
            # A process that died said nothing: its attempt ended with the last that was heard of it.
            use.attempt(started, stored.time if isinstance(event, _ENDS) else last)
            started = None
        if isinstance(event, JobStarted):
            started = stored.time
        last = stored.time
    if started is not None:
        use.attempt(started, last)


def _hosts(
    hosts_of: _HostsOf, event: OperationAnswered | ActionAnswered | HostQueryAnswered | HostActionAnswered
) -> tuple[list[str], bool]:
    return hosts_of(event.method, event.payload, event.answer) if event.code not in REFUSALS else ([], True)


class _HostsOf:
    """The hosts that calls of ``http.request`` needed: what they asked for, and where they were sent on to.

    URLs are secrets, so a payload has to be opened; only the host is kept of it. The answer shows its last host.
    """

    def __init__(self, blobs: BlobStore, keychain: Keychain | None) -> None:
        self._blobs = blobs
        self._keychain = keychain

    def __call__(self, method: str, payload: Recorded, answer: Recorded) -> tuple[list[str], bool]:
        """The entries of ``network_access``, and whether that is all that can be said."""
        name = operation_name(method)
        if name is None or name.name != "http.request":
            return [], True
        asked = _entry(self._opened(payload), "url")
        last = _entry(answer.shown if isinstance(answer, Sealed) else self._opened(answer), "origin")
        return [entry for entry in dict.fromkeys((asked, last)) if entry is not None], asked is not None

    def _opened(self, recorded: Recorded) -> bytes:
        try:
            if not isinstance(recorded, Sealed):
                return load_payload(self._blobs, recorded)
            if self._keychain is not None:
                return open_recorded(self._keychain, self._blobs, recorded)
        except (SecretsError, BlobMissing, CorruptBlob) as error:
            if isinstance(error, MasterKeyUnavailable | WrongMasterKey):
                self._keychain = None  # nor will it open the others
        return b""


def _entry(data: bytes, field: str) -> str | None:
    """The entry for the URL in a field of a JSON object; None if there is none, or nothing could be sent to it."""
    try:
        return parse_url(msgspec.json.decode(data)[field]).entry
    except (msgspec.MsgspecError, KeyError, TypeError, InvalidRequest, UnicodeDecodeError, RecursionError):
        return None
