"""Two jobs' histories beside each other: aligned by their runs, and within a run by its calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.replay.job_log import run_calls
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.runtime.proof.recorded_runs import History, RecordedRun, history_of
from perdure.runtime.timetravel.alignment import Entry, Row, aligned
from perdure.store.event_store import EventStore
from perdure.store.events import (
    BlobRef,
    Event,
    GuestEvent,
    JobFailed,
    Recorded,
    RetryScheduled,
    Sealed,
    encode,
    job_stream,
    tag_of,
)
from perdure.store.job_state import Run

_SIZE: Final = 16


class RunDiff(msgspec.Struct, frozen=True):
    """The runs of one number; ``left`` or ``right`` is None where one side has fewer."""

    number: int
    left: RecordedRun | None
    right: RecordedRun | None
    rows: list[Row]
    same_begin: bool  # both from the start, or from a checkpoint, with the same state
    same_end: bool

    @property
    def first(self) -> Row | None:
        """The first call that is not the same."""
        return next((row for row in self.rows if not row.same), None)

    @property
    def first_fuel(self) -> Row | None:
        """The first call that is the same and took other fuel."""
        return next((row for row in self.rows if row.same and row.fuel), None)

    @property
    def same(self) -> bool:
        """Whether both sides did the same, whatever fuel it took."""
        return self.same_begin and self.same_end and self.first is None


class HistoryDiff(msgspec.Struct, frozen=True):
    """What two jobs did."""

    left: History
    right: History
    runs: list[RunDiff]

    @property
    def same(self) -> bool:
        """Whether both did the same, whatever fuel it took."""
        return all(run.same for run in self.runs)

    @property
    def same_fuel(self) -> bool:
        """Whether what both did took the same fuel."""
        return all(run.first_fuel is None for run in self.runs)


def history_diff(store: EventStore, left: UUID, right: UUID) -> HistoryDiff:
    """Compare two jobs as they are at this moment.

    Of a sealed payload only what may be shown of it is compared. The names of effects and what they wrote are not:
    they are other ones for each job.

    Raises:
        UnknownJob, JobIsFolded: there is no such job, or no history of it any more.
        StoreError: the log cannot be read.
    """
    sides = [_Side(store, job_id) for job_id in (left, right)]
    runs = [
        _run_diff(number, sides, pair)
        for number, pair in enumerate(zip_longest(sides[0].history.runs, sides[1].history.runs), 1)
    ]
    return HistoryDiff(sides[0].history, sides[1].history, runs)


class _Side:
    def __init__(self, store: EventStore, job_id: UUID) -> None:
        self._store = store
        self._job_id = job_id
        store.job(job_id)  # raises: a stream that is not there has no events
        self.history = history_of(store.read(job_stream(job_id)))

    def entries(self, run: RecordedRun | None) -> list[Entry]:
        if run is None:
            return []
        return [Entry(call.call, call.fuel, call.sequence, content_of(call)) for call in self._calls(run)]

    def _calls(self, run: RecordedRun) -> Iterator[RecordedCall]:
        span = Run(run.origin, run.after, run.fuel_before, calls=run.calls_before)
        return run_calls(self._store, self._job_id, span, run.until)

    def begin(self, run: RecordedRun) -> bytes:
        """The state that the run began with."""
        if not run.origin:
            return _content(self.history.dispatched.state)
        stream = job_stream(self._job_id)
        stored = next(self._store.read(stream, after=run.origin - 1, until=run.origin))
        return _content(getattr(stored.event, "state", self.history.dispatched.state))


def _run_diff(number: int, sides: list[_Side], pair: tuple[RecordedRun | None, RecordedRun | None]) -> RunDiff:
    left, right = pair
    rows = aligned(sides[0].entries(left), sides[1].entries(right))
    if left is None or right is None:
        return RunDiff(number, left, right, rows, same_begin=False, same_end=False)
    return RunDiff(
        number,
        left,
        right,
        rows,
        same_begin=bool(left.origin) == bool(right.origin) and sides[0].begin(left) == sides[1].begin(right),
        same_end=_end(left) == _end(right),
    )


def _end(run: RecordedRun) -> tuple[str, str]:
    event: Event | None = run.end.event if run.end is not None else None
    return run.end_name, event.error.kind if isinstance(event, JobFailed | RetryScheduled) else ""


def content_of(call: RecordedCall) -> bytes:
    """What identifies a call with its answer, without its number and its fuel."""
    asked = call.asked
    if asked is not None:
        parts = [
            asked.method.encode(),
            str(asked.library_id).encode(),
            _content(asked.payload),
            _content(call.answer) if call.answer is not None else b"",
            call.code.encode(),
            b"open" if call.is_open else b"",
        ]
        return _digest(*parts)
    event: GuestEvent | None = call.event
    if event is None:
        return b""
    return _digest(tag_of(event).encode(), encode(msgspec.structs.replace(event, call=0, fuel=0)))


def _content(payload: Recorded) -> bytes:
    if isinstance(payload, Sealed):
        return _digest(b"sealed", payload.shown)
    if isinstance(payload, BlobRef):
        return bytes.fromhex(payload.digest)
    return hashlib.sha256(payload.data).digest()


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=_SIZE)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
