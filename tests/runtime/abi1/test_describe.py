"""Loading and unloading: which jobs a module has, and what happens when it does not tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from tests.support.module_guests import CompiledModule
from tests.support.wat import RETURN_COMPLETED, Wat, compiled, forever, repeat

from perdure.runtime.guests.describe import cleanup, describe
from perdure.runtime.wasm.errors import (
    BadExport,
    CleanupFailed,
    ForbiddenImports,
    InitFailed,
    InvalidWasm,
    NotWasm,
)
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.store.events import JobType, LimitUse

pytestmark = pytest.mark.usefixtures("boundary")

LIMITS = SandboxLimits(fuel=10_000_000, memory_bytes=1024 * 1024, stack_bytes=128 * 1024)
PATIENT = SandboxLimits(fuel=None, memory_bytes=1024 * 1024, stack_bytes=128 * 1024)


class ManualClock:
    """A scheduler that runs nothing by itself."""

    def __init__(self) -> None:
        self.pending: dict[int, tuple[float, Callable[[], None]]] = {}
        self.scheduled = 0

    def __call__(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        self.scheduled += 1
        key = self.scheduled
        self.pending[key] = (delay, action)
        return lambda: self.pending.pop(key, None) and None


def jobs_of(module: bytes, limits: SandboxLimits = LIMITS) -> tuple[JobType, ...]:
    clock = ManualClock()
    jobs = describe("test-extension", CompiledModule(module), limits, seconds=5, schedule=clock)
    assert clock.scheduled == 1
    assert clock.pending == {}, "what was scheduled is cancelled"
    return jobs


def init_failure(module: bytes, limits: SandboxLimits = LIMITS) -> InitFailed:
    clock = ManualClock()
    with pytest.raises(InitFailed) as failure:
        describe("test-extension", CompiledModule(module), limits, seconds=5, schedule=clock)
    assert clock.pending == {}
    assert failure.value.extension == "test-extension"
    return failure.value


def test_registered_jobs() -> None:
    wat = Wat()
    wat.init(
        f"(drop {wat.register('counter', 'execute_count', 1)}) {wat.register('scan', 'scan', 0)}",
    )
    wat.job("count", RETURN_COMPLETED)
    wat.job("", RETURN_COMPLETED, export="scan")
    wat.job("more", RETURN_COMPLETED)
    assert jobs_of(wat.module()) == (JobType("counter", "execute_count", True), JobType("scan", "scan", False))


def test_a_module_that_registers_none() -> None:
    wat = Wat()
    wat.job("b", RETURN_COMPLETED)
    wat.job("a", RETURN_COMPLETED)
    assert jobs_of(wat.module()) == (JobType("b", "execute_b", True), JobType("a", "execute_a", True))


def test_a_module_without_any_job() -> None:
    assert jobs_of(compiled('(module (memory (export "memory") 1))')) == ()


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("counter", "execute_count"),  # a duplicate
        ("other", "execute_missing"),
        ("other", "wasm_alloc"),
        ("a b", "execute_count"),
        ("", "execute_count"),
        (b"\xff", "execute_count"),
        ("other", b"execute_\xff"),
    ],
)
def test_a_refused_registration_answers_1_and_the_rest_stands(
    name: str | bytes, export: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wat = Wat()
    # plugin_init fails unless it is told exactly 0 and then 1.
    first, second = wat.register("counter", "execute_count"), wat.register(name, export)
    wat.init(f"(i32.or {first} (i32.ne (i32.const 1) {second}))")
    wat.job("count", RETURN_COMPLETED)
    with caplog.at_level(logging.WARNING, "perdure.extension"):
        assert jobs_of(wat.module()) == (JobType("counter", "execute_count", True),)
    assert "test-extension" in caplog.text
    assert "refused" in caplog.text


def test_the_log_of_plugin_init_goes_to_the_programs(caplog: pytest.LogCaptureFixture) -> None:
    wat = Wat()
    lines = [wat.call("spacedrive_log", level, wat.text(f"line {level}")) for level in range(4)]
    wat.init("".join(lines) + wat.call("spacedrive_log", 1, wat.text("a\x1b[2Jb\nc")) + RETURN_COMPLETED)
    with caplog.at_level(logging.DEBUG, "perdure.extension"):
        jobs_of(wat.module())
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("perdure.extension", logging.DEBUG, "test-extension: line 0"),
        ("perdure.extension", logging.INFO, "test-extension: line 1"),
        ("perdure.extension", logging.WARNING, "test-extension: line 2"),
        ("perdure.extension", logging.ERROR, "test-extension: line 3"),
        ("perdure.extension", logging.INFO, "test-extension: a\\x1b[2Jb\\nc"),
    ]


def test_the_log_of_plugin_init_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    wat = Wat()
    wat.init(repeat(1_000, wat.log("again")) + RETURN_COMPLETED)
    with caplog.at_level(logging.DEBUG, "perdure.extension"):
        jobs_of(wat.module())
    assert len(caplog.records) == 100
    assert "dropped" in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("body", "cause"),
    [("(unreachable)", "trap"), (forever() + "(i32.const 0)", "out_of_fuel"), ("(call $deep)", "stack_overflow")],
)
def test_a_plugin_init_that_traps_or_loops(body: str, cause: str) -> None:
    wat = Wat()
    wat.add("(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))")
    wat.init(body)
    error = init_failure(wat.module()).error
    assert (error.kind, error.data["cause"]) == ("init_failed", cause)


def test_a_plugin_init_that_returns_1() -> None:
    wat = Wat()
    wat.init("(i32.const 1)")
    error = init_failure(wat.module()).error
    assert (error.kind, error.data["result"]) == ("init_failed", 1)
    assert "plugin_init returned 1" in str(init_failure(wat.module()))


def test_a_plugin_init_that_breaks_the_contract() -> None:
    wat = Wat()
    wat.init(wat.call("spacedrive_log", 1, -1, 10) + RETURN_COMPLETED)
    error = init_failure(wat.module()).error
    assert (error.kind, error.data["argument"]) == ("abi_violation", "ptr")


def test_a_plugin_init_that_takes_too_long_is_killed_by_the_clock() -> None:
    wat = Wat()
    wat.init(forever() + "(i32.const 0)")
    kills: list[threading.Thread] = []

    def at_once(delay: float, action: Callable[[], None]) -> Callable[[], None]:
        assert delay == 0.25
        kills.append(threading.Thread(target=action))
        kills[-1].start()
        return kills[-1].join

    with pytest.raises(InitFailed) as failure:
        describe("test-extension", CompiledModule(wat.module()), PATIENT, seconds=0.25, schedule=at_once)
    assert failure.value.error.limit == LimitUse("wall_clock_ms", 250, 250, "ms")
    assert failure.value.error.data == {"cause": "timeout"}


def test_the_default_scheduler_kills_too() -> None:
    wat = Wat()
    wat.init(forever() + "(i32.const 0)")
    with pytest.raises(InitFailed) as failure:
        describe("test-extension", CompiledModule(wat.module()), PATIENT, seconds=0.02)
    assert failure.value.error.data == {"cause": "timeout"}


def test_a_module_that_needs_more_memory_than_it_may_have() -> None:
    error = init_failure(compiled('(module (memory (export "memory") 17))')).error
    assert error.kind == "memory"


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (b"", NotWasm),
        (b"#!/bin/sh\n", NotWasm),
        (b"(module)", NotWasm),
        (b"\0asm\x0d\0\x01\0", BadExport),
        (b"\0asm\x01\0\0\0\x01\x7f", InvalidWasm),
        (compiled('(module (import "env" "x" (func)))'), ForbiddenImports),
        (compiled("(module)"), BadExport),
    ],
)
def test_what_is_refused_before_anything_runs(module: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        jobs_of(module)


def test_a_registered_job_needs_an_allocator() -> None:
    wat = Wat(alloc="", free="")
    wat.init(wat.register("counter", "go"))
    wat.job("", RETURN_COMPLETED, export="go")
    with pytest.raises(BadExport, match="wasm_alloc"):
        jobs_of(wat.module())


# --- cleanup ---------------------------------------------------------------------------------------------------------


def clean(wat: Wat) -> None:
    clock = ManualClock()
    cleanup("test-extension", CompiledModule(wat.module()), LIMITS, seconds=5, schedule=clock)
    assert clock.pending == {}


def test_cleanup_runs_after_plugin_init(caplog: pytest.LogCaptureFixture) -> None:
    wat = Wat()
    wat.init(wat.log("hello") + RETURN_COMPLETED)
    wat.init(wat.log("good-bye") + RETURN_COMPLETED, name="plugin_cleanup")
    with caplog.at_level(logging.INFO, "perdure.extension"):
        clean(wat)
    assert [record.getMessage() for record in caplog.records] == ["test-extension: hello", "test-extension: good-bye"]


def test_a_module_without_cleanup_runs_nothing() -> None:
    wat = Wat()
    wat.init("(unreachable)")
    clean(wat)


def test_a_cleanup_without_a_result_is_accepted() -> None:
    wat = Wat()
    wat.init("(nop)", name="plugin_cleanup", result=False)
    clean(wat)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("(unreachable)", "trap"),
        (forever() + "(i32.const 0)", "out_of_fuel"),
        ("(i32.const 1)", "guest_failed"),
        ("(call $job_check_interrupt (i32.const 0))", "abi_violation"),
    ],
)
def test_a_cleanup_that_fails(body: str, kind: str) -> None:
    wat = Wat()
    wat.call("job_check_interrupt", 0)
    wat.init(body, name="plugin_cleanup")
    with pytest.raises(CleanupFailed) as failure:
        clean(wat)
    assert failure.value.error.kind == kind


def test_cleanup_may_not_register_jobs() -> None:
    wat = Wat()
    wat.init(f"(i32.ne (i32.const 1) {wat.register('x', 'execute_x')})", name="plugin_cleanup")
    wat.job("x", RETURN_COMPLETED)
    clean(wat)
