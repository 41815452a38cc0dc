"""A wall clock that somebody sets, by years, while a runtime works (docs/operate.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.gate import PERMISSIONS, Gate, at_gate
from tests.support.manual_clock import ManualClock
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import RETURN_COMPLETED

from perdure.metrics import PrometheusHooks, render
from perdure.runtime import JobLimits, Runtime, Status, grant_as_asked
from perdure.runtime.access.tokens import token_of
from perdure.store import check

YEAR = 365 * 86_400.0


class SettableClock(ManualClock):
    """One whose wall face alone can be set."""

    def set(self, seconds: float) -> None:
        self._now += round(seconds * 1_000_000)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def hooks() -> PrometheusHooks:
    return PrometheusHooks()


@pytest.fixture
def runtime(tmp_path: Path, clock: SettableClock, hooks: PrometheusHooks) -> Iterator[Runtime]:
    wat = RuntimeWat()
    wat.job("count", f"{wat.log()} {at_gate(wat)} {wat.log()} {RETURN_COMPLETED}")
    with Runtime.open(tmp_path / "data", clock=clock, hooks=hooks) as runtime:
        runtime.install(write_extension(tmp_path / "x", wat.module(), permissions=PERMISSIONS), consent=grant_as_asked)
        yield runtime


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_job_that_runs_meanwhile_does_not_notice(
    runtime: Runtime, clock: SettableClock, hooks: PrometheusHooks, jump: float
) -> None:
    with Gate(runtime) as gate:
        before = runtime.dispatch(f"{EXTENSION}:count", limits=JobLimits(wall_clock_ms=60_000))
        arrival = gate.arrival()
        clock.set(jump)
        after = runtime.dispatch(f"{EXTENSION}:count")
        gate.arrival().let_go()
        arrival.let_go()
        states = [before.wait(TIMEOUT), after.wait(TIMEOUT)]

    assert [(state.status, state.attempts) for state in states] == [(Status.COMPLETED, 1)] * 2
    assert before.job_id != after.job_id
    assert check(runtime.store).problems == []
    stored = list(runtime.store.read_all())
    assert [one.position for one in stored] == sorted(one.position for one in stored)  # the order is not the clock's
    eventually(lambda: total(hooks, "perdure_job_duration_seconds_count") == 2)  # measured after who waits is told
    summed = total(hooks, "perdure_job_duration_seconds_sum")
    assert summed >= 0
    assert (summed > YEAR / 2) == (jump > 0)


def total(hooks: PrometheusHooks, metric: str) -> float:
    lines = render(hooks.registry)[0].decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))


def test_a_token_with_an_end_follows_the_wall_clock(runtime: Runtime, clock: SettableClock) -> None:
    issued = runtime.issue_token("a day", ["read"], lifetime=timedelta(days=1))
    clock.set(YEAR)
    assert token_of(runtime.store, issued.text, clock.now()) is None
    clock.set(-YEAR)
    assert token_of(runtime.store, issued.text, clock.now()) is not None
