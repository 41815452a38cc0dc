"""A job, as its dispatcher holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from perdure.runtime.history import HistoryEntry
from perdure.runtime.job_owner import JobOwner
from perdure.store.event_store import StoredEvent
from perdure.store.events import JobError
from perdure.store.job_state import Checkpoint, JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.runtime.doubts import Doubt, Resolution
    from perdure.runtime.proof.proof import Proof


class Timings(msgspec.Struct, frozen=True):
    """When a job's life went on (UTC), None for what has not happened; ``running_seconds`` is the last attempt's."""

    dispatched: datetime
    started: datetime | None
    ended: datetime | None
    updated: datetime
    running_seconds: float | None


class JobHandle:
    """One job. Each property reads the job as it is now: progress is at most 20 ms old.

    ``await handle`` gives the job's final state. ``runtime`` is whoever has the job: a `Runtime`, or a client of a
    server.
    """

    def __init__(self, runtime: JobOwner, job_id: UUID) -> None:
        self._runtime = runtime
        self.job_id = job_id

    def __repr__(self) -> str:
        return f"JobHandle({self.job_id})"

    @property
    def state(self) -> JobState:
        """Everything at once, as of one moment."""
        return self._runtime.job_state(self.job_id)

    @property
    def status(self) -> Status:
        """Where the job is in its life."""
        return self.state.status

    @property
    def fraction(self) -> float:
        """Progress from 0.0 to 1.0."""
        return self.state.progress

    @property
    def message(self) -> str:
        """What the guest last said of its progress."""
        return self.state.message

    @property
    def items(self) -> int:
        """Items done, those of superseded work not counted."""
        return self.state.items

    @property
    def bytes(self) -> int:
        """Bytes done, those of superseded work not counted."""
        return self.state.bytes

    @property
    def warnings(self) -> int:
        """Warnings, those of superseded work not counted; their texts are in the history."""
        return self.state.warnings

    @property
    def last_checkpoint(self) -> Checkpoint | None:
        """Where a resume would go on."""
        return self.state.checkpoint

    @property
    def fuel(self) -> int:
        """Work that counts, in wasmtime's units of fuel, as of the last event."""
        return self.state.fuel

    @property
    def attempts(self) -> int:
        """How often the job was started."""
        return self.state.attempts

    @property
    def timings(self) -> Timings:
        """When its life went on."""
        return timings_of(self.state)

    @property
    def error(self) -> JobError | None:
        """Why the job failed, or why its last attempt did while another one is to come."""
        return self.state.error

    def wait(self, timeout: float | None = None) -> JobState:
        """See `Runtime.wait`."""
        return self._runtime.wait(self.job_id, timeout)

    def __await__(self) -> Generator[Any, None, JobState]:
        return self._runtime.wait_async(self.job_id).__await__()

    def watch(self, after: int = 0) -> Iterator[StoredEvent]:
        """See `Runtime.watch`."""
        return self._runtime.watch(self.job_id, after)

    async def watch_async(self, after: int = 0) -> AsyncIterator[StoredEvent]:
        """`watch` for an event loop: each wait is on a thread of the loop's default executor."""
        events = self.watch(after)
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event

    def history(self, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
        """See `Runtime.history`."""
        return self._runtime.history(self.job_id, first, last)

    def verify(self) -> Proof:
        """See `Runtime.verify`."""
        return self._runtime.verify(self.job_id)

    def state_at(self, sequence: int) -> JobState:
        """See `Runtime.state_at`."""
        return self._runtime.state_at(self.job_id, sequence)

    def pause(self, timeout: float | None = None) -> Status:
        """See `Runtime.pause`."""
        return self._runtime.pause(self.job_id, timeout)

    def resume(self, timeout: float | None = None) -> Status:
        """See `Runtime.resume`."""
        return self._runtime.resume(self.job_id, timeout)

    def cancel(self, timeout: float | None = None) -> Status:
        """See `Runtime.cancel`."""
        return self._runtime.cancel(self.job_id, timeout)

    def retry(self, timeout: float | None = None) -> Status:
        """See `Runtime.retry`."""
        return self._runtime.retry(self.job_id, timeout)

    @property
    def doubt(self) -> Doubt | None:
        """See `Runtime.doubt`."""
        return self._runtime.doubt(self.job_id)

    def resolve(
        self,
        resolution: Resolution,
        *,
        answer: object = None,
        message: str | None = None,
        code: str = "failed",
        by: str = "python",
        timeout: float | None = None,
    ) -> Status:
        """See `Runtime.resolve`."""
        return self._runtime.resolve(
            self.job_id, resolution, answer=answer, message=message, code=code, by=by, timeout=timeout
        )


def timings_of(state: JobState) -> Timings:
    """When a job's life went on."""
    begin, end = state.attempt_started_at, state.ended_at
    return Timings(
        _moment(state.dispatched_at),
        _moment(state.started_at) if state.started_at is not None else None,
        _moment(end) if end is not None else None,
        _moment(state.updated_at),
        ((end if end is not None else state.updated_at) - begin) / 1_000_000 if begin is not None else None,
    )


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1_000_000, UTC)
