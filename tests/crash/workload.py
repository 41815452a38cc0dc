"""What a process does until it is killed, and what the next one goes on with: jobs, a pause, a resume, a cancel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import mock
from uuid import UUID

import msgspec
from tests.crash.facts import Facts
from tests.support.counting import EXTENSION, JOB_TYPE, LARGE, PERMISSIONS, Counting, counting_module
from tests.support.extension_folders import write_extension

from perdure.actors import Guest, GuestFactory, GuestHost, GuestResult, GuestSpec, Interrupt
from perdure.actors.replay.replay_host import ReplayHost
from perdure.runtime import JobHandle, Runtime, Status, grant_as_asked
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.store import IllegalTransition

ENDLESS: Final = 10_000_000  # the target of the job that only a cancel ends


class Workload(msgspec.Struct, frozen=True):
    """``jobs`` that count to ``target`` and a little more, each to another number; and one more, to be cancelled."""

    jobs: int = 4
    target: int = 120

    def state(self, number: int) -> Counting:
        """The first state of the job with this number, from 0."""
        if number == self.jobs:
            return Counting(0, ENDLESS)
        # Different targets: else their large checkpoints would be equal, and stored as one blob.
        return Counting(0, self.target + number, LARGE)

    def run(self, runtime: Runtime, facts: Facts, scratch: Path, timeout: float = 60.0) -> None:
        """Begin what has not begun and bring everything to its end, however much of it is done already."""
        facts.position = runtime.store.position
        if EXTENSION not in [known.extension for known in runtime.extensions()]:
            written = write_extension(scratch, counting_module(), extension=EXTENSION, permissions=PERMISSIONS)
            runtime.install(written, consent=grant_as_asked)
            facts.state("installed")
        jobs = [JobHandle(runtime, state.job_id) for state in reversed(runtime.jobs(limit=1000).jobs)]
        for number in range(len(jobs), self.jobs + 1):
            job = runtime.dispatch(JOB_TYPE, self.state(number).encode())
            facts.state("dispatched", job.job_id)
            jobs.append(job)
        for job in jobs:
            if job.status is Status.PAUSED:  # by an earlier process
                _resume(job, facts)
        unfinished = [job for job in jobs if not job.state.finished]
        if unfinished and unfinished[0] is not jobs[-1] and _stated(unfinished[0].pause, "pause", unfinished[0], facts):
            for _ in unfinished[0].watch():
                # Suspended: told before the crash to pause, it stopped just when it was asked to once more.
                if unfinished[0].status not in (Status.RUNNING, Status.SUSPENDED):
                    break
            if unfinished[0].status is Status.PAUSED:
                _resume(unfinished[0], facts)
        if not jobs[-1].state.finished:
            _stated(jobs[-1].cancel, "cancel", jobs[-1], facts)
        for job in jobs:
            facts.state("ended", job.job_id, detail=str(job.wait(timeout).status))


def _resume(job: JobHandle, facts: Facts) -> None:
    _stated(job.resume, "resume", job, facts)


def _stated(action: Callable[[], object], kind: str, job: JobHandle, facts: Facts) -> bool:
    try:
        action()
    except IllegalTransition:
        return False  # it ended just now
    facts.state(kind, job.job_id)
    return True


class _Witness:
    """A `GuestHost` around another one, which writes down each checkpoint once the guest is told that it is stored.

    Not those that the log tells it of once more: they were stored by an earlier attempt.
    """

    def __init__(self, host: GuestHost, job_id: UUID, facts: Facts) -> None:
        self._host = host
        self._job_id = job_id
        self._facts = facts
        self._call = 0

    def log(self, fuel: int, level: int, message: str) -> None:
        self._call += 1
        self._host.log(fuel, level, message)

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        self._call += 1
        self._host.report_progress(fuel, progress, message)

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        self._call += 1
        led = isinstance(self._host, ReplayHost) and not self._host.is_live
        stored = self._host.checkpoint(fuel, state)
        if stored and not led:
            self._facts.state("checkpoint", self._job_id, call=self._call, detail=hashlib.sha256(state).hexdigest())
        return stored

    def check_interrupt(self, fuel: int) -> Interrupt:
        self._call += 1
        return self._host.check_interrupt(fuel)

    def add_warning(self, fuel: int, message: str) -> None:
        self._call += 1
        self._host.add_warning(fuel, message)

    def increment_items(self, fuel: int, count: int) -> None:
        self._call += 1
        self._host.increment_items(fuel, count)

    def increment_bytes(self, fuel: int, count: int) -> None:
        self._call += 1
        self._host.increment_bytes(fuel, count)

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        self._call += 1
        return self._host.call(fuel, method, library_id, payload)


class _WitnessedGuest:
    """A `Guest` whose host is witnessed."""

    def __init__(self, guest: Guest, spec: GuestSpec, facts: Facts) -> None:
        self._guest = guest
        self._spec = spec
        self._facts = facts
        self.allow_fuel = guest.allow_fuel
        self.kill = guest.kill
        self.close = guest.close

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        return self._guest.run(_Witness(host, self._spec.job_id, self._facts), state)


def witnessed(facts: Facts) -> mock._patch[Callable[..., GuestFactory]]:
    """While this lasts, a runtime that is opened has its guests' checkpoints written down."""

    def factory(*arguments: object) -> GuestFactory:
        make = WasmGuestFactory(*arguments)  # type: ignore[arg-type]  # whatever the runtime gives it
        return lambda spec: _WitnessedGuest(make(spec), spec, facts)

    return mock.patch("perdure.runtime.runtime.WasmGuestFactory", factory)
