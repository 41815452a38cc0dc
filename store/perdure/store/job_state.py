"""A job as its events tell it; `perdure.store.job_evolution` says how it follows from them."""

from __future__ import annotations

from uuid import UUID

import msgspec

from perdure.store.errors import CorruptLog
from perdure.store.events import UNREADABLE, JobError, RetryPolicy
from perdure.store.lifecycle import Status


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """The last checkpoint: where it stands in the stream, and the counters as they were then.

    The state's bytes are in the event at ``sequence``. ``time`` is in microseconds since 1970. ``call`` is the host
    call's number in its run.
    """

    sequence: int
    time: int
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    fuel: int
    call: int = 0


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A guest's run: what it does from ``origin`` on (the sequence of a checkpoint; 0 is the job's start).

    Its events are the guest's events behind sequence ``after``. ``fuel`` is what the job had consumed when it began.
    ``ended`` when the guest itself ended it; else the next attempt may take it up where it was broken off. ``calls`` is
    not 0 where it was taken up at a checkpoint of a longer run, after so many calls of that one.
    """

    origin: int
    after: int
    fuel: int
    ended: bool = False
    calls: int = 0


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """An action whose outcome is not in the log; see `ActionIntended`, which stands at ``sequence``."""

    sequence: int
    call: int
    method: str
    effect: str


class JobState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A job as its events tell it. Times are microseconds since 1970; fuel is in wasmtime's units.

    ``fuel`` is that of the work which counts; what attempts spent after a checkpoint they then fell back to is in
    ``fuel_superseded``. Stored without the fields that have their defaults: a default, once shipped, never changes.
    """

    job_id: UUID
    sequence: int
    job_type: str
    extension: str
    version: str
    module: str
    library_id: UUID
    resumable: bool
    status: Status
    dispatched_at: int
    updated_at: int
    attempts: int = 0
    started_at: int | None = None
    attempt_started_at: int | None = None
    ended_at: int | None = None
    progress: float = 0.0
    message: str = ""
    items: int = 0
    bytes: int = 0
    warnings: int = 0
    checkpoints: int = 0
    checkpoint: Checkpoint | None = None
    fuel: int = 0
    fuel_superseded: int = 0
    attempt_base: int = 0  # the job's fuel when the run of the last attempt began
    failures: int = 0  # attempts that ended in RetryScheduled or JobFailed since the last manual retry
    retry: RetryPolicy = RetryPolicy()
    retry_at: int | None = None
    pause_requested: bool = False
    cancel_requested: bool = False
    error: JobError | None = None
    parent: UUID | None = None  # the job that dispatched it
    superseded: list[tuple[int, int]] = []  # (checkpoint, resume): guest events strictly between are superseded
    export: str = ""
    run: Run | None = None  # the last one
    attempting: bool = False  # an attempt began and its end is not in the log
    continues: bool = False  # the next attempt takes up the run
    intent: Intent | None = None  # in doubt, once nothing of the job runs any more
    forked_from: UUID | None = None
    idempotency_key: str | None = None
    folded_at: int | None = None  # its events before the last one are gone since
    copied: Status | None = None  # of a fork that is being made: the status that the original had there
    led_as: UUID | None = None  # of a run that began in another job: that job, whose id its guest goes on to see
    moved_from: str = ""  # the version that it ran before the last `JobMoved`

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

    def is_superseded(self, sequence: int) -> bool:
        """Whether the guest event at ``sequence`` was done again after a resume."""
        return any(low < sequence < high for low, high in self.superseded)

    @property
    def is_broken_off(self) -> bool:
        """Whether the last run was stopped from outside, so that it can be taken up (`JobRecovered`)."""
        return self.run is not None and not self.run.ended

    @property
    def guest_id(self) -> UUID:
        """The id that the guest of the run sees: that of the job in which the run began."""
        return self.led_as if self.led_as is not None else self.job_id

    @property
    def is_in_doubt(self) -> bool:
        """Whether an action is without an outcome that must not be done twice, given that nothing of the job runs."""
        return self.intent is not None and self.intent.effect == "non_idempotent"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(JobState)


def origin_of(state: JobState) -> int:
    """Where the run of the next attempt begins: the sequence of a checkpoint, or 0 for the job's start."""
    if state.continues and state.run is not None:
        return state.run.origin
    return state.checkpoint.sequence if state.checkpoint is not None else 0


def summary_of(state: JobState) -> bytes:
    """A state as `JobFolded.summary` has it."""
    return _encoder.encode(state)


def from_summary(summary: bytes, job_id: UUID | str) -> JobState:
    """The state that `summary_of` made bytes of; ``job_id`` is for the error.

    Raises:
        CorruptLog: these are no state's.
    """
    try:
        return _decoder.decode(summary)
    except UNREADABLE as error:
        raise CorruptLog(f"the summary of job:{job_id}", str(error)) from None


def copy(state: JobState) -> JobState:
    """A state that can be changed without touching ``state``."""
    twin: JobState = msgspec.structs.replace(state)
    twin.superseded = list(state.superseded)
    return twin
