"""The jobs that are suspended until a person unlocks something. The log knows them; here is what wakes them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID


class LockedJobs:
    """Who waits for what. Thread-safe.

    Args:
        is_locked: whether a person still has to unlock something, by the name that `LockedNow` has of it.
        wake: lets a job go on that was suspended in this attempt; must not raise.
    """

    def __init__(self, is_locked: Callable[[str], bool], wake: Callable[[UUID, int], None]) -> None:
        self._is_locked = is_locked
        self._wake = wake
        self._waiting: dict[UUID, tuple[str, int]] = {}  # with what each waits for, and its attempts

    def wait(self, job_id: UUID, attempts: int, lock: str) -> None:
        """The job was suspended because something is locked: `unlocked` lets it go on."""
        self._waiting[job_id] = lock, attempts
        if not self._is_locked(lock):  # somebody was faster
            self.unlocked(lock)

    def unlocked(self, lock: str) -> None:
        """Let the jobs go on that waited for this."""
        for job_id, (wanted, attempts) in self._waiting.copy().items():
            if wanted == lock and self._waiting.pop(job_id, None) is not None:
                self._wake(job_id, attempts)

    def forget(self, job_id: UUID) -> None:
        """The job goes on, whoever let it."""
        self._waiting.pop(job_id, None)

    def all(self) -> dict[UUID, str]:
        """The jobs that wait, and for what."""
        return {job_id: lock for job_id, (lock, _) in self._waiting.copy().items()}
