"""Runs one recorded job again with another version of its extension, and says where that differs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.guest import Exit, Guest, GuestFactory, GuestLoadFailed, GuestResult, GuestSpec, StopGuest
from perdure.actors.replay.divergence import Divergence
from perdure.actors.replay.job_log import action_done
from perdure.actors.replay.recorded_calls import recorded_calls
from perdure.actors.replay.replay_host import ReplayHost
from perdure.runtime.guests.job_types import resolve_job
from perdure.runtime.manifest import UpgradePolicy
from perdure.runtime.proof.job_source import StoredJob
from perdure.runtime.proof.proof import Difference
from perdure.runtime.proof.recorded_runs import History, RecordedRun, history_of
from perdure.runtime.rehearsal.rehearsal import JobRehearsal, Onward, Verdict
from perdure.runtime.rehearsal.rehearsal_host import FirstCall, RehearsalWatch
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.blobs import load_payload
from perdure.store.errors import CorruptLog, JobIsFolded, StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import (
    CheckpointSaved,
    Event,
    JobCompleted,
    JobError,
    JobFailed,
    JobPaused,
    JobSuspended,
    JobType,
    JsonObject,
    RetryScheduled,
    job_stream,
    tag_of,
)
from perdure.store.job_state import JobState

_TEXT: Final = 200  # characters of an error that are quoted


class RehearsalLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the rehearsal of one job may use.

    ``fuel_factor`` times the fuel that is recorded of a run, and some ``spare_fuel``; ``seconds`` of wall clock for all
    of its runs.
    """

    fuel_factor: int = 10
    spare_fuel: int = 1_000_000_000
    seconds: float = 60.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What is rehearsed: a version's module, its job types, and what its manifest says of their upgrades."""

    extension: str
    version: str
    module: str
    job_types: tuple[JobType, ...]
    policies: dict[str, UpgradePolicy]
    problem: str = ""


class _Different(Exception):
    def __init__(self, difference: Difference) -> None:
        self.difference = difference


class _Incompatible(Exception):
    pass


class _Undecided(Exception):
    pass


class _Findings(msgspec.Struct):
    runs: int = 0
    calls: int = 0
    recorded_fuel: int = 0
    fuel: int = 0
    not_compared: str = ""


class _Deadline:
    """Kills the guest that runs when the job's time is over."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._lock = threading.Lock()
        self._guest: Guest | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            if self._guest is not None:
                self._guest.kill()

    def watch(self, guest: Guest | None) -> None:
        """The guest that runs from now on."""
        with self._lock:
            self._guest = guest
            if self.over and guest is not None:
                guest.kill()

    def cancel(self) -> None:
        """The job is done."""
        self._timer.cancel()


class JobRehearser:
    """Rehearses jobs of one log with one new version. For one thread. Nothing is written anywhere.

    Args:
        store: the log.
        keychain: opens what is sealed.
        candidate: the new version.
        guests: makes its sandboxes.
        limits: what one job may use.
    """

    def __init__(
        self,
        store: EventStore,
        keychain: Keychain,
        candidate: Candidate,
        guests: GuestFactory,
        limits: RehearsalLimits,
    ) -> None:
        self._store = store
        self._keychain = keychain
        self._candidate = candidate
        self._guests = guests
        self._limits = limits

    def rehearse(self, job_id: UUID) -> JobRehearsal:
        """Rehearse a job, as it is at this moment.

        Raises:
            UnknownJob: there is no such job.
        """
        state = self._store.job(job_id)
        found = _Findings()
        deadline = _Deadline(self._limits.seconds)
        difference: Difference | None = None
        onward: Onward | None = None
        try:
            verdict, reason = Verdict.SAME, ""
            kind = self._kind(state)
            history = self._history(job_id)
            state = history.state  # what was read, whatever the job did meanwhile
            if not state.finished:
                onward = self._onward(history, kind, deadline)
            self._all_runs(history, kind, found, deadline)
            if found.not_compared:
                verdict, reason = Verdict.UNDECIDED, found.not_compared
        except _Different as error:
            difference = error.difference
            verdict, reason = Verdict.DIFFERENT, difference.message
        except _Incompatible as error:
            verdict, reason = Verdict.INCOMPATIBLE, str(error)
            if not state.finished and onward is None:
                onward = Onward(checkpoint=0, problem=reason)
        except (_Undecided, StoreError) as error:
            verdict, reason = Verdict.UNDECIDED, str(error)
        finally:
            deadline.cancel()
        return JobRehearsal(
            job_id=job_id,
            job_type=state.job_type,
            status=state.status,
            version=state.version,
            verdict=verdict,
            policy=self._candidate.policies.get(state.job_type.partition(":")[2], UpgradePolicy.STAY),
            reason=reason,
            runs=found.runs,
            calls=found.calls,
            recorded_fuel=found.recorded_fuel,
            fuel=found.fuel,
            difference=difference,
            onward=onward,
        )

    def _kind(self, state: JobState) -> JobType:
        candidate = self._candidate
        if candidate.problem:
            raise _Incompatible(candidate.problem)
        kind = resolve_job(candidate.job_types, state.job_type.partition(":")[2])
        if kind is None:
            raise _Incompatible(f"version {candidate.version} has no job type {state.job_type.partition(':')[2]}")
        return kind

    def _history(self, job_id: UUID) -> History:
        source = StoredJob(self._store, job_id, self._keychain)
        try:
            return history_of(source.read(job_stream(job_id)))
        except JobIsFolded as error:
            raise _Undecided(str(error)) from None

    # --- the runs ----------------------------------------------------------------------------------------------------

    def _all_runs(self, history: History, kind: JobType, found: _Findings, deadline: _Deadline) -> None:
        source = StoredJob(self._store, history.state.job_id, self._keychain)
        for run in history.runs:
            if run.copied:
                continue  # the original's: rehearsed with it, if at all
            try:
                self._run(source, history, run, kind, found, deadline)
            finally:
                if deadline.over:
                    raise _Undecided(f"it took longer than {self._limits.seconds:g} s, and was given up")

    def _run(
        self,
        source: StoredJob,
        history: History,
        run: RecordedRun,
        kind: JobType,
        found: _Findings,
        deadline: _Deadline,
    ) -> None:
        job_id = history.state.job_id
        watch = RehearsalWatch(follows_to_end=_ended_itself(run))
        calls = recorded_calls(
            source.read(job_stream(job_id), after=run.after, until=run.until),
            lambda sequence: action_done(source, job_id, sequence),
            run.calls_before,
        )
        host = ReplayHost(calls, source.opened, watch, exact=False, after=run.calls_before)
        recorded = max(run.last_fuel, getattr(run.end.event, "fuel", 0) if run.end is not None else 0)
        try:
            host.begin()
            with self._guest(history, kind, run.guest_id, recorded, deadline) as guest:
                result = guest.run(host, self._input(source, history, run.origin))
        except StopGuest:
            result = GuestResult(Exit.STOPPED, 0)  # it was broken off before it had called anything
        found.runs += 1
        found.calls += host.answered
        found.recorded_fuel += watch.recorded_fuel
        found.fuel += watch.fuel
        if host.broken is not None:
            raise _Undecided(str(host.broken))
        if host.unreadable is not None:
            found.not_compared = found.not_compared or f"run {run.number}: {host.unreadable}"
        elif not deadline.over:
            self._compare(run, host, watch, result)

    def _compare(self, run: RecordedRun, host: ReplayHost, watch: RehearsalWatch, result: GuestResult) -> None:
        if result.error is not None and result.error.kind == "init_failed" and not host.answered:
            raise _Incompatible(result.error.message)
        if not watch.log_ended and result.exit is not Exit.STOPPED:
            host.ended(_end_of(result))
        if host.divergence is not None:
            raise _Different(_difference(run, host.divergence))
        end, after = run.end, watch.after
        if end is None or after is None:
            return
        recorded = {"function": "none", "end": tag_of(end.event), **_error_words(_error_of(end.event))}
        if after.words is not None:
            raise _Different(Difference(run.number, after.calls + 1, end.sequence, recorded, after.words))
        if not _ends_alike(end.event, result):
            came: JsonObject = {"function": "none", "end": result.exit.value, **_error_words(result.error)}
            raise _Different(Difference(run.number, after.calls + 1, end.sequence, recorded, came))

    # --- going on ----------------------------------------------------------------------------------------------------

    def _onward(self, history: History, kind: JobType, deadline: _Deadline) -> Onward:
        state = history.state
        point = state.checkpoint if state.resumable and kind.resumable else None
        origin = point.sequence if point is not None else 0
        source = StoredJob(self._store, state.job_id, self._keychain)
        first = FirstCall(passes_interrupts=False)
        with self._guest(history, kind, state.guest_id, state.fuel, deadline) as guest:
            result = guest.run(first, self._input(source, history, origin))
        if first.words is not None:
            return Onward(checkpoint=origin, first=first.words)
        if result.exit is Exit.STOPPED:
            seconds = self._limits.seconds
            return Onward(checkpoint=origin, problem=f"it called nothing in {seconds:g} s, and was given up")
        if result.exit is Exit.FAILED:
            return Onward(checkpoint=origin, problem=_end_of(result))
        return Onward(checkpoint=origin, first={"function": "none", "end": result.exit.value})

    # --- the sandbox -------------------------------------------------------------------------------------------------

    @contextmanager
    def _guest(
        self, history: History, kind: JobType, job_id: UUID, recorded_fuel: int, deadline: _Deadline
    ) -> Iterator[Guest]:
        dispatched, limits = history.dispatched, history.dispatched.limits
        spec = GuestSpec(
            job_id=job_id,
            library_id=dispatched.library_id,
            extension=dispatched.extension,
            module=self._candidate.module,
            export=kind.export,
            fuel=self._limits.fuel_factor * recorded_fuel + self._limits.spare_fuel,
            memory_bytes=limits.memory_bytes,
            stack_bytes=limits.stack_bytes,
            payload_bytes=limits.payload_bytes,
            checkpoint_bytes=limits.checkpoint_bytes,
        )
        try:
            guest = self._guests(spec)
        except GuestLoadFailed as failure:
            raise _Incompatible(failure.error.message) from None
        try:
            deadline.watch(guest)
            yield guest
        finally:
            deadline.watch(None)
            guest.close()

    def _input(self, source: StoredJob, history: History, origin: int) -> bytes:
        if not origin:
            return load_payload(source.blobs, history.dispatched.state)
        stream = job_stream(history.state.job_id)
        for stored in source.read(stream, after=origin - 1, until=origin):
            if isinstance(stored.event, CheckpointSaved):
                return load_payload(source.blobs, stored.event.state)
        raise CorruptLog(f"{stream}, sequence {origin}", "no checkpoint stands there")


def _ended_itself(run: RecordedRun) -> bool:
    """Whether the guest ended the run, and not its fuel: of that another version may need more or less."""
    error = _error_of(run.end.event) if run.end is not None else None
    return run.by_guest and (error is None or error.kind != "out_of_fuel")


def _difference(run: RecordedRun, divergence: Divergence) -> Difference:
    return Difference(run.number, divergence.call, divergence.sequence, divergence.recorded, divergence.came)


def _end_of(result: GuestResult) -> str:
    if result.error is None:
        return result.exit.value
    return f"{result.exit.value}: {result.error.message[:_TEXT]}"


def _error_of(event: Event) -> JobError | None:
    return event.error if isinstance(event, JobFailed | RetryScheduled) else None


def _error_words(error: JobError | None) -> JsonObject:
    return {} if error is None else {"error": error.kind, "message": error.message[:_TEXT]}


def _ends_alike(recorded: Event, result: GuestResult) -> bool:
    """Whether the guest ended as the recorded one; what was to be cancelled may end in any way but its work done."""
    error = _error_of(recorded)
    if error is not None:
        return result.error is not None and result.error.kind == error.kind
    if isinstance(recorded, JobCompleted):
        return result.exit is Exit.COMPLETED
    if isinstance(recorded, JobPaused | JobSuspended):
        return result.exit is Exit.INTERRUPTED
    return result.exit is not Exit.COMPLETED
