"""An hour's fuel against guests that are modules: their fuel is wasmtime's, and runs out in the middle of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.budgeted import Edges, reached, resumed
from tests.support.extension_folders import write_extension
from tests.support.manual_clock import ManualClock
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import forever, repeat

from perdure.runtime import AtEdge, Budget, Budgets, JobLimits, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.store.events import LimitUse

LIMIT = 2_000_000


def module() -> bytes:
    """``deaf`` never calls its host and never ends; ``busy`` calls it now and then, and uses some 1,500,000 of fuel."""
    wat = RuntimeWat()
    wat.job("deaf", forever() + "(i32.const 0)")
    work = """(local.set $p (i32.const 10000))
      (loop $work (br_if $work (local.tee $p (i32.sub (local.get $p) (i32.const 1)))))"""
    wat.job("busy", repeat(30, work + wat.call("job_increment_items", wat.job_id, "(i64.const 1)")) + "(i32.const 0)")
    return wat.module()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Runtime]]:
    runtimes: list[Runtime] = []
    yield runtimes
    for runtime in runtimes:
        runtime.close()


def opened(made: list[Runtime], folder: Path, at_edge: AtEdge, concurrent: int) -> Runtime:
    budgets = Budgets(fuel_per_hour=Budget(limit=LIMIT, at_edge=at_edge, wait_ms=600_000))
    runtime = Runtime.in_memory(settings=RuntimeSettings(budgets=budgets), hooks=Edges(), clock=ManualClock())
    made.append(runtime)
    permissions = {"rate_limits": {"concurrent_jobs": concurrent}}
    runtime.install(write_extension(folder / "acme", module(), permissions=permissions), consent=grant_as_asked)
    return runtime


def used(runtime: Runtime) -> int:
    (state,) = [state for state in runtime.budgets("acme") if state.budget == "fuel_per_hour"]
    assert state.used is not None
    return state.used


def test_a_guest_that_never_calls_its_host_gets_its_share_and_no_more(made: list[Runtime], tmp_path: Path) -> None:
    runtime = opened(made, tmp_path, AtEdge.REFUSE, concurrent=4)

    job = runtime.dispatch("acme:deaf")

    assert job.wait(TIMEOUT).status is Status.FAILED
    assert job.error is not None
    assert (job.error.kind, job.error.limit) == ("out_of_fuel", LimitUse("fuel_per_hour", LIMIT, LIMIT, "fuel"))
    assert "its share of fuel_per_hour, 2000000, without a call of its host" in job.error.message
    assert LIMIT // 4 <= job.fuel < LIMIT // 4 + 100
    eventually(lambda: used(runtime) == job.fuel)
    assert [event.response for event in reached(job)] == ["refuse"]


def test_a_guest_that_calls_its_host_may_use_what_is_there(made: list[Runtime], tmp_path: Path) -> None:
    runtime = opened(made, tmp_path, AtEdge.REFUSE, concurrent=2)

    job = runtime.dispatch("acme:busy")

    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    assert job.fuel > LIMIT // 2, "more than its share was at first"
    assert reached(job) == []
    eventually(lambda: used(runtime) == job.fuel)


def test_a_guest_that_ran_out_in_a_loop_is_suspended(made: list[Runtime], tmp_path: Path) -> None:
    runtime = opened(made, tmp_path, AtEdge.SUSPEND, concurrent=1)

    job = runtime.dispatch("acme:deaf")

    eventually(lambda: job.status is Status.SUSPENDED)
    (event,) = reached(job)
    assert (event.budget, event.response) == ("fuel_per_hour", "suspend")
    assert 3_540_000 < event.retry_after_ms <= 3_660_000
    assert resumed(job) == []


def test_a_guest_that_ran_out_in_a_loop_cannot_wait_there(made: list[Runtime], tmp_path: Path) -> None:
    runtime = opened(made, tmp_path, AtEdge.WAIT, concurrent=4)

    job = runtime.dispatch("acme:deaf")

    # Its share may come out larger the next time; what does not is that it can be stopped in the middle of a loop.
    eventually(lambda: job.status is Status.SUSPENDED)
    (event,) = reached(job)
    assert (event.retry_after_ms, event.response) == (1, "suspend")


def test_a_limit_of_the_job_is_still_its_own(made: list[Runtime], tmp_path: Path) -> None:
    runtime = opened(made, tmp_path, AtEdge.SUSPEND, concurrent=1)

    job = runtime.dispatch("acme:deaf", limits=JobLimits(fuel=1_000))

    assert job.wait(TIMEOUT).status is Status.FAILED
    assert job.error is not None
    assert job.error.limit == LimitUse("fuel", 1_000, job.fuel, "fuel")
