"""One run, run again in a sandbox of its own, and compared with what the log has."""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from perdure.actors.attempt_end import as_job_limit
from perdure.actors.guest import Exit, Guest, GuestFactory, GuestLoadFailed, GuestResult, GuestSpec, StopGuest
from perdure.actors.replay.divergence import Divergence
from perdure.actors.replay.job_log import action_done
from perdure.actors.replay.recorded_calls import recorded_calls
from perdure.actors.replay.replay_host import ReplayHost
from perdure.runtime.proof.job_source import JobSource
from perdure.runtime.proof.proof import Difference, Lost, NotCompared, RunProof
from perdure.runtime.proof.recorded_runs import RecordedRun
from perdure.runtime.proof.replay_watch import ProofWatch, one_event_a_call
from perdure.store.blobs import load_payload
from perdure.store.errors import CorruptLog, StoreError
from perdure.store.events import (
    CheckpointSaved,
    Event,
    GuestEvent,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobError,
    JobFailed,
    JobPaused,
    JobSuspended,
    JsonObject,
    RetryScheduled,
    encode,
    job_stream,
    tag_of,
)

# A guest gets so much more fuel than is recorded: one that needs it differs, and need not be followed for ever.
_SPARE: Final = 10_000_000
_SPARE_OTHERWISE: Final = 1_000_000_000  # where another wasmtime, or another guest, counted


class VerifyStopped(Exception):
    """Somebody stopped the verification."""


class Stop:
    """Stops a verification from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guest: Guest | None = None
        self._stopped = False

    def __call__(self) -> None:
        """Stop it soon; thread-safe, idempotent."""
        with self._lock:
            self._stopped = True
            if self._guest is not None:
                self._guest.kill()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped

    def watch_none(self) -> None:
        """No guest runs now."""
        with self._lock:
            self._guest = None

    def watch(self, guest: Guest) -> None:
        """The guest that runs now.

        Raises:
            VerifyStopped: it is not to run.
        """
        with self._lock:
            self._guest = guest
            if self._stopped:
                raise VerifyStopped

    @property
    def stopped(self) -> bool:
        """Whether somebody wanted that."""
        return self._stopped


class RunCheck:
    """Runs one run again.

    Args:
        source: the job.
        dispatched: its first event.
        run: the run.
        guests: makes its sandbox.
        stop: see `Stop`.
        exact: whether the fuel is compared; not where another version of wasmtime counted.
    """

    def __init__(
        self,
        source: JobSource,
        dispatched: JobDispatched,
        run: RecordedRun,
        guests: GuestFactory,
        stop: Stop,
        *,
        exact: bool,
    ) -> None:
        self._source = source
        self._dispatched = dispatched
        self._run = run
        self._guests = guests
        self._stop = stop
        self._exact = exact
        self._watch = ProofWatch(run, source.job_id, dispatched.library_id, source.opened)
        stream = job_stream(source.job_id)
        events = source.read(stream, after=run.after, until=run.until)
        same_fuel_from = run.led_until + 1 if exact else run.until + 1
        calls = recorded_calls(
            one_event_a_call(events, same_fuel_from),
            lambda sequence: action_done(source, source.job_id, sequence),
            run.calls_before,
        )
        watched = self._watch.watched(calls, self._compare_fuel)
        self._host = ReplayHost(watched, source.opened, self._watch, exact=exact, after=run.calls_before)

    def _compare_fuel(self, known: bool) -> None:
        self._host.exact = known and self._exact

    def check(self) -> RunProof:
        """Run it.

        Raises:
            StoreError, BadRun: the log cannot be followed.
            VerifyStopped: somebody stopped it.
        """
        run = self._run
        if not run.by_guest and run.last_call <= run.calls_before:
            return self._proof(None, through=run.until)  # nothing is recorded that could be compared
        try:
            state = self._input()
            guest = self._guests(self._spec())
        except GuestLoadFailed as failure:
            return self._cannot_begin(failure.error.message)
        except StoreError as error:
            if isinstance(error, CorruptLog):
                raise
            return self._cannot_begin(str(error))
        try:
            self._stop.watch(guest)
            guest.allow_fuel(self._fuel_allowed())
            result = self._run_guest(guest, state)
        finally:
            self._stop.watch_none()
            guest.close()
        if self._watch.failure is not None:
            raise self._watch.failure
        if self._stop.stopped:
            raise VerifyStopped
        return self._found(result)

    def _run_guest(self, guest: Guest, state: bytes) -> GuestResult:
        try:
            self._host.begin()
        except StopGuest:
            return GuestResult(Exit.STOPPED, 0)
        return guest.run(self._host, state)

    def _spec(self) -> GuestSpec:
        limits = self._dispatched.limits
        return GuestSpec(
            job_id=self._run.guest_id,
            library_id=self._dispatched.library_id,
            extension=self._dispatched.extension,
            module=self._run.module,
            export=self._run.export,
            fuel=None if limits.fuel is None else max(0, limits.fuel - self._run.fuel_before),
            memory_bytes=limits.memory_bytes,
            stack_bytes=limits.stack_bytes,
            payload_bytes=limits.payload_bytes,
            checkpoint_bytes=limits.checkpoint_bytes,
        )

    def _fuel_allowed(self) -> int:
        run, limit = self._run, self._dispatched.limits.fuel
        recorded = max(run.last_fuel, _fuel_of_end(run))
        if self._exact and not run.led_until:
            allowed = recorded + _SPARE
        else:
            allowed = 8 * (recorded + run.led_fuel) + _SPARE_OTHERWISE
        return allowed if limit is None else min(allowed, max(0, limit - run.fuel_before))

    def _input(self) -> bytes:
        origin, blobs = self._run.origin, self._source.blobs
        if not origin:
            return load_payload(blobs, self._dispatched.state)
        stream = job_stream(self._source.job_id)
        for stored in self._source.read(stream, after=origin - 1, until=origin):
            if isinstance(stored.event, CheckpointSaved):
                return load_payload(blobs, stored.event.state)
        raise CorruptLog(f"{stream}, sequence {origin}", "no checkpoint stands there")

    # --- what was found ----------------------------------------------------------------------------------------------

    def _found(self, result: GuestResult) -> RunProof:
        watch, host, run = self._watch, self._host, self._run
        unreadable = watch.unreadable or (host.unreadable.reason if host.unreadable is not None else "")
        if unreadable:
            return self._proof(None, through=self._last_sequence(), lost=self._lost(unreadable))
        divergence = watch.divergence or host.divergence
        if divergence is None and not watch.log_ended and result.exit is not Exit.STOPPED:
            divergence = self._ended_early(result)
        if divergence is not None:
            return self._proof(_difference(run, divergence), through=self._last_sequence())
        if not watch.log_ended:
            raise AssertionError("unreachable: a guest is stopped by a difference, or where the log ends")
        if run.by_guest and (difference := self._end_difference(result)) is not None:
            return self._proof(difference, through=self._last_sequence())
        return self._proof(None, through=run.until)

    def _ended_early(self, result: GuestResult) -> Divergence | None:
        how = result.exit.value
        if result.error is not None:
            how = f"{how}: {result.error.message}"
        self._host.ended(how)
        return self._host.divergence

    def _end_difference(self, result: GuestResult) -> Difference | None:
        end = self._run.end
        if end is None:
            return None
        expected = end.event
        came = self._end_that_came(expected, result)
        if not self._exact or self._run.led_until > self._run.after:
            exact = self._exact and end.sequence > self._run.led_until
            came = came if exact else msgspec.structs.replace(came, fuel=_fuel_of(expected))
        if encode(came) == end.body:
            return None
        words, other = _end_words(expected), _end_words(came)
        return Difference(self._run.number, self._calls_made() + self._watch.beyond_log + 1, end.sequence, words, other)

    def _end_that_came(self, expected: Event, result: GuestResult) -> Event:
        """The end as the attempt would have stated it, with what the host gave to it from the log."""
        fuel = result.fuel
        if result.exit is Exit.COMPLETED:
            return JobCompleted(fuel)
        if result.exit is Exit.STOPPED:
            return JobPaused(forced=True, fuel=fuel)
        if isinstance(expected, JobCancelled):
            return JobCancelled(forced=False, fuel=fuel)  # of whatever kind its end is: it was to end
        if result.exit is Exit.INTERRUPTED:
            if isinstance(expected, JobSuspended):
                return JobSuspended(expected.reason, forced=False, fuel=fuel)
            return JobPaused(forced=False, fuel=fuel)
        error = result.error or JobError("guest_failed", "the guest reported a failure")
        error = as_job_limit(error, self._dispatched.limits.fuel, self._run.fuel_before + fuel)
        if isinstance(expected, RetryScheduled):
            return RetryScheduled(error, expected.delay_ms, fuel)
        return JobFailed(error, fuel)

    def _cannot_begin(self, why: str) -> RunProof:
        run = self._run
        lost = Lost(run.number, run.calls_before + 1, run.after, run.last_call - run.calls_before, why)
        return self._proof(None, through=run.after, lost=lost)

    def _lost(self, why: str) -> Lost:
        run, call = self._run, self._calls_made() + 1
        return Lost(run.number, call, self._sequence_of(call), max(1, run.last_call - call + 1), why)

    def _sequence_of(self, call: int) -> int:
        stream, run = job_stream(self._source.job_id), self._run
        for stored in self._source.read(stream, after=run.after, until=run.until):
            if isinstance(stored.event, GuestEvent) and stored.event.call >= call:
                return stored.sequence
        return run.until

    def _calls_made(self) -> int:
        return self._host.calls

    def _last_sequence(self) -> int:
        return self._watch.last.sequence if self._watch.last is not None else self._run.after

    def _proof(self, difference: Difference | None, *, through: int, lost: Lost | None = None) -> RunProof:
        run, watch = self._run, self._watch
        complete = difference is None and lost is None
        events, size = self._compared(through, complete=complete)
        last = watch.last
        return RunProof(
            number=run.number,
            origin=run.origin,
            first=run.after + 1,
            last=run.until,
            module=run.module,
            export=run.export,
            attempts=len(run.attempts),
            end=run.end_name,
            by_guest=run.by_guest,
            recorded_calls=run.last_call - run.calls_before,
            calls=sum(watch.functions.values()),
            silent=watch.silent,
            events=events,
            bytes=size,
            fuel=_fuel_of_end(run) if complete and run.by_guest else (last.fuel if last is not None else 0),
            same_fuel=self._exact,
            opened=watch.opened_calls,
            functions=dict(sorted(watch.functions.items())),
            answers=dict(sorted(watch.answers.items())),
            difference=difference,
            lost=lost,
            not_compared=self._not_compared() if complete else (),
        )

    def _compared(self, through: int, *, complete: bool) -> tuple[int, int]:
        """How many of the guest's events came out again, and their bytes; its end among them."""
        run = self._run
        if complete and not run.led_until > run.after:
            end = len(run.end.body) if run.end is not None and run.by_guest else 0
            return run.events + (1 if end else 0), run.bytes + end
        events = size = 0
        for stored in self._source.read(job_stream(self._source.job_id), after=run.after, until=through):
            event = stored.event
            if (isinstance(event, GuestEvent) and tag_of(event) != "budget") or (
                complete and run.by_guest and run.end is not None and stored.sequence == run.end.sequence
            ):
                events, size = events + 1, size + len(stored.body)
        return events, size

    def _not_compared(self) -> tuple[NotCompared, ...]:
        run, watch = self._run, self._watch
        found: list[NotCompared] = []
        if watch.silent:
            why = "a check for interrupts that is answered with 0 leaves no event; the next call's number and fuel do"
            found.append(NotCompared("interrupt checks", watch.silent, why))
        if not run.by_guest:
            why = f"the run was ended from outside ({run.end_name}), so nobody knows how far it came after that call"
            found.append(NotCompared("work after the last recorded call", 1, why))
        if run.led_until > run.after:
            why = "up to there the fuel is that of another guest, from whose events this one was led"
            found.append(NotCompared("fuel before the run was taken up", 1, why))
        if not self._exact:
            why = "another version of wasmtime counted it; all else is equal"
            found.append(NotCompared("fuel", 1, why, expected=False))
        return tuple(found)


def _difference(run: RecordedRun, divergence: Divergence) -> Difference:
    return Difference(run.number, divergence.call, divergence.sequence, divergence.recorded, divergence.came)


def _fuel_of(event: Event) -> int:
    fuel = getattr(event, "fuel", 0)
    return fuel if isinstance(fuel, int) else 0


def _fuel_of_end(run: RecordedRun) -> int:
    return _fuel_of(run.end.event) if run.end is not None else 0


def _end_words(event: Event) -> JsonObject:
    words: JsonObject = {"function": "none", "end": tag_of(event), "fuel": _fuel_of(event)}
    if isinstance(event, JobFailed | RetryScheduled):
        return words | {"error": event.error.kind, "message": event.error.message[:200]}
    return words
