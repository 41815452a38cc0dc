"""Each scenario lived once in a runtime, and jobs that are interrupted; told as lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from unittest.mock import Mock
from uuid import UUID

from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.telling import lines
from tests.support.waiting import eventually

from perdure.actors import GuestSpec
from perdure.actors.guest import Guest, GuestHost, GuestResult, Interrupt
from perdure.runtime import JobHandle, Runtime, Status

GOLDEN: Final = Path(__file__).parent / "golden"
PATIENCE: Final = 60.0  # seconds, beside other tests


def golden(name: str) -> list[str]:
    """What every language has to leave in the log."""
    return (GOLDEN / f"{name}.txt").read_text().splitlines()


def live(runtime: Runtime, extension: str, scenario: Scenario) -> JobHandle:
    """The scenario's job, at its end."""
    entry = str(runtime.call("action:vdfs.create_entry", {"name": "paper"}).id)
    job = runtime.dispatch(f"{extension}:{scenario.job}", scenario.state_with(entry))
    assert job.wait(PATIENCE).status is scenario.ends, lines(job)
    return job


class _Asked:
    """A `Guest` whose host is told to stop it just before its ``check``-th question, so that this answers it."""

    def __init__(self, guest: Guest, check: int, stop: Callable[[], object], asked: Callable[[], object]) -> None:
        self._guest, self._left, self._stop, self._asked = guest, check, stop, asked
        self.allow_fuel, self.kill, self.close = guest.allow_fuel, guest.kill, guest.close

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        watched = Mock(wraps=host)
        watched.check_interrupt.side_effect = lambda fuel: self._check(host, fuel)
        return self._guest.run(watched, state)

    def _check(self, host: GuestHost, fuel: int) -> Interrupt:
        self._left -= 1
        if self._left == 0:
            # It returns when the job has stopped, which this thread runs: so it is asked on another one.
            threading.Thread(target=self._stop, daemon=True).start()
            eventually(self._asked, PATIENCE)
        return host.check_interrupt(fuel)


def _stopped(runtime: Runtime, extension: str, check: int, stop: Callable[[UUID], object], status: Status) -> JobHandle:
    """A counter to 3 that was stopped by the answer to one of its questions. No other job runs."""
    real = runtime._system.guests

    def guest(spec: GuestSpec) -> Guest:
        return _Asked(real(spec), check, lambda: stop(spec.job_id), lambda: runtime.mailbox_depths()["job"])

    runtime._system.guests = guest
    try:
        job = runtime.dispatch(f"{extension}:counter", {"target": 3})
        eventually(lambda: job.status is status, PATIENCE)
    finally:
        runtime._system.guests = real
    return job


def resumed(runtime: Runtime, extension: str) -> JobHandle:
    """A job that was paused after one step, and went on to its end."""
    job = _stopped(runtime, extension, 2, runtime.pause, Status.PAUSED)
    job.resume()
    assert job.wait(PATIENCE).status is Status.COMPLETED
    return job


def cancelled(runtime: Runtime, extension: str) -> JobHandle:
    """A job that was cancelled after two steps."""
    return _stopped(runtime, extension, 3, runtime.cancel, Status.CANCELLED)


def cancelled_while_paused(runtime: Runtime, extension: str) -> JobHandle:
    """A job that was paused before its first step, and cancelled then."""
    job = _stopped(runtime, extension, 1, runtime.pause, Status.PAUSED)
    job.cancel()
    assert job.wait(PATIENCE).status is Status.CANCELLED
    return job


INTERRUPTED: Final = (resumed, cancelled, cancelled_while_paused)


def all_lives(runtime: Runtime, extension: str) -> Iterator[tuple[str, list[str]]]:
    """The names of all golden lists, and what this extension's jobs leave."""
    for scenario in SCENARIOS:
        yield scenario.name, lines(live(runtime, extension, scenario), own_words=scenario.own_words)
    for life in INTERRUPTED:
        yield life.__name__, lines(life(runtime, extension))
