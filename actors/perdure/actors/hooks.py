"""What the actors tell whoever measures them. The base class does nothing; `perdure.metrics` feeds Prometheus from it.

Hooks are called on the actors' threads, so they must be quick and must not raise. Names of extensions and job types
come from manifests, not from guests at run time; an operation's name is one that is registered, or ``unknown``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from perdure.actors.messages import OperationCall
    from perdure.store.event_store import Appended
    from perdure.store.events import JobEvent
    from perdure.store.job_state import JobState

# The W3C traceparent of what the current thread works on, for those who trace; a server takes it from the request.
TRACEPARENT: Final[ContextVar[str]] = ContextVar("perdure_traceparent", default="")

BUDGETS: Final = (
    "requests_per_minute",
    "concurrent_jobs",
    "fuel_per_job",
    "fuel_per_hour",
    "bytes_per_hour",
    "events_per_second",
    "memory_bytes",
)
# What becomes of an action in doubt without a person, and with one.
DOUBT_HANDLING: Final = ("retried", "attention")
DOUBT_RESOLUTIONS: Final = ("succeeded", "failed", "again")
# What becomes of a passphrase that somebody gives.
PASSPHRASE_TRIES: Final = ("right", "wrong", "throttled")
HOST_FUNCTIONS: Final = (
    "log",
    "report_progress",
    "checkpoint",
    "check_interrupt",
    "add_warning",
    "increment_items",
    "increment_bytes",
    "call",
)


class JobMeter:
    """What a running attempt has used so far: plain integers that its thread adds to and a scrape reads.

    ``fuel`` is in wasmtime's units; ``calls`` counts host calls in the order of `HOST_FUNCTIONS`.
    """

    __slots__ = ("calls", "extension", "fuel", "job_type")

    def __init__(self, extension: str, job_type: str) -> None:
        self.extension = extension
        self.job_type = job_type
        self.fuel = 0
        self.calls = [0] * len(HOST_FUNCTIONS)


class AttemptRecord(msgspec.Struct, frozen=True):
    """An attempt, from its first event to its last; times are microseconds since 1970.

    Attributes:
        job: the job as it was queued.
        attempt: its number.
        cause: as in `ActorHooks.attempt_started`.
        first, began: the sequence of its `JobStarted`, and when that was on disk.
        last, end: the sequence of the event that ended it, and that event; None where the log did not take it.
        ended: when that was on disk.
        lost: why the end is not in the log; empty where it is.
        fuel: what it consumed.
    """

    job: JobState
    attempt: int
    cause: str
    first: int
    began: int
    last: int | None
    end: JobEvent | None
    ended: int
    lost: str
    fuel: int


class Gauges(Protocol):
    """What can be asked of a runtime at any time."""

    def jobs_by_status(self) -> dict[str, int]:
        """How many unfinished jobs there are, by status."""

    def mailbox_depths(self) -> dict[str, int]:
        """Waiting messages by kind of actor: log, lanes, router, supervisor, extension, job."""

    def map_usage(self) -> tuple[int, int] | None:
        """Bytes of the log's map in use, and its size; None for a store without one."""

    def rate_limit_remaining(self) -> dict[str, float]:
        """Requests that each loaded extension may still make at this moment."""

    def held_calls(self) -> int:
        """Calls of operations that wait for room in a budget."""

    def lost_threads(self) -> int:
        """Threads that run operations which nobody waits for any more."""


class ActorHooks:
    """Every fact that is measured. Seconds are of the monotonic clock, sizes in bytes."""

    def opened(self, gauges: Gauges) -> None:
        """A runtime began."""

    def closed(self, gauges: Gauges) -> None:
        """It ended."""

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        """A transaction was synced."""

    def synced(self, appended: Sequence[Appended | Exception], size: int, seconds: float) -> None:
        """The same, with where the events went; those that were refused are errors."""

    def commit_failed(self, kind: str) -> None:
        """A transaction failed; ``kind`` is the error's class."""

    def attempt_started(self, meter: JobMeter, cause: str) -> None:
        """An attempt runs; ``cause`` is ``dispatch`` or that of its `JobResumed`."""

    def attempt_ended(self, meter: JobMeter) -> None:
        """Its meter will not change any more."""

    def dispatching(self, job_id: UUID) -> None:
        """A job is about to be recorded; called on the thread that asks for it."""

    def attempt_over(self, record: AttemptRecord) -> None:
        """An attempt ended, and that is on disk unless the log does not take it."""

    def job_over(self, job: JobState, status: str, ended: int) -> None:
        """A job ended at ``ended`` (microseconds since 1970); ``job`` is as it was before."""

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        """A job completed, failed or was cancelled, ``seconds`` after its dispatch."""

    def attempt_failed(self, extension: str, job_type: str, kind: str) -> None:
        """An attempt failed, whether another follows or not."""

    def recovered(self, jobs: int) -> None:
        """Unfinished jobs of an earlier process were taken up."""

    def replayed(self, extension: str, calls: int) -> None:
        """A guest was led through so many host calls by the log."""

    def operation(self, name: str, effect: str, code: str, seconds: float) -> None:
        """An operation was answered; ``effect`` is its class, ``code`` is ``ok`` or one of the ABI's error codes."""

    def operation_over(self, call: OperationCall, name: str, effect: str, code: str, seconds: float) -> None:
        """The same, with the call."""

    def action_reused(self, extension: str) -> None:
        """An action that an earlier run had done was answered from the log."""

    def in_doubt(self, effect: str, handling: str) -> None:
        """Nobody knew whether an action was done; it is ``retried``, or the job waits for a person's ``attention``."""

    def doubt_resolved(self, resolution: str) -> None:
        """A person said what became of an action in doubt: ``succeeded``, ``failed`` or ``again``."""

    def passphrase_tried(self, extension: str, outcome: str) -> None:
        """Somebody gave a passphrase of the extension's credentials: ``right``, ``wrong``, or ``throttled``."""

    def rate_limited(self, extension: str, allowed: bool) -> None:
        """The rate limit of an extension let a call pass, or did not."""

    def budget_reached(self, extension: str, budget: str, response: str) -> None:
        """A job or a call came to the edge of a budget; ``response`` is ``refuse``, ``wait`` or ``suspend``."""

    def folded(self, jobs: int, events: int, size: int) -> None:
        """Finished jobs were folded, so that many events of so many bytes are gone."""

    def retention_ran(self) -> None:
        """All jobs that were due were folded."""

    def swept(self, blobs: int, size: int) -> None:
        """Blobs that nothing names were removed, with so many bytes."""

    def actor_restarted(self, kind: str) -> None:
        """The supervisor restarted a log, router, extension or job actor."""
