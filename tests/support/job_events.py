"""Builders of events, ids and times, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec.structs import asdict, replace

from perdure.store import EventStore
from perdure.store import events as ev
from perdure.store.blobs import digest_of

START: Final = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in microseconds since 1970
LIBRARY: Final = UUID("00000000-0000-4000-8000-00000000000b")
MODULE_BYTES: Final = b"\0asm\x01\0\0\0"
MODULE: Final = digest_of(MODULE_BYTES)
# Spelled out: golden bytes hold them, and a default may change.
LIMITS: Final = ev.JobLimits(
    fuel=None,
    memory_bytes=1 << 29,
    wall_clock_ms=None,
    events_per_second=500_000,
    payload_bytes=1 << 23,
    checkpoint_bytes=1 << 26,
    stack_bytes=1 << 19,
)
RETRY: Final = ev.RetryPolicy(attempts=3, initial_ms=1000, factor=2.0, maximum_ms=60_000, jitter=0.1)


class Ticks:
    """A clock that goes on by a millisecond each time it is read (microseconds since 1970)."""

    def __init__(self, start: int = START, step: int = 1000) -> None:
        self.now, self._step = start - step, step

    def __call__(self) -> int:
        self.now += self._step
        return self.now


def job_id(number: int) -> UUID:
    """A version 7 id; a larger number is a later job."""
    return UUID(int=((START // 1000 + number) << 80) | (7 << 76) | (0b10 << 62) | number)


def dispatched(
    job: UUID,
    *,
    job_type: str = "test-extension:counter",
    extension: str = "test-extension",
    state: bytes = b'{"target": 3}',
    retry: ev.RetryPolicy | None = None,
) -> ev.JobDispatched:
    return ev.JobDispatched(
        job_id=job,
        job_type=job_type,
        extension=extension,
        version="0.1.0",
        module=MODULE,
        export="execute_counter",
        library_id=LIBRARY,
        resumable=True,
        state=ev.Inline(state),
        limits=LIMITS,
        retry=retry if retry is not None else replace(RETRY, attempts=1),
    )


def started(attempt: int = 1) -> ev.JobStarted:
    return ev.JobStarted(attempt=attempt, pid=100 + attempt)


def progress(call: int, fraction: float = 0.5, message: str = "half") -> ev.ProgressReported:
    return ev.ProgressReported(call=call, fuel=call * 10, progress=fraction, message=message)


def items(call: int, count: int = 1) -> ev.ItemsCounted:
    return ev.ItemsCounted(call=call, fuel=call * 10, count=count)


def counted_bytes(call: int, count: int = 1) -> ev.BytesCounted:
    return ev.BytesCounted(call=call, fuel=call * 10, count=count)


def warning(call: int, message: str = "odd") -> ev.WarningAdded:
    return ev.WarningAdded(call=call, fuel=call * 10, message=message)


def checkpoint(call: int, state: bytes = b"{}") -> ev.CheckpointSaved:
    return ev.CheckpointSaved(call=call, fuel=call * 10, state=ev.Inline(state))


def large_checkpoint(store: EventStore, call: int, state: bytes) -> ev.CheckpointSaved:
    """One whose state is among the blobs, where it is put."""
    return ev.CheckpointSaved(call=call, fuel=call * 10, state=ev.BlobRef(store.blobs.put(state), len(state)))


def completed(fuel: int = 100) -> ev.JobCompleted:
    return ev.JobCompleted(fuel=fuel)


def failure(kind: str = "guest_failed") -> ev.JobError:
    return ev.JobError(kind=kind, message="the guest returned 2")


def run_of(size: int, start: int = 1) -> list[ev.Event]:
    """``size`` events of a running guest, with calls from ``start``."""
    return [items(call) if call % 2 else progress(call, message=f"call {call}") for call in range(start, start + size)]


def plain(payload: ev.Recorded) -> ev.Payload:
    """A recorded payload that is not sealed."""
    assert not isinstance(payload, ev.Sealed)
    return payload


def put_module(store: EventStore) -> None:
    """Store the module that `dispatched` names: the integrity check wants it."""
    store.blobs.put(MODULE_BYTES)


def start_job(store: EventStore, number: int = 1, more: Sequence[ev.Event] = ()) -> str:
    """Append a job that runs, and ``more`` events; returns its stream."""
    stream = ev.job_stream(job_id(number))
    store.append(stream, [dispatched(job_id(number)), started(), *more])
    return stream


def runtime_opened(pid: int = 1) -> ev.RuntimeOpened:
    return ev.RuntimeOpened(pid=pid, perdure="0.1.0", wasmtime="50.0.1")


def installed(extension: str = "test-extension", version: str = "0.1.0") -> ev.ExtensionInstalled:
    return ev.ExtensionInstalled(
        extension=extension,
        version=version,
        manifest=b'{"id": "test-extension"}',
        module=MODULE,
        module_bytes=len(MODULE_BYTES),
    )


_ERROR: Final = ev.JobError(
    kind="out_of_fuel",
    message="the job used all of its fuel",
    blame="guest",
    limit=ev.LimitUse(limit="fuel", value=1_000_000, used=1_000_000, unit="fuel"),
    backtrace=(ev.WasmFrame(function="execute_counter", offset=412),),
    data={"memory_bytes": 131072},
)

# One of every event that there is: golden bytes, the reference page and the table tests are made from these.
EXAMPLES: Final[tuple[ev.Event, ...]] = (
    dispatched(job_id(1), retry=RETRY),
    ev.ForkBegun(**asdict(dispatched(job_id(1), retry=RETRY)), parent=job_id(2)),
    started(),
    ev.JobResumed(checkpoint=17, cause="recovery"),
    ev.JobRecovered(origin=4, through=17, cause="recovery"),
    ev.JobInDoubt(call=11, sequence=16),
    ev.DoubtResolved(call=11, resolution="succeeded", answer=ev.Inline(b'{"sent": true}'), code="", by="cli"),
    ev.JobForked(
        parent=job_id(2), sequence=9, hash=bytes(range(32)), made_by=job_id(3), state=False, answer=11, module=True
    ),
    ev.ForkAbandoned(reason="the process died while it was made"),
    ev.JobMoved(version="0.2.0", module=MODULE, export="execute_counter", resumable=True),
    ev.JobRunEnded(reason="format"),
    ev.JobLinked(parent=job_id(2), call=12),
    ev.JobKeyed(key="order 4711", writes=(ev.RowWrite(key=b"once\x00a", value=b"1"),)),
    ev.JobPauseRequested(),
    ev.JobCancelRequested(),
    ev.JobPaused(forced=False, fuel=70),
    ev.JobSuspended(reason="shutdown", forced=True, fuel=80),
    ev.RetryScheduled(error=_ERROR, delay_ms=1500, fuel=90),
    ev.JobCompleted(fuel=100),
    ev.JobFailed(error=_ERROR, fuel=110),
    ev.JobCancelled(forced=True, fuel=120),
    ev.JobFolded(
        through=3,
        hash=bytes(range(32)),
        size=812,
        positions=bytes(range(16)),
        rows=ev.Inline(b"\x90"),
        summary=b"\x80",
    ),
    ev.ProgressReported(call=3, fuel=912, progress=0.5, message="half"),
    ev.CheckpointSaved(call=4, fuel=1024, state=ev.BlobRef(digest=MODULE, size=65_537)),
    ev.CheckpointRefused(call=4, fuel=1024, digest=bytes(range(32)), reason="budget"),
    ev.WarningAdded(call=5, fuel=1100, message="zu groß"),
    ev.ItemsCounted(call=6, fuel=1200, count=7),
    ev.BytesCounted(call=7, fuel=1300, count=1 << 40),
    ev.LogWritten(call=8, fuel=1400, level=1, message="counting"),
    ev.InterruptAnswered(call=9, fuel=1500, answer=1),
    ev.OperationAnswered(
        call=10,
        fuel=1600,
        method="query:test.ping",
        library_id=LIBRARY,
        payload=ev.Inline(b'{"message": "hi"}'),
        answer=ev.Inline(b'{"echo": "Pong: hi"}'),
        code="",
    ),
    ev.ActionIntended(
        call=11,
        fuel=1700,
        method="action:mail.flag",
        library_id=LIBRARY,
        effect="idempotent",
        effect_key="cd" * 16,
        payload=ev.Inline(b'{"seen": true}'),
    ),
    ev.ActionAnswered(
        call=11,
        fuel=1700,
        method="action:credentials.store",
        library_id=None,
        effect_key="cd" * 16,
        payload=ev.Sealed(key="key-1", shown=b'{"secret": "[sensitive]"}', data=ev.Inline(b"\x00\x01")),
        answer=ev.BlobRef(digest=MODULE, size=65_537),
        code="",
        writes=(ev.RowWrite(key=b"a\x00b", value=b"1"), ev.RowWrite(key=b"a\x00c", value=None)),
    ),
    ev.ActionReused(call=12, fuel=1750, sequence=9),
    ev.BudgetReached(
        call=12, fuel=1800, budget="requests_per_minute", limit=1000, retry_after_ms=250, response="refuse"
    ),
    installed(),
    ev.ExtensionLoaded(
        version="0.1.0",
        module=MODULE,
        job_types=(ev.JobType(name="counter", export="execute_counter", resumable=True),),
    ),
    ev.ExtensionUnloaded(),
    ev.ExtensionUninstalled(),
    ev.PermissionsGranted(version="0.1.0", grant=b'{"methods": ["query:test."]}', by="cli"),
    ev.UpdateProposed(version="0.2.0", manifest=b'{"id": "test-extension"}', module=MODULE, module_bytes=64),
    ev.UpgradePolicySet(version="0.2.0", policies={"counter": "checkpoint"}, by="cli"),
    ev.UpdateDeclined(version="0.2.0", by="cli"),
    ev.ProvenanceRecorded(
        version="0.2.0",
        package="ef" * 32,
        key=bytes(range(32)),
        name="Acme",
        earlier=(bytes(32),),
        proposed=True,
        accepted=False,
        by="cli",
    ),
    ev.PublisherPinned(
        key=bytes(range(32)), name="Acme", package="ef" * 32, previous=bytes(32), reason="endorsed", by="cli"
    ),
    ev.PublisherForgotten(key=bytes(range(32)), by="cli"),
    ev.LibraryEventPublished(
        topic="entry.created", data=ev.Inline(b'{"entry_id": 1}'), extension="test-extension", job_id=job_id(1)
    ),
    ev.HostQueryAnswered(
        caller="cli",
        extension=None,
        method="query:test.ping",
        library_id=LIBRARY,
        payload=ev.Inline(b'{"message": "hi"}'),
        answer=ev.Inline(b'{"echo": "Pong: hi"}'),
        code="",
    ),
    ev.HostActionAnswered(
        caller="python",
        extension="test-extension",
        method="action:config.set",
        library_id=None,
        payload=ev.Inline(b"{}"),
        answer=ev.Inline(b"{}"),
        code="",
        effect_key="ef" * 16,
        writes=(ev.RowWrite(key=b"config", value=b"{}"),),
    ),
    ev.TokenIssued(
        token="k3vd",
        name="ci",
        digest=bytes(range(32)),
        scopes=("read", "dispatch"),
        libraries=("00000000-0000-0000-0000-000000000000",),
        extensions=("test-extension",),
        expires_at=START,
        by="owner:1000",
        writes=(ev.RowWrite(key=b"access.token", value=b"{}"),),
    ),
    ev.TokenRevoked(token="k3vd", by="owner:1000", writes=(ev.RowWrite(key=b"access.token", value=None),)),
    ev.RequestAccepted(
        request=job_id(1),
        client="token:k3vd",
        name="ci",
        action="jobs.pause",
        target=ev.job_stream(job_id(1)),
        writes=(ev.RowWrite(key=b"access.key", value=b"{}"),),
    ),
    ev.RequestAnswered(
        request=job_id(1), status=200, problem="", writes=(ev.RowWrite(key=b"access.key", value=b"[]"),)
    ),
    ev.RequestKeysForgotten(count=1, writes=(ev.RowWrite(key=b"access.key", value=None),)),
    runtime_opened(),
    ev.RuntimeClosed(pid=1),
    ev.LogRestored(position=1200, saved_at=START),
    ev.ModuleCompiled(module=MODULE, engine="wasmtime-50.0.1", artifact="ab" * 32, size=81_920),
    ev.SealKeyIntroduced(
        log=bytes(range(32)), position=12, key=b"k" * 32, previous=b"p" * 32, signature=b"s" * 64, endorsement=b"e" * 64
    ),
    ev.HeadsSealed(
        log=bytes(range(32)),
        position=12,
        streams=3,
        root=b"r" * 32,
        time=1_790_000_000_000_000,
        previous=b"d" * 32,
        key=b"k" * 32,
        signature=b"s" * 64,
        changes=ev.Inline(b"changes"),
    ),
    ev.KeysErased(
        extension="test-extension", library_id=LIBRARY, keys=("00000000-0000-4000-8000-000000000001",), by="cli"
    ),
)
