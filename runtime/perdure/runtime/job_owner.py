"""What a `JobHandle` asks whoever has its job: a `Runtime`, or a client of a server that has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from perdure.runtime.history import HistoryEntry
from perdure.store.event_store import StoredEvent
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.runtime.doubts import Doubt, Resolution
    from perdure.runtime.proof.proof import Proof


class JobOwner(Protocol):
    """The methods of `Runtime` that are about one job; errors as there."""

    def job_state(self, job_id: UUID | str) -> JobState:
        """The job as it is now."""

    def wait(self, job_id: UUID | str, timeout: float | None = None) -> JobState:
        """Its final state, once it has ended."""

    async def wait_async(self, job_id: UUID | str) -> JobState:
        """The same for an event loop."""

    def watch(self, job_id: UUID | str, after: int = 0) -> Iterator[StoredEvent]:
        """Its events, until it has ended."""

    def history(self, job_id: UUID | str, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
        """Its events so far."""

    def verify(self, job_id: UUID | str) -> Proof:
        """Run it again and compare."""

    def state_at(self, job_id: UUID | str, sequence: int) -> JobState:
        """The job as it was."""

    def pause(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Ask it to stop until it is resumed."""

    def resume(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Let it go on."""

    def cancel(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """End it."""

    def retry(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Run it on."""

    def doubt(self, job_id: UUID | str) -> Doubt | None:
        """Its action in doubt."""

    def resolve(
        self,
        job_id: UUID | str,
        resolution: Resolution,
        *,
        answer: object = None,
        message: str | None = None,
        code: str = "failed",
        by: str = "python",
        timeout: float | None = None,
    ) -> Status:
        """Say what became of that."""
