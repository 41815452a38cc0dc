"""How a guest fails, and what its job's error says."""

from __future__ import annotations

import threading

import pytest
import wasmtime._func
from tests.support.module_guests import error_of, make_guest, run
from tests.support.recording_host import RecordingHost
from tests.support.wat import PAGE, RETURN_COMPLETED, RETURN_FAILED, Wat, forever, i64, repeat

from perdure.actors.guest import Exit, GuestResult
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.store.events import ERROR_KINDS, JobError, LimitUse, WasmFrame

pytestmark = pytest.mark.usefixtures("boundary")

MIB = 1024 * 1024


def job(body: str, **options: str) -> bytes:
    wat = Wat(**options)
    wat.add("(func $inner unreachable)")
    wat.add("(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))")
    wat.job("test", body)
    return wat.module()


@pytest.mark.parametrize(
    ("body", "trap", "text"),
    [
        ("(call $inner) (i32.const 0)", "unreachable", "unreachable"),
        ("(i32.div_s (i32.const 1) (local.get $i))", "integer_division_by_zero", "divide by zero"),
        ("(i32.load (i32.const -4))", "memory_out_of_bounds", "out of bounds memory access"),
        ("(i32.trunc_f32_s (f32.const nan))", "bad_conversion_to_integer", "conversion to integer"),
    ],
)
def test_a_trap_says_what_and_where(body: str, trap: str, text: str) -> None:
    error = error_of(job(body))
    assert (error.kind, error.blame) == ("trap", "guest")
    assert text in error.message
    assert error.data["trap"] == trap
    assert error.data["during"] == "execute_test"
    assert error.data["memory_bytes"] == PAGE
    assert error.data["memory_limit_bytes"] == 16 * MIB


def test_a_trap_has_the_backtrace() -> None:
    module = job("(call $inner) (i32.const 0)")
    error = error_of(module)
    assert [frame.function for frame in error.backtrace] == ["inner", "execute_test"]
    inner, outer = error.backtrace
    assert module[inner.offset] == 0x00, "the offset is that of `unreachable` in the file"
    assert module[outer.offset] == 0x10, "and of the call"


def test_a_function_without_a_name_is_shown_by_its_index() -> None:
    stripped = job("(call $inner) (i32.const 0)")
    # A custom section is a 0, its size (which has no zero byte), and its name.
    stripped = stripped[: stripped.rindex(b"\0", 0, stripped.index(b"\x04name"))]
    assert [frame.function for frame in error_of(stripped).backtrace] == ["function[2]", "function[4]"]


def test_a_name_section_that_is_not_utf8_does_no_harm() -> None:
    module = job("(call $inner) (i32.const 0)")
    at = module.index(b"\x04name")
    damaged = module[:at] + module[at:].replace(b"inner", b"\xff\xfe\xff\xfe\xff")
    error = error_of(damaged)
    assert error.kind == "trap"
    assert len(error.backtrace) == 2


def test_stack_overflow() -> None:
    error = error_of(job("(call $deep (i32.const 0))"), stack_bytes=100_000)
    assert error.kind == "stack_overflow"
    assert error.limit == LimitUse("stack_bytes", 100_000, 100_000, "bytes")
    assert {frame.function for frame in error.backtrace} == {"deep"}


def test_a_larger_stack_goes_deeper() -> None:
    body = """(local.set $p (call $down (i32.const 5000))) (i32.const 0)"""
    wat = Wat()
    wat.add(
        """(func $down (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))"""
    )
    wat.job("test", body)
    assert error_of(wat.module(), stack_bytes=64 * 1024).kind == "stack_overflow"
    assert run(wat.module(), stack_bytes=2 * MIB).exit is Exit.COMPLETED


def test_out_of_fuel_says_how_much() -> None:
    for fuel in (0, 1, 1_000, 1_000_000):
        result = run(job(forever() + "(i32.const 0)"), fuel=fuel)
        assert result.error is not None
        assert result.error.kind == "out_of_fuel"
        assert result.error.limit == LimitUse("fuel", fuel, fuel, "fuel")
        assert result.fuel == fuel


def test_the_fuel_a_job_needs_is_enough_and_much_less_is_not() -> None:
    module = job(repeat(1_000, "(local.set $p (i32.add (local.get $p) (i32.const 1)))") + "(i32.const 0)")
    needed = run(module).fuel
    assert run(module, fuel=needed).fuel == needed
    assert run(module, fuel=needed + 1).fuel == needed
    # wasmtime looks at each function and loop: the last stretch of straight code may run over by itself.
    assert run(module, fuel=needed - 100).exit is Exit.FAILED
    assert run(module, fuel=needed - 100).error is not None


def test_running_out_of_fuel_is_not_mistaken_for_being_stopped() -> None:
    wat = Wat()
    wat.job("test", wat.log() + forever() + RETURN_COMPLETED)
    error = error_of(wat.module(), fuel=100_000)
    assert error.kind == "out_of_fuel"


GROW_UNTIL_REFUSED = """(block $refused (loop $more
    (br_if $refused (i32.eq (i32.const -1) (memory.grow (i32.const 1)))) (br $more)))"""


@pytest.mark.parametrize("ending", ["(unreachable)", RETURN_FAILED])
def test_a_guest_that_was_refused_memory_and_gave_up(ending: str) -> None:
    result = run(job(GROW_UNTIL_REFUSED + ending), memory_bytes=4 * MIB)
    assert result.error is not None
    assert result.error.kind == "memory"
    assert result.error.limit == LimitUse("memory_bytes", 4 * MIB, 4 * MIB, "bytes")
    assert result.memory_bytes == 4 * MIB
    assert "max_memory_mb" in result.error.message


def test_a_guest_that_was_refused_memory_and_went_on() -> None:
    assert run(job(GROW_UNTIL_REFUSED + RETURN_COMPLETED), memory_bytes=4 * MIB).exit is Exit.COMPLETED


def test_a_limit_that_is_no_whole_pages_counts_whole_ones() -> None:
    error = error_of(job(GROW_UNTIL_REFUSED + "(unreachable)"), memory_bytes=4 * MIB + 5)
    assert error.limit == LimitUse("memory_bytes", 4 * MIB, 4 * MIB, "bytes")


def test_a_trap_far_from_the_limit_is_a_trap() -> None:
    body = "(drop (memory.grow (i32.const 1000))) (unreachable)"  # refused: far more than the limit, at once
    error = error_of(job(body), memory_bytes=32 * MIB)
    assert error.kind == "trap"
    assert (error.data["memory_bytes"], error.data["memory_limit_bytes"]) == (PAGE, 32 * MIB)


def test_a_module_that_needs_more_memory_to_start_with() -> None:
    error = error_of(job(RETURN_COMPLETED, memory="100"), memory_bytes=50 * PAGE)
    assert error.kind == "memory"
    assert error.limit == LimitUse("memory_bytes", 50 * PAGE, 100 * PAGE, "bytes")


def test_a_table_larger_than_a_guest_may_have() -> None:
    wat = Wat()
    wat.add("(table 300000 funcref)")
    wat.job("test", RETURN_COMPLETED)
    error = error_of(wat.module())
    assert error.kind == "load_failed"
    assert "table" in error.message


def test_a_stopped_guest_that_returns_all_the_same_is_not_believed() -> None:
    wat = Wat()
    # No loop and no call between the violation and the return: there is no fuel check left.
    wat.job("test", wat.call("job_increment_items", 0, i64(1)) + RETURN_COMPLETED)
    error = error_of(wat.module())
    assert error.kind == "abi_violation"


def test_only_the_first_violation_counts() -> None:
    wat = Wat()
    bad_call = wat.call("job_increment_items", wat.job_id, i64(-1))
    wat.job("test", bad_call + wat.call("job_increment_bytes", wat.job_id, i64(-1)) + "(unreachable)")
    error = error_of(wat.module())
    assert error.data["function"] == "job_increment_items"


# --- before the job --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "cause"),
    [("(unreachable)", "trap"), (forever() + "(i32.const 0)", "out_of_fuel"), ("(call $deep)", "stack_overflow")],
)
def test_a_plugin_init_that_does_not_return(body: str, cause: str) -> None:
    wat = Wat()
    wat.add("(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))")
    wat.init(body)
    wat.job("test", RETURN_COMPLETED)
    host = RecordingHost()
    error = error_of(wat.module(), host, fuel=1_000_000)
    assert error.kind == "init_failed"
    assert (error.data["cause"], error.data["during"]) == (cause, "plugin_init")
    assert (error.limit is None) == (cause == "trap")
    assert error.backtrace
    assert host.calls == []


@pytest.mark.parametrize("value", [1, -1, 7])
def test_a_plugin_init_that_refuses(value: int) -> None:
    wat = Wat()
    wat.init(f"(i32.const {value})")
    wat.job("test", "(unreachable)")
    error = error_of(wat.module())
    assert error.kind == "init_failed"
    assert error.data == {"during": "plugin_init", "result": value}


def test_a_plugin_init_without_a_result_is_accepted() -> None:
    wat = Wat()
    wat.init("(nop)", result=False)
    wat.job("test", RETURN_COMPLETED)
    assert run(wat.module()).exit is Exit.COMPLETED


@pytest.mark.parametrize(
    ("body", "cause"),
    [("(unreachable)", "trap"), (forever(), "out_of_fuel")],
)
def test_a_start_function_runs_under_the_same_limits(body: str, cause: str) -> None:
    wat = Wat()
    wat.add(f"(func $begin {body}) (start $begin)")
    wat.job("test", RETURN_COMPLETED)
    error = error_of(wat.module(), fuel=1_000_000)
    assert error.kind == "init_failed"
    assert (error.data["cause"], error.data["during"]) == (cause, "start")


def test_a_start_function_that_returns_is_fine() -> None:
    wat = Wat()
    wat.add("(global $ready (mut i32) (i32.const 2)) (func $begin (global.set $ready (i32.const 0))) (start $begin)")
    wat.job("test", "(global.get $ready)")
    assert run(wat.module()).exit is Exit.COMPLETED


@pytest.mark.parametrize("name", ["spacedrive_log", "register_job", "spacedrive_call", "job_check_interrupt"])
def test_a_start_function_may_not_call_the_host(name: str) -> None:
    wat = Wat()
    arguments = {"spacedrive_log": 3, "job_check_interrupt": 1}.get(name, 5)
    call = wat.call(name, *[0] * arguments)
    wat.add(f"(func $begin {call if name == 'spacedrive_log' else f'(drop {call})'}) (start $begin)")
    wat.job("test", RETURN_COMPLETED)
    error = error_of(wat.module())
    assert error.kind == "abi_violation"
    assert error.data == {"function": name, "argument": "call", "value": "start"}


@pytest.mark.parametrize(
    "name",
    [
        "spacedrive_call",
        "job_report_progress",
        "job_checkpoint",
        "job_check_interrupt",
        "job_add_warning",
        "job_increment_bytes",
        "job_increment_items",
    ],
)
def test_plugin_init_may_only_register_and_log(name: str) -> None:
    wat = Wat()
    calls = {
        "spacedrive_call": f"(drop {wat.operation()})",
        "job_report_progress": wat.progress(),
        "job_checkpoint": f"(drop {wat.call('job_checkpoint', wat.job_id, 0, 0)})",
        "job_check_interrupt": f"(drop {wat.call('job_check_interrupt', wat.job_id)})",
        "job_add_warning": wat.call("job_add_warning", wat.job_id, 0, 0),
        "job_increment_bytes": wat.call("job_increment_bytes", wat.job_id, i64(1)),
        "job_increment_items": wat.call("job_increment_items", wat.job_id, i64(1)),
    }
    wat.init(calls[name] + RETURN_COMPLETED)
    wat.job("test", RETURN_COMPLETED)
    host = RecordingHost()
    error = error_of(wat.module(), host)
    assert error.kind == "abi_violation"
    assert error.data == {"function": name, "argument": "call", "value": "plugin_init"}
    assert host.calls == []


# --- threads ---------------------------------------------------------------------------------------------------------


def test_guests_that_fail_at_once_in_two_threads_get_their_own_errors() -> None:
    modules = []
    for value in (111, 222):
        wat = Wat()
        wat.job(
            "test", wat.log() + wat.call("job_increment_items", wat.job_id, i64(-value)) + forever() + "(unreachable)"
        )
        modules.append(wat.module())
    rounds, barrier = 50, threading.Barrier(2)
    found: list[list[object]] = [[], []]

    def meet() -> None:
        # Both are within a host call now, and go on to fail in the next one together.
        barrier.wait(30)

    def fail(index: int) -> None:
        for _ in range(rounds):
            host = RecordingHost()
            host.hooks["log"] = meet
            found[index].append(error_of(modules[index], host).data["value"])

    threads = [threading.Thread(target=fail, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [[-111] * rounds, [-222] * rounds]


def test_an_exception_that_somebody_else_left_in_wasmtime_is_not_raised_here(
    boundary: BoundaryName, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process-global variable through which wasmtime-py carries exceptions of host functions.
    left = KeyError("of another guest")
    monkeypatch.setattr(wasmtime._func, "LAST_EXCEPTION", left)
    error = error_of(job("(unreachable)"))
    if boundary == "stock":
        assert (error.kind, error.blame) == ("host_error", "host"), "the reason is lost, and the guest not to blame"
        return
    assert error.kind == "trap"
    assert run(job(RETURN_COMPLETED)).exit is Exit.COMPLETED
    assert wasmtime._func.LAST_EXCEPTION is left, "nor taken away from whoever it belongs to"


def test_a_host_function_leaves_no_exception_in_wasmtime() -> None:
    wat = Wat()
    wat.job("test", wat.call("job_increment_items", wat.job_id, i64(-1)) + forever() + "(unreachable)")
    error_of(wat.module())
    assert wasmtime._func.LAST_EXCEPTION is None


def test_killing_one_guest_leaves_another_alone() -> None:
    wat = Wat()
    wat.job("test", wat.log() + RETURN_COMPLETED)
    first, second = make_guest(wat.module()), make_guest(wat.module())
    first.kill()
    results: list[GuestResult] = [guest.run(RecordingHost(), b"") for guest in (first, second)]
    first.close()
    second.close()
    assert [result.exit for result in results] == [Exit.STOPPED, Exit.COMPLETED]


def test_every_kind_is_a_known_one() -> None:
    errors: list[JobError] = [
        error_of(job("(unreachable)")),
        error_of(job(forever() + "(i32.const 0)"), fuel=10),
        error_of(job("(call $deep (i32.const 0))")),
        error_of(job(RETURN_FAILED)),
        error_of(job("(i32.const 9)")),
        error_of(job(RETURN_COMPLETED, memory="9"), memory_bytes=PAGE),
    ]
    assert {error.kind for error in errors} <= set(ERROR_KINDS)
    assert all(isinstance(frame, WasmFrame) for error in errors for frame in error.backtrace)
