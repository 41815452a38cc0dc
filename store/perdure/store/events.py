"""The facts of the log: one immutable, past-tense struct a fact, and the bytes it is stored as.

An event's bytes are msgpack of an array whose first item is the event's tag: ``["progress", 3, 912, 0.5, "half"]``.
They are made once, by whoever states the fact, and stored as they are. Shipped shapes never change: a new shape gets
a new class with a new tag (``progress.2``), and `perdure.store.upcast` turns the old one into it on read.

Durability classes (`is_durable`): the writer of a *durable* event is answered after the commit is synced; a *buffered*
one is on disk, in order, with the next durable event or within 20 ms.

Units: fuel in wasmtime's units, sizes in bytes, durations in milliseconds unless the name says otherwise.
"""

from __future__ import annotations

from typing import Any, Final, get_args
from uuid import UUID

import msgspec

from perdure.store.errors import BadEvent

JsonObject = dict[str, Any]


class LimitUse(msgspec.Struct, array_like=True, frozen=True):
    """Which limit was exceeded, its value and what was used, both in ``unit``."""

    limit: str
    value: int
    used: int
    unit: str


class WasmFrame(msgspec.Struct, array_like=True, frozen=True):
    """One frame of a wasm backtrace; ``offset`` counts bytes from the start of the module."""

    function: str
    offset: int


class JobError(msgspec.Struct, array_like=True, frozen=True):
    """Why a job failed. ``kind`` is one of `ERROR_KINDS`; ``blame`` is ``guest``, ``caller`` or ``host``."""

    kind: str
    message: str
    blame: str = "guest"
    limit: LimitUse | None = None
    backtrace: tuple[WasmFrame, ...] = ()
    data: JsonObject = {}


ERROR_KINDS: Final = (
    "trap",  # the guest executed a trapping instruction
    "stack_overflow",
    "out_of_fuel",
    "memory",
    "timeout",
    "event_rate",
    "payload_size",
    "checkpoint_size",
    "abi_violation",  # the guest broke the contract: a bad pointer, a bad job id, a bad allocator
    "guest_failed",  # the guest returned 2
    "init_failed",  # plugin_init trapped, looped or returned an error
    "load_failed",  # the job's module could not be loaded
    "host_error",  # a defect of the host
    "restart_limit",  # the job's actor died too often
    "diverged",  # run again from the log, the guest did not do what it had done
    "unreplayable",  # what the guest had been told can no longer be read
)


class BlobRef(msgspec.Struct, array_like=True, frozen=True, tag="blob"):
    """A payload over `INLINE_LIMIT`, kept in the blob store under its SHA-256 (hex)."""

    digest: str
    size: int


class Inline(msgspec.Struct, array_like=True, frozen=True, tag="inline"):
    """A payload kept in the event itself."""

    data: bytes


Payload = Inline | BlobRef
INLINE_LIMIT: Final = 64 * 1024


class Sealed(msgspec.Struct, array_like=True, frozen=True, tag="sealed"):
    """A payload that holds secrets: encrypted, and beside it what people may see.

    ``key`` names the key that opens ``data``; once that key is destroyed nobody can. ``shown`` is the JSON of the
    payload with its secret values replaced.
    """

    key: str
    shown: bytes
    data: Payload


Recorded = Inline | BlobRef | Sealed


class RowWrite(msgspec.Struct, array_like=True, frozen=True):
    """One change of the rows (`perdure.store.rows`); ``value`` is None for a row that is deleted."""

    key: bytes
    value: bytes | None


class JobLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one job may use. ``None`` is no limit."""

    fuel: int | None = None
    memory_bytes: int = 512 * 1024 * 1024
    wall_clock_ms: int | None = None
    events_per_second: int | None = 500_000
    payload_bytes: int = 8 * 1024 * 1024
    checkpoint_bytes: int = 64 * 1024 * 1024
    stack_bytes: int = 512 * 1024


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a failed job is tried again, and how long it waits in between (see `perdure.actors.backoff`)."""

    attempts: int = 1
    initial_ms: int = 1_000
    factor: float = 2.0
    maximum_ms: int = 60_000
    jitter: float = 0.1


class Event(msgspec.Struct, array_like=True, frozen=True):
    """Base of all events."""


class JobEvent(Event, frozen=True):
    """Base of the events of a job's stream."""


class GuestEvent(JobEvent, frozen=True):
    """Base of what a guest's host calls leave in the log.

    ``call`` counts the host calls of this run from 1; ``fuel`` is what the run had consumed at that call. A *run*
    begins at the dispatch or at a checkpoint, and goes on through all attempts that only take it up again
    (`JobRecovered`). Both numbers are equal whenever the same module does the same work, which is what a replay proves.
    """

    call: int
    fuel: int


# --- a job's life ----------------------------------------------------------------------------------------------------


class JobDispatched(JobEvent, frozen=True, tag="dispatched"):
    """Somebody asked for the job. Durable. ``module`` is the SHA-256 of the wasm bytes that will run it."""

    job_id: UUID
    job_type: str
    extension: str
    version: str
    module: str
    export: str
    library_id: UUID
    resumable: bool
    state: Payload
    limits: JobLimits
    retry: RetryPolicy


class JobStarted(JobEvent, frozen=True, tag="started"):
    """An attempt began to run. Durable."""

    attempt: int
    pid: int


class JobResumed(JobEvent, frozen=True, tag="resumed"):
    """The job is queued again, from ``checkpoint`` (a sequence; 0 is from the start). Durable.

    ``cause``: ``recovery`` (the process died), ``resume`` (a person asked), ``retry`` (its back-off is over), ``rerun``
    (a person retries a failed or cancelled job), ``restart`` (its actor died), ``budget`` (it was suspended for want of
    room in a budget, and there is room), ``upgrade`` (it moves to another version of its extension, see `JobMoved`),
    ``unlock`` (it waited for credentials that a person has unlocked).
    What the guest did after the checkpoint is superseded.
    """

    checkpoint: int
    cause: str


class JobRecovered(JobEvent, frozen=True, tag="recovered"):
    """The job is queued again, to go on exactly where it was broken off. Durable.

    Its guest is run again from ``origin``, where its run began (the sequence of a checkpoint; 0 is the start), and its
    host calls are answered from the log up to sequence ``through``; nothing is superseded. Where the run is long,
    ``origin`` is the last checkpoint. ``cause`` as in `JobResumed`, or ``resolved`` (a person said what became of an
    action) or ``fork``.
    """

    origin: int
    through: int
    cause: str


class JobInDoubt(JobEvent, frozen=True, tag="in-doubt"):
    """Nobody knows whether the action intended at ``sequence`` was done, and it must not be done twice. Durable.

    The job waits in status ``attention`` until a person says what happened (`DoubtResolved`).
    """

    call: int
    sequence: int


class DoubtResolved(JobEvent, frozen=True, tag="resolved"):
    """A person said what became of the action that was in doubt. Durable.

    ``resolution`` is ``succeeded`` (with ``answer``), ``failed`` (with ``answer`` and ``code``, as the guest gets them)
    or ``again`` (it is to be run once more; the answer is empty). ``by`` says who decided; ``host`` is the host's own
    word: the attempt was stopped after the intent, and the action did not begin.
    """

    call: int
    resolution: str
    answer: Recorded
    code: str
    by: str


class ForkBegun(JobDispatched, frozen=True, tag="fork-begun"):
    """Somebody forked job ``parent``: the fork, as `JobDispatched` has a job. Durable.

    A copy of the parent's events follows, each at the sequence that it has in the parent's stream. Nothing of it runs
    before `JobForked`.
    """

    parent: UUID


class JobForked(JobEvent, frozen=True, tag="forked"):
    """The copy of job ``parent`` is complete, up to its event ``sequence``. Durable. From here on the fork is its own.

    ``hash`` is that event's, in the parent's chain. What was changed in the copy: the state of its last checkpoint (or
    of the dispatch) if ``state``; the answer to call number ``answer`` of its last run if that is not 0; the module, in
    the dispatch and each move, if ``module``. The copy of an action has no writes, which are the parent's, and names
    its effect as the fork does. ``made_by`` is the job that did what the last of these events say: the parent, or, if
    they are a copy there, the job that they are a copy of. A guest that is led on goes on to see its id.
    """

    parent: UUID
    sequence: int
    hash: bytes
    made_by: UUID
    state: bool
    answer: int
    module: bool


class ForkAbandoned(JobEvent, frozen=True, tag="fork-abandoned"):
    """The copy will never be complete, and nothing of the fork will ever run. Durable. ``reason`` is for people."""

    reason: str


class JobMoved(JobEvent, frozen=True, tag="moved"):
    """From its next run on the job runs another version of its extension. Durable.

    The run before it is not taken up: `JobResumed`, in the same append, says where the next one begins. The fields are
    as in `JobDispatched`.
    """

    version: str
    module: str
    export: str
    resumable: bool


class JobRunEnded(JobEvent, frozen=True, tag="run-ended"):
    """The job's run is not taken up: its next attempt begins a new one, from the last checkpoint. Durable.

    ``reason`` is ``format``: an older perdure wrote the run, and did not record all that it takes to lead a guest
    through it again.
    """

    reason: str


class JobLinked(JobEvent, frozen=True, tag="linked"):
    """Another job dispatched this one, with its host call ``call``. Durable, with the dispatch."""

    parent: UUID
    call: int


class JobKeyed(JobEvent, frozen=True, tag="keyed"):
    """Whoever dispatched the job named the dispatch, so that it happens once. Durable, with the dispatch.

    ``key`` is the idempotency key; ``writes`` make the row by which the same key finds this job again.
    """

    key: str
    writes: tuple[RowWrite, ...] = ()


class JobPauseRequested(JobEvent, frozen=True, tag="pause-requested"):
    """A person asked for a pause. Durable. The job goes on until its guest agrees or is stopped."""


class JobCancelRequested(JobEvent, frozen=True, tag="cancel-requested"):
    """A person asked for the end. Durable, and honoured by the next process if this one dies first."""


class JobPaused(JobEvent, frozen=True, tag="paused"):
    """The job stopped and waits for a resume. Durable. ``forced`` when the guest had to be stopped."""

    forced: bool
    fuel: int


class JobSuspended(JobEvent, frozen=True, tag="suspended"):
    """The host stopped the job; the next one resumes it by itself. Durable. ``reason`` is for people."""

    reason: str
    forced: bool
    fuel: int


class RetryScheduled(JobEvent, frozen=True, tag="retry-scheduled"):
    """The attempt failed and another one follows after ``delay_ms``. Durable."""

    error: JobError
    delay_ms: int
    fuel: int


class JobCompleted(JobEvent, frozen=True, tag="completed"):
    """The guest returned success. Durable."""

    fuel: int


class JobFailed(JobEvent, frozen=True, tag="failed"):
    """The job ended without success. Durable."""

    error: JobError
    fuel: int


class JobCancelled(JobEvent, frozen=True, tag="cancelled"):
    """The job ended because a person asked for it. Durable. ``forced`` when the guest had to be stopped."""

    forced: bool
    fuel: int


class JobFolded(JobEvent, frozen=True, tag="folded"):
    """The job's events up to sequence ``through`` were removed; this one is its last. Durable.

    ``hash`` is that of the event at ``through``, with which the chain goes on here; ``size`` the bytes of what was
    removed. ``positions`` tells which places of the log are empty since (the sum of the BLAKE2b-128 of each place as
    u64, big-endian, modulo 2^128). ``rows`` is msgpack of ``[key, position, digest]`` of each row that one of these
    events was the last to write (BLAKE2b-128 of its value, nil where it was deleted). ``summary`` is msgpack of what
    the job's events add up to.
    """

    through: int
    hash: bytes
    size: int
    positions: bytes
    rows: Payload
    summary: bytes


# --- what a guest did ------------------------------------------------------------------------------------------------


class ProgressReported(GuestEvent, frozen=True, tag="progress"):
    """``progress`` is a fraction from 0.0 to 1.0. Buffered."""

    progress: float
    message: str


class CheckpointSaved(GuestEvent, frozen=True, tag="checkpoint"):
    """The guest's state, from which it can go on. Durable: on disk before the guest goes on."""

    state: Payload


class CheckpointRefused(GuestEvent, frozen=True, tag="checkpoint-refused"):
    """A checkpoint could not be saved, and the guest was told so. Buffered. ``reason`` is ``budget`` or ``store``.

    ``digest`` is the SHA-256 of the state's bytes.
    """

    digest: bytes
    reason: str


class WarningAdded(GuestEvent, frozen=True, tag="warning"):
    """Something a person should look at. Buffered."""

    message: str


class ItemsCounted(GuestEvent, frozen=True, tag="items"):
    """``count`` more items done. Buffered."""

    count: int


class BytesCounted(GuestEvent, frozen=True, tag="bytes"):
    """``count`` more bytes done. Buffered."""

    count: int


class LogWritten(GuestEvent, frozen=True, tag="log"):
    """A line of the guest's log; ``level`` is 0 debug, 1 info, 2 warn or 3 error. Buffered."""

    level: int
    message: str


class InterruptAnswered(GuestEvent, frozen=True, tag="interrupt"):
    """The guest asked whether to stop and was told 1 (pause) or 2 (cancel). Buffered."""

    answer: int


class OperationAnswered(GuestEvent, frozen=True, tag="operation"):
    """A query's call and its answer, or a call that was refused before it ran. Buffered.

    ``code`` is empty on success, else one of the ABI's error codes.
    """

    method: str
    library_id: UUID | None
    payload: Recorded
    answer: Recorded
    code: str


class ActionAnswered(GuestEvent, frozen=True, tag="action"):
    """An action's call, its answer and its effect on the rows. Durable: on disk before the guest gets the answer.

    ``effect_key`` names this effect of this job: the same after a crash. It is a digest of the payload, so it is empty
    where that is sealed. ``writes`` are the effect itself where it is perdure's own; they become the rows in the
    transaction that stores this event.
    """

    method: str
    library_id: UUID | None
    effect_key: str
    payload: Recorded
    answer: Recorded
    code: str
    writes: tuple[RowWrite, ...] = ()


class ActionIntended(GuestEvent, frozen=True, tag="intent"):
    """An action is about to be run. Durable: on disk before its handler begins.

    Only for actions whose effects are not perdure's own: those are on disk together with their outcome, or not at all.
    ``effect`` is ``idempotent`` or ``non_idempotent``; the rest as in `ActionAnswered`, which follows. If it does not,
    the action is *in doubt*.
    """

    method: str
    library_id: UUID | None
    effect: str
    effect_key: str
    payload: Recorded


class ActionReused(GuestEvent, frozen=True, tag="reused"):
    """A guest that was started again from a checkpoint called an action that the job had done since. Buffered.

    It was not run again: the guest got the outcome that stands at ``sequence`` of this stream.
    """

    sequence: int


class BudgetReached(GuestEvent, frozen=True, tag="budget"):
    """The job came to the edge of a budget. Buffered.

    ``response`` is what the host then did: ``refuse``, ``wait`` or ``suspend``. ``limit`` is in the budget's own unit;
    after ``retry_after_ms`` there is room again.
    """

    budget: str
    limit: int
    retry_after_ms: int
    response: str


# --- an extension's life ---------------------------------------------------------------------------------------------


class JobType(msgspec.Struct, array_like=True, frozen=True):
    """One kind of job an extension offers: ``name`` is what people dispatch, ``export`` the function that runs it."""

    name: str
    export: str
    resumable: bool


class ExtensionEvent(Event, frozen=True):
    """Base of the events of an extension's stream."""


class ExtensionInstalled(ExtensionEvent, frozen=True, tag="installed"):
    """The extension's manifest (its JSON bytes) and module (SHA-256; the bytes are in the blob store). Durable."""

    extension: str
    version: str
    manifest: bytes
    module: str
    module_bytes: int


class ExtensionLoaded(ExtensionEvent, frozen=True, tag="loaded"):
    """The extension's actor runs and its job types can be dispatched. Durable."""

    version: str
    module: str
    job_types: tuple[JobType, ...]


class ExtensionUnloaded(ExtensionEvent, frozen=True, tag="unloaded"):
    """The extension was switched off: nothing can be dispatched until it is loaded again. Durable."""


class ExtensionUninstalled(ExtensionEvent, frozen=True, tag="uninstalled"):
    """The extension is gone; its history and its module stay. Durable."""


class PermissionsGranted(ExtensionEvent, frozen=True, tag="granted"):
    """What the extension may do from now on: ``grant`` is JSON. Durable. ``by`` says who decided."""

    version: str
    grant: bytes
    by: str


class UpdateProposed(ExtensionEvent, frozen=True, tag="proposed"):
    """A new version asks for more than was granted, and waits for consent. Durable. Fields as `ExtensionInstalled`."""

    version: str
    manifest: bytes
    module: str
    module_bytes: int


class UpgradePolicySet(ExtensionEvent, frozen=True, tag="upgrade-policy"):
    """Somebody said how unfinished jobs come to the installed version. Durable.

    ``policies`` has ``stay``, ``checkpoint`` or ``restart`` by the name of a job type, ``*`` for all others; it takes
    the place of what was set before, goes before the manifest, and holds until the next version is installed.
    """

    version: str
    policies: dict[str, str]
    by: str


class UpdateDeclined(ExtensionEvent, frozen=True, tag="declined"):
    """The version that waited for consent does not get it. Durable. ``by`` says who decided."""

    version: str
    by: str


class ProvenanceRecorded(ExtensionEvent, frozen=True, tag="provenance"):
    """Where a version comes from: the installed one, or with ``proposed`` the one that waits. Durable, with it.

    ``package`` is the SHA-256 of the signed file, ``key`` and ``name`` are its publisher's, ``earlier`` the keys that
    ``key`` follows, each of which signed the next. ``accepted``: ``by`` said on purpose that it may take the place of
    versions of another publisher. For a version without a signature, ``package``, ``key`` and ``name`` are empty then.
    """

    version: str
    package: str
    key: bytes
    name: str
    earlier: tuple[bytes, ...]
    proposed: bool
    accepted: bool
    by: str


class PublisherPinned(ExtensionEvent, frozen=True, tag="publisher-pinned"):
    """From now on versions have to be signed by ``key`` (Ed25519), or by one that follows it. Durable.

    ``package`` is the SHA-256 of the file that brought it. ``reason`` is ``first`` for the first signed version,
    ``endorsed`` if the key before (``previous``) signed this one, ``accepted`` if ``by`` said so on purpose.
    """

    key: bytes
    name: str
    package: str
    previous: bytes
    reason: str
    by: str


class PublisherForgotten(ExtensionEvent, frozen=True, tag="publisher-forgotten"):
    """No publisher is pinned any more: the next signed version brings its own. Durable. ``by`` says who decided."""

    key: bytes
    by: str


# --- a library's life ------------------------------------------------------------------------------------------------


class LibraryEvent(Event, frozen=True):
    """Base of the events of a library's stream."""


class LibraryEventPublished(LibraryEvent, frozen=True, tag="published"):
    """Something happened in the library that others may want to know. Durable.

    ``topic`` is like ``entry.created``, ``data`` is JSON. ``extension`` published it in job ``job_id``; both are None
    where the host did.
    """

    topic: str
    data: Payload
    extension: str | None
    job_id: UUID | None


# --- what the host called by itself ----------------------------------------------------------------------------------


class CallEvent(Event, frozen=True):
    """Base of the events of the stream of calls: operations that no job called.

    ``caller`` is ``python``, ``cli`` or whoever else called; ``extension`` is the one it acted for, if any.
    """

    caller: str
    extension: str | None
    method: str
    library_id: UUID | None
    payload: Recorded
    answer: Recorded
    code: str


class HostQueryAnswered(CallEvent, frozen=True, tag="host-query"):
    """A query and its answer, or a call that was refused before it ran. Buffered."""


class HostActionAnswered(CallEvent, frozen=True, tag="host-action"):
    """An action, its answer and its effect on the rows, as in `ActionAnswered`. Durable."""

    effect_key: str
    writes: tuple[RowWrite, ...] = ()


# --- who may use the server, and who did what through it --------------------------------------------------------------


class AccessEvent(Event, frozen=True):
    """Base of the events of access: the stream of tokens, and those of what clients did."""


class TokenIssued(AccessEvent, frozen=True, tag="token-issued"):
    """A client was given a token. Durable.

    ``token`` is its public id, ``name`` the client's, ``digest`` the SHA-256 of the secret, which is kept nowhere.
    Empty ``libraries`` and ``extensions`` are all of them. ``expires_at`` is in microseconds since 1970, None is never.
    ``by`` says who issued it.
    """

    token: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    libraries: tuple[str, ...]
    extensions: tuple[str, ...]
    expires_at: int | None
    by: str
    writes: tuple[RowWrite, ...] = ()


class TokenRevoked(AccessEvent, frozen=True, tag="token-revoked"):
    """A token opens nothing any more. Durable. ``by`` says who revoked it."""

    token: str
    by: str
    writes: tuple[RowWrite, ...] = ()


class RequestAccepted(AccessEvent, frozen=True, tag="request"):
    """A client may do what it asked for, and it is about to be done. Durable, before it is begun.

    ``request`` is the id that its answer carries. ``client`` is ``token:ID`` or ``owner:UID``, ``name`` what people
    call it. ``action`` is an endpoint's name (``jobs.pause``), ``target`` what it is about: ``job:ID``,
    ``extension:ID`` or empty. ``writes`` keep its idempotency key, if it has one.
    """

    request: UUID
    client: str
    name: str
    action: str
    target: str
    writes: tuple[RowWrite, ...] = ()


class RequestAnswered(AccessEvent, frozen=True, tag="request-answered"):
    """What was done came to this. Durable, before the client is told. Without it, the process died meanwhile.

    ``status`` is HTTP's; ``problem`` the code of the refusal, empty for none. ``writes`` keep the answer, if the
    request had an idempotency key.
    """

    request: UUID
    status: int
    problem: str
    writes: tuple[RowWrite, ...] = ()


class RequestKeysForgotten(AccessEvent, frozen=True, tag="request-keys-forgotten"):
    """The idempotency keys of ``count`` old requests can be used again. Durable. ``writes`` remove their rows."""

    count: int
    writes: tuple[RowWrite, ...] = ()


# --- the runtime's life ----------------------------------------------------------------------------------------------


class RuntimeEvent(Event, frozen=True):
    """Base of the events of the runtime's own stream."""


class RuntimeOpened(RuntimeEvent, frozen=True, tag="opened"):
    """A process opened the folder for writing. Durable."""

    pid: int
    perdure: str
    wasmtime: str


class RuntimeClosed(RuntimeEvent, frozen=True, tag="closed"):
    """That process closed it in an orderly way. Durable. Without this event, the process died."""

    pid: int


class LogRestored(RuntimeEvent, frozen=True, tag="restored"):
    """The folder was made from a backup. Durable.

    The backup was made at ``saved_at`` (microseconds since 1970), when ``position`` was the log's last. What happened
    after it, also what jobs did outside, is not in this log.
    """

    position: int
    saved_at: int


class ModuleCompiled(RuntimeEvent, frozen=True, tag="compiled"):
    """A module's machine code was made. Durable, before the first use of the file.

    ``module`` is the SHA-256 of the file, or the digest of a part that components share (ADR 0014). ``engine`` names
    wasmtime's version and settings, ``artifact`` is the SHA-256 of the machine code: a file with another digest is
    never run.
    """

    module: str
    engine: str
    artifact: str
    size: int


class SealKeyIntroduced(RuntimeEvent, frozen=True, tag="seal-key"):
    """From here on the seals of this log are signed with this key. Durable.

    ``key`` is the public key (Ed25519), ``previous`` the one before it, empty for the first; ``position`` is the log's
    at that moment: later seals are none of the key before. ``signature`` is by the key itself, ``endorsement`` by the
    one before it, both over the text in docs/seals.md.
    """

    log: bytes
    position: int
    key: bytes
    previous: bytes
    signature: bytes
    endorsement: bytes


class HeadsSealed(RuntimeEvent, frozen=True, tag="heads-sealed"):
    """A signed statement of every stream's length and hash at ``position`` of the log. Durable.

    ``log`` is the hash of the first event of the stream `runtime`; ``root`` the Merkle root over the ends of all
    ``streams``; ``time`` in microseconds since 1970; ``previous`` the SHA-256 of the statement before, empty for the
    first; ``signature`` is ``key``'s (Ed25519) over the statement. ``changes`` are the ends that changed since the
    statement before. All of it: docs/seals.md.
    """

    log: bytes
    position: int
    streams: int
    root: bytes
    time: int
    previous: bytes
    key: bytes
    signature: bytes
    changes: Payload


class KeysErased(RuntimeEvent, frozen=True, tag="keys-erased"):
    """Somebody wants what these keys sealed to be unreadable for good. Durable, before the keys are destroyed.

    Of ``extension`` (None: of all of them) in library ``library_id`` (None: in all of them). ``keys`` are the ids of
    the keys; ``by`` says who decided.
    """

    extension: str | None
    library_id: UUID | None
    keys: tuple[str, ...]
    by: str


AnyJobEvent = (
    JobDispatched
    | ForkBegun
    | JobStarted
    | JobResumed
    | JobRecovered
    | JobInDoubt
    | DoubtResolved
    | JobForked
    | ForkAbandoned
    | JobMoved
    | JobRunEnded
    | JobLinked
    | JobKeyed
    | JobPauseRequested
    | JobCancelRequested
    | JobPaused
    | JobSuspended
    | RetryScheduled
    | JobCompleted
    | JobFailed
    | JobCancelled
    | JobFolded
    | ProgressReported
    | CheckpointSaved
    | CheckpointRefused
    | WarningAdded
    | ItemsCounted
    | BytesCounted
    | LogWritten
    | InterruptAnswered
    | OperationAnswered
    | ActionIntended
    | ActionAnswered
    | ActionReused
    | BudgetReached
)
AnyEvent = (
    AnyJobEvent
    | ExtensionInstalled
    | ExtensionLoaded
    | ExtensionUnloaded
    | ExtensionUninstalled
    | PermissionsGranted
    | UpdateProposed
    | UpgradePolicySet
    | UpdateDeclined
    | ProvenanceRecorded
    | PublisherPinned
    | PublisherForgotten
    | LibraryEventPublished
    | HostQueryAnswered
    | HostActionAnswered
    | TokenIssued
    | TokenRevoked
    | RequestAccepted
    | RequestAnswered
    | RequestKeysForgotten
    | RuntimeOpened
    | RuntimeClosed
    | LogRestored
    | ModuleCompiled
    | SealKeyIntroduced
    | HeadsSealed
    | KeysErased
)

_BUFFERED: Final = frozenset(
    {
        ProgressReported,
        CheckpointRefused,
        WarningAdded,
        ItemsCounted,
        BytesCounted,
        LogWritten,
        InterruptAnswered,
        OperationAnswered,
        ActionReused,
        BudgetReached,
        HostQueryAnswered,
    }
)
EVENT_TYPES: Final[tuple[type[Event], ...]] = get_args(AnyEvent)
_BY_TAG: Final = {str(kind.__struct_config__.tag): kind for kind in EVENT_TYPES}

# What msgspec raises for bytes that are not what was written: text that is no UTF-8 and endless nesting have errors of
# their own.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def tag_of(event: Event | type[Event]) -> str:
    """The event's name in the log, for example ``checkpoint``."""
    return str(event.__struct_config__.tag)


def type_of(tag: str) -> type[Event]:
    """The event type with this tag.

    Raises:
        KeyError: no event has this tag.
    """
    return _BY_TAG[tag]


def is_durable(event: Event | type[Event]) -> bool:
    """Whether the writer of this event is answered only after a synced commit."""
    return (event if isinstance(event, type) else type(event)) not in _BUFFERED


def encode(event: Event) -> bytes:
    """The bytes that are stored for ``event``."""
    return _encoder.encode(event)


def decode(body: bytes, stream: str = "?") -> AnyEvent:
    """The event that ``body`` holds.

    Raises:
        BadEvent: the bytes are no event of a known type.
    """
    try:
        return _decoder.decode(body)
    except UNREADABLE as error:
        raise BadEvent(stream, str(error)) from None


# --- streams ---------------------------------------------------------------------------------------------------------

RUNTIME_STREAM: Final = "runtime"
CALLS_STREAM: Final = "calls"
ACCESS_STREAM: Final = "access"
MAX_STREAM_BYTES: Final = 500  # LMDB's keys end at 511 bytes; the rest is for seeking past a name


def job_stream(job_id: UUID | str) -> str:
    """The name of a job's stream."""
    return f"job:{job_id}"


def extension_stream(extension: str) -> str:
    """The name of an extension's stream."""
    return f"extension:{extension}"


def library_stream(library_id: UUID | str) -> str:
    """The name of a library's stream."""
    return f"library:{library_id}"


def access_stream(target: str) -> str:
    """The name of the stream of what clients did about ``target``: ``job:ID``, ``extension:ID``, or empty for all else.

    What is about one job can so be read without the rest.
    """
    return f"{ACCESS_STREAM}:{target or RUNTIME_STREAM}"


WRITING: Final[frozenset[type[Event]]] = frozenset(
    {
        ActionAnswered,
        HostActionAnswered,
        JobKeyed,
        TokenIssued,
        TokenRevoked,
        RequestAccepted,
        RequestAnswered,
        RequestKeysForgotten,
    }
)  # the events that carry changes of rows


def writes_of(event: Event) -> tuple[RowWrite, ...]:
    """The changes of rows that an event carries."""
    if type(event) not in WRITING:
        return ()
    writes: tuple[RowWrite, ...] = event.writes  # type: ignore[attr-defined]  # which these types have
    return writes


def stream_key(stream: str) -> bytes | None:
    """The name's bytes, or None if no stream can have it: empty, too long, or not Unicode text."""
    try:
        key = stream.encode()
    except UnicodeEncodeError:
        return None
    return key if 0 < len(key) <= MAX_STREAM_BYTES else None


def event_base(stream: str) -> type[Event]:
    """The base class of the events that may stand on ``stream``.

    Raises:
        BadEvent: the name is none that a stream can have, or longer than `MAX_STREAM_BYTES`.
    """
    if stream_key(stream) is None:
        raise BadEvent(stream, f"a stream's name has 1 to {MAX_STREAM_BYTES} bytes of UTF-8")
    if stream.startswith("job:"):
        return JobEvent
    if stream.startswith("extension:"):
        return ExtensionEvent
    if stream == RUNTIME_STREAM:
        return RuntimeEvent
    if stream == CALLS_STREAM:
        return CallEvent
    if stream.startswith("library:"):
        return LibraryEvent
    if stream == ACCESS_STREAM or stream.startswith(f"{ACCESS_STREAM}:"):
        return AccessEvent
    raise BadEvent(stream, "streams are named job:ID, extension:ID, library:ID, access:…, calls or runtime")
