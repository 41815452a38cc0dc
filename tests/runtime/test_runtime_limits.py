"""Each limit of a job that is exceeded ends it with a failure that says which limit, its value, and what was used."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT
from tests.support.wat import forever, repeat

from perdure.runtime import JobError, JobLimits, JobState, RetryPolicy, Runtime, Status
from perdure.store import check
from perdure.store.events import LimitUse

MIB = 1 << 20


def greedy_module() -> bytes:
    """A job for each limit that can be exceeded."""
    wat = RuntimeWat()
    wat.job("spin", f"{forever()} (i32.const 0)")
    wat.job("grow", "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable")
    wat.job("give_up", "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (i32.const 2)")
    wat.add("(func $down (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))")
    wat.job("recurse", "(call $down (i32.const 0))")
    wat.job("chatter", f"(loop $on {wat.log()} (br $on)) (i32.const 0)")
    wat.job("message", wat.call("spacedrive_log", 1, 0, 40_000) + "(i32.const 0)")
    method = wat.text("query:test.ping")
    wat.job("payload", f"(drop {wat.call('spacedrive_call', method, 0, 0, 40_000)}) (i32.const 0)")
    wat.job("save", f"(drop {wat.call('job_checkpoint', wat.job_id, 0, 40_000)}) (i32.const 0)")
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    wat.job("some", repeat(1000, item) + "(i32.const 0)")
    saving = f"(drop {wat.call('job_checkpoint', wat.job_id, 0, 10)})"
    wat.job("again", f"{repeat(1000, item)} {saving} {repeat(1000, item)} (i32.const 2)")
    return wat.module()


@pytest.fixture
def greedy(runtime: Runtime, tmp_path: Path) -> Runtime:
    permissions = {"methods": ["query:test.ping"], "max_memory_mb": 4}
    runtime.install(write_extension(tmp_path / "greedy", greedy_module(), extension="greedy", permissions=permissions))
    return runtime


def failure(runtime: Runtime, name: str, limits: JobLimits) -> tuple[JobError, LimitUse, JobState]:
    """How the job fails, and which limit that was."""
    state = runtime.dispatch(f"greedy:{name}", limits=limits).wait(TIMEOUT)
    assert state.status is Status.FAILED
    assert state.error is not None
    assert state.error.limit is not None
    assert state.error.blame == "guest"
    assert str(state.error.limit.value) in state.error.message
    assert check(runtime.store).problems == []
    return state.error, state.error.limit, state


def test_fuel(greedy: Runtime) -> None:
    error, limit, state = failure(greedy, "spin", JobLimits(fuel=100_000))
    assert (error.kind, limit) == ("out_of_fuel", LimitUse("fuel", 100_000, 100_000, "fuel"))
    assert state.fuel == 100_000
    assert [frame.function for frame in error.backtrace] == ["execute_spin"]


def test_fuel_is_the_jobs_over_all_its_attempts(greedy: Runtime) -> None:
    one = greedy.dispatch("greedy:again").wait(TIMEOUT)
    job = greedy.dispatch(
        "greedy:again", limits=JobLimits(fuel=one.fuel * 2), retry=RetryPolicy(attempts=50, initial_ms=0)
    )
    state = job.wait(TIMEOUT)
    assert state.status is Status.FAILED
    assert state.error is not None
    assert state.error.kind == "out_of_fuel"
    assert state.error.limit == LimitUse("fuel", one.fuel * 2, one.fuel * 2, "fuel")


@pytest.mark.parametrize("name", ["grow", "give_up"])
def test_memory(greedy: Runtime, name: str) -> None:
    error, limit, _ = failure(greedy, name, JobLimits(memory_bytes=2 * MIB))
    assert (error.kind, limit) == ("memory", LimitUse("memory_bytes", 2 * MIB, 2 * MIB, "bytes"))


def test_memory_is_at_most_what_the_manifest_allows(greedy: Runtime) -> None:
    for limits in (None, JobLimits(memory_bytes=64 * MIB)):
        state = greedy.dispatch("greedy:grow", limits=limits).wait(TIMEOUT)
        assert state.error is not None
        assert state.error.limit == LimitUse("memory_bytes", 4 * MIB, 4 * MIB, "bytes")


@pytest.mark.parametrize("name", ["spin", "chatter"])
def test_wall_clock(greedy: Runtime, name: str) -> None:
    error, limit, _ = failure(greedy, name, JobLimits(wall_clock_ms=100, events_per_second=None))
    assert (error.kind, limit.limit, limit.value, limit.unit) == ("timeout", "wall_clock_ms", 100, "ms")
    assert limit.used >= 100


def test_event_rate(greedy: Runtime) -> None:
    sequences: list[int] = []
    # Where the machine stands still for a second there is more in the next one, but hardly each time.
    while len(sequences) < 5 and (not sequences or sequences[-1] != 53):
        error, limit, state = failure(greedy, "chatter", JobLimits(events_per_second=50))
        assert (error.kind, limit) == ("event_rate", LimitUse("events_per_second", 50, 51, "events/s"))
        sequences.append(state.sequence)
    assert sequences[-1] == 2 + 50 + 1  # dispatched, started, what was allowed, failed


@pytest.mark.parametrize("name", ["message", "payload"])
def test_payload_size(greedy: Runtime, name: str) -> None:
    error, limit, _ = failure(greedy, name, JobLimits(payload_bytes=39_999))
    assert (error.kind, limit) == ("payload_size", LimitUse("payload_bytes", 39_999, 40_000, "bytes"))
    assert greedy.dispatch("greedy:message", limits=JobLimits(payload_bytes=40_000)).wait(TIMEOUT).error is None


def test_checkpoint_size(greedy: Runtime) -> None:
    error, limit, state = failure(greedy, "save", JobLimits(checkpoint_bytes=39_999))
    assert (error.kind, limit) == ("checkpoint_size", LimitUse("checkpoint_bytes", 39_999, 40_000, "bytes"))
    assert state.checkpoint is None
    done = greedy.dispatch("greedy:save", limits=JobLimits(checkpoint_bytes=40_000)).wait(TIMEOUT)
    assert (done.status, done.checkpoints) == (Status.COMPLETED, 1)


def test_stack(greedy: Runtime) -> None:
    error, limit, _ = failure(greedy, "recurse", JobLimits(stack_bytes=128 * 1024))
    assert (error.kind, limit) == ("stack_overflow", LimitUse("stack_bytes", 131_072, 131_072, "bytes"))


def test_limits_that_are_not_reached_change_nothing(greedy: Runtime) -> None:
    limits = JobLimits(fuel=10**9, memory_bytes=MIB, wall_clock_ms=60_000, events_per_second=None, stack_bytes=65_536)
    state = greedy.dispatch("greedy:some", limits=limits).wait(TIMEOUT)
    assert (state.status, state.items) == (Status.COMPLETED, 1000)
    unlimited = greedy.dispatch("greedy:some").wait(TIMEOUT)
    assert unlimited.fuel == state.fuel  # the same work, to the unit
