"""What a component may not: run for ever, take too much memory or stack, call too early, hand over too much."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.component_wat import ComponentWat
from tests.support.module_guests import error_of, run
from tests.support.recording_host import RecordingHost
from tests.support.wat import forever, repeat

from perdure.actors.guest import Exit

pytestmark = pytest.mark.usefixtures("boundary")


def guest(body: str, wat: ComponentWat | None = None) -> bytes:
    wat = wat or ComponentWat()
    wat.run(body)
    return wat.component()


def test_fuel() -> None:
    wat = ComponentWat()
    error = error_of(guest(forever() + wat.completed(), wat), fuel=100_000)
    assert error.kind == "out_of_fuel"
    assert error.limit is not None
    assert (error.limit.limit, error.limit.value) == ("fuel", 100_000)
    assert error.limit.used >= 100_000
    assert error.data["trap"] == "out_of_fuel"


def test_fuel_of_a_run_is_the_same_each_time() -> None:
    wat = ComponentWat()
    body = repeat(
        100, f"{wat.count_items(1)} (drop {wat.call('query:a.b')}) (drop {wat.checkpoint('1')})"
    ) + wat.completed("2")
    binary = guest(body, wat)
    first, second = RecordingHost(), RecordingHost()
    assert run(binary, first).fuel == run(binary, second).fuel
    assert first.fuel == second.fuel
    assert first.calls == second.calls


def test_the_result_tells_the_fuel_of_a_guest_that_ran_out() -> None:
    wat = ComponentWat()
    result = run(guest(forever() + wat.completed(), wat), fuel=50_000)
    assert result.exit is Exit.FAILED
    assert 50_000 <= result.fuel < 60_000


def test_stack() -> None:
    # A function that calls itself: the core module's own start.
    wat = ComponentWat()
    wat.start("(call $start)")
    error = error_of(guest(wat.completed(), wat), stack_bytes=64 * 1024)
    assert (error.kind, error.data["cause"]) == ("init_failed", "stack_overflow")


def test_a_trap_has_its_reason_and_where_it_was() -> None:
    wat = ComponentWat()
    error = error_of(guest("(drop (i32.div_u (i32.const 1) (i32.const 0)))" + wat.completed(), wat))
    assert error.kind == "trap"
    assert error.message == "run trapped: integer divide by zero"
    assert [frame.function for frame in error.backtrace]


def test_names_of_functions_cannot_forge_a_reason() -> None:
    wat = ComponentWat()
    wat.run(f"(unreachable) {wat.completed()}")
    source = wat.source().replace(
        '(func (export "run")', '(func (@name "x\\0a    wasm trap: interrupt") (export "run")'
    )
    from tests.support.wat import compiled

    error = error_of(compiled(source))
    assert error.kind == "trap"
    assert "unreachable" in error.message


def test_memory_cannot_grow_beyond_its_limit() -> None:
    wat = ComponentWat()
    body = f"""(if (i32.ne (memory.grow (i32.const 2)) (i32.const 1)) (then (unreachable)))
      (if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then (unreachable))) {wat.completed()}"""
    assert run(guest(body, wat), memory_bytes=4 * 65_536).exit is Exit.COMPLETED


def test_a_memory_that_is_too_large_from_the_start() -> None:
    wat = ComponentWat(memory="10")
    error = error_of(guest(wat.completed(), wat), memory_bytes=9 * 65_536)
    assert error.kind == "load_failed"
    assert "memory minimum size" in error.message


def test_a_second_memory_is_refused() -> None:
    """The memory limit is that of one memory: with two, a guest would have twice as much."""
    wat = ComponentWat()
    wat.extra = "(core module $Other (memory 1)) (core instance (instantiate $Other))"
    error = error_of(guest(wat.completed(), wat))
    assert error.kind == "load_failed"
    assert "memory count too high" in error.message


def test_more_instances_than_any_guest_needs() -> None:
    wat = ComponentWat()
    wat.extra = "(core module $Other)" + "(core instance (instantiate $Other))" * 300
    error = error_of(guest(wat.completed(), wat))
    assert error.kind == "load_failed"
    assert "instance count too high" in error.message


@pytest.mark.parametrize(
    ("call", "kind", "limit"),
    [
        ("log", "payload_size", "payload_bytes"),
        ("progress", "payload_size", "payload_bytes"),
        ("warning", "payload_size", "payload_bytes"),
        ("method", "payload_size", "payload_bytes"),
        ("payload", "payload_size", "payload_bytes"),
        ("checkpoint", "checkpoint_size", "checkpoint_bytes"),
        ("final", "checkpoint_size", "checkpoint_bytes"),
    ],
)
def test_sizes(call: str, kind: str, limit: str) -> None:
    wat = ComponentWat()
    text = "ä" * 600  # 1,200 bytes
    bodies: dict[str, Callable[[], str]] = {
        "log": lambda: wat.log(text),
        "progress": lambda: wat.progress(0.5, text),
        "warning": lambda: wat.warning(text),
        "method": lambda: f"(drop {wat.call(text)})",
        "payload": lambda: f"(drop {wat.call('query:a.b', text)})",
        "checkpoint": lambda: f"(drop {wat.checkpoint(text)})",
        "final": lambda: "",
    }
    body = bodies[call]() + (wat.completed(text) if call == "final" else wat.completed())
    host = RecordingHost()
    error = error_of(guest(body, wat), host, payload_bytes=1_000, checkpoint_bytes=1_000)
    assert error.kind == kind
    assert error.limit is not None
    assert (error.limit.limit, error.limit.value, error.limit.used) == (limit, 1_000, 1_200)
    assert host.calls == []


@pytest.mark.parametrize(("call", "argument"), [("bytes", "bytes"), ("items", "count")])
def test_counts_beyond_what_events_hold(call: str, argument: str) -> None:
    wat = ComponentWat()
    count = getattr(wat, f"count_{call}")
    assert run(guest(count(2**63 - 1) + wat.completed(), wat)).exit is Exit.COMPLETED
    error = error_of(guest(count(-1) + wat.completed(), wat))  # 2^64 - 1, read as a u64
    assert error.kind == "abi_violation"
    assert error.data == {
        "function": f"increment-{call}",
        "argument": argument,
        "value": str(2**64 - 1),
    }


@pytest.mark.parametrize("when", ["start", "describe", "initialise"])
def test_calls_at_the_wrong_time(when: str) -> None:
    """A start function cannot call out at all: its component is not there yet; the others only log and register."""
    wat = ComponentWat()
    if when == "start":
        wat.start(wat.warning("early"))
    elif when == "describe":
        wat.describe(wat.warning("early"))
    else:
        wat.initialise(wat.warning("early") + wat.completed())
    host = RecordingHost()
    if when == "describe":  # a job's instance is not asked what it offers
        assert run(guest(wat.completed(), wat), host).exit is Exit.COMPLETED
        return
    error = error_of(guest(wat.completed(), wat), host)
    assert error.kind in ("abi_violation", "init_failed")
    assert host.calls == []


def test_a_text_that_is_no_utf8_traps() -> None:
    wat = ComponentWat()
    at, size = wat.span(b"\xff\xfe")
    error = error_of(guest(f"(call $add-warning (i32.const {at}) (i32.const {size})) {wat.completed()}", wat))
    assert error.kind in ("trap", "load_failed")
    assert "utf-8" in error.message.lower()


def test_a_range_outside_of_the_memory_traps() -> None:
    wat = ComponentWat()
    host = RecordingHost()
    body = f"(call $add-warning (i32.const 65530) (i32.const 100)) {wat.completed()}"
    error = error_of(guest(body, wat), host)
    assert error.kind in ("trap", "load_failed")
    assert "out of bounds" in error.message
    assert host.calls == []


def test_a_result_outside_of_the_memory_traps() -> None:
    error = error_of(guest("(i32.const 65535)"))
    assert error.kind in ("trap", "load_failed")


def test_a_case_that_there_is_not_traps() -> None:
    wat = ComponentWat()
    at = wat.put(b"\x07" + b"\0" * 35)
    error = error_of(guest(f"(i32.const {at})", wat))
    assert error.kind in ("trap", "load_failed")
