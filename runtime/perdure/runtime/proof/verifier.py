"""Proves a job's history: all its runs are run again, and compared with what the log has."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from perdure.actors.guest import GuestFactory
from perdure.runtime.errors import PerdureError
from perdure.runtime.proof.job_source import PROJECTION_DIFFERS, JobSource
from perdure.runtime.proof.proof import (
    Difference,
    Lost,
    NotCompared,
    Proof,
    RunProof,
    SealFinding,
    Totals,
    Verdict,
    Versions,
)
from perdure.runtime.proof.recorded_runs import History, RecordedRun, history_of
from perdure.runtime.proof.replay_watch import BadRun
from perdure.runtime.proof.run_check import RunCheck, Stop
from perdure.runtime.wasm.engine import wasmtime_version
from perdure.store.errors import JobIsFolded, StoreError
from perdure.store.event_store import StoredEvent
from perdure.store.events import JobStarted, job_stream

_WHY_SKIPPED: Final = "the fork has another state or module than the job they are copies of; verify that one"
_WHY_UNKNOWN: Final = "the fork has another state or module than the job they are copies of, which is not at hand"

Tell = Callable[[int, int], None]  # events that are done, of so many

_HOST: Final = "events of the host itself"
_WHY_HOST: Final = (
    "what the host did (attempts, requests of people, edges of budgets) no guest does again; the chain holds it"
)


def verify(
    source: JobSource,
    guests: GuestFactory,
    perdure: str,
    *,
    stop: Stop | None = None,
    tell: Tell = lambda done, events: None,
) -> Proof:
    """Run a job again, from its dispatch to where it is.

    Args:
        source: the job.
        guests: makes the sandboxes.
        perdure: this version of perdure.
        stop: stops it, from another thread.
        tell: told after each run how far it is.

    Raises:
        VerifyStopped: it was stopped.
        JobIsFolded: its events are gone.
    """
    return _Verifier(source, guests, perdure, stop or Stop(), tell).verify()


class _Verifier:
    def __init__(self, source: JobSource, guests: GuestFactory, perdure: str, stop: Stop, tell: Tell) -> None:
        self._source = source
        self._guests = guests
        self._here = Versions(perdure, wasmtime_version())
        self._stop = stop
        self._tell = tell

    def verify(self) -> Proof:
        started = time.monotonic()
        try:
            proof = self._prove()
        except JobIsFolded:
            raise
        except (StoreError, BadRun) as error:
            proof = self._damaged(str(error))
        return msgspec.structs.replace(proof, seconds=time.monotonic() - started)

    def _damaged(self, reason: str) -> Proof:
        source = self._source
        return Proof(
            job_id=source.job_id,
            verdict=Verdict.DAMAGED,
            source=source.name,
            sequence=source.sequence,
            hash=source.hash.hex(),
            damage=reason,
            verified_with=self._here,
        )

    def _prove(self) -> Proof:
        source = self._source
        ran_with: dict[Versions, None] = {}
        history = history_of(self._noting_versions(source.read(job_stream(source.job_id)), ran_with))
        if history.dispatched.job_id != source.job_id:
            return self._damaged(f"its first event dispatches another job, {history.dispatched.job_id}")
        if history.hash != source.hash:
            return self._damaged("the chain is broken: the last event has another hash than the stream's end")
        seal, seal_problem = self._sealed()
        runs: list[RunProof] = []
        done = history.host_events
        skipped = 0
        for run in history.runs:
            if run.copied and run.changed:
                skipped += 1
            else:
                runs.append(self._run(history, run))
            done += run.events
            self._tell(done, history.events)
        ends = sum(run.by_guest and run.difference is None and run.lost is None for run in runs)
        host_events = history.host_events - ends
        not_compared = [NotCompared(_HOST, host_events, _WHY_HOST)]
        if history.forked is not None:
            original = source.hash_in(history.forked.parent, history.forked.sequence)
            if original is not None and original != history.forked.hash:
                return self._damaged(f"it is no fork of job {history.forked.parent}, whose events there are others")
            if skipped:
                why = _WHY_SKIPPED if original is not None else _WHY_UNKNOWN
                not_compared.append(NotCompared("runs before the fork", skipped, why, expected=original is not None))
        not_compared += _summed(run.not_compared for run in runs)
        difference = next((run.difference for run in runs if run.difference is not None), None)
        lost = tuple(run.lost for run in runs if run.lost is not None)
        projection = source.projection(history.state)
        return Proof(
            job_id=source.job_id,
            verdict=_verdict(difference, lost, not_compared, projection, seal_problem),
            source=source.name,
            job_type=history.state.job_type,
            extension=history.state.extension,
            status=str(history.state.status),
            sequence=source.sequence,
            hash=source.hash.hex(),
            events=history.events,
            bytes=history.size,
            compared=_totals(runs, host_events),
            runs=tuple(runs),
            difference=difference,
            lost=lost,
            not_compared=tuple(not_compared),
            damage=seal_problem or (_OF_PROJECTION if projection == PROJECTION_DIFFERS else ""),
            projection=projection,
            forked_from=history.state.forked_from,
            seal=seal,
            ran_with=tuple(ran_with),
            verified_with=self._here,
            original_seconds=history.seconds,
        )

    def _noting_versions(self, events: Iterator[StoredEvent], found: dict[Versions, None]) -> Iterator[StoredEvent]:
        for stored in events:
            if isinstance(stored.event, JobStarted) and (versions := self._source.ran_with(stored)) is not None:
                found[versions] = None
            yield stored

    def _sealed(self) -> tuple[SealFinding | None, str]:
        try:
            return self._source.seal(), ""
        except (PerdureError, StoreError) as error:
            return None, str(error)

    def _run(self, history: History, run: RecordedRun) -> RunProof:
        found = self._check(history, run, exact=True)
        if found.difference is None or not self._counted_otherwise(run):
            return found
        # Another wasmtime counts fuel in its own way, and words some errors otherwise: is that all?
        again = self._check(history, run, exact=False)
        return again if again.difference is None or found.difference.is_fuel else found

    def _check(self, history: History, run: RecordedRun, *, exact: bool) -> RunProof:
        return RunCheck(self._source, history.dispatched, run, self._guests, self._stop, exact=exact).check()

    def _counted_otherwise(self, run: RecordedRun) -> bool:
        """Whether another version of wasmtime ran it."""
        known = (self._source.ran_with(attempt.start) for attempt in run.attempts)
        return any(versions is not None and versions.wasmtime != self._here.wasmtime for versions in known)


_OF_PROJECTION: Final = "what is kept of the job is not what its events add up to; 'perdure log check' says more"


def _verdict(
    difference: Difference | None,
    lost: tuple[Lost, ...],
    not_compared: list[NotCompared],
    projection: str,
    seal_problem: str,
) -> Verdict:
    if projection == PROJECTION_DIFFERS or seal_problem:
        return Verdict.DAMAGED
    if difference is not None:
        return Verdict.DIFFERS
    if lost or any(not one.expected for one in not_compared):
        return Verdict.PARTIAL
    return Verdict.PROVED


def _summed(found: Iterator[tuple[NotCompared, ...]]) -> list[NotCompared]:
    sums: dict[tuple[str, str, bool], int] = {}
    for run in found:
        for one in run:
            key = (one.what, one.why, one.expected)
            sums[key] = sums.get(key, 0) + one.count
    return [NotCompared(what, count, why, expected) for (what, why, expected), count in sums.items()]


def _totals(runs: list[RunProof], host_events: int) -> Totals:
    functions: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for run in runs:
        functions.update(run.functions)
        answers.update(run.answers)
    return Totals(
        runs=len(runs),
        attempts=sum(run.attempts for run in runs),
        calls=sum(run.calls for run in runs),
        silent=sum(run.silent for run in runs),
        events=sum(run.events for run in runs),
        bytes=sum(run.bytes for run in runs),
        fuel=sum(run.fuel for run in runs),
        opened=sum(run.opened for run in runs),
        host_events=host_events,
        functions=dict(sorted(functions.items())),
        answers=dict(sorted(answers.items())),
    )
