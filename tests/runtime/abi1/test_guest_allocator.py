"""Allocators that fail, lie, or misbehave."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.module_guests import CompiledModules, digest, error_of, make_guest, run, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.wat import PAGE, RETURN_COMPLETED, Wat, allocator, forever

from perdure.actors.guest import Exit, GuestLoadFailed
from perdure.runtime.abi1.allocator import MAX_ALLOCATION, GuestAllocator
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.wasm.errors import BadExport

pytestmark = pytest.mark.usefixtures("boundary")


def scripted(*results: str, **wat_options: Any) -> Wat:
    """A guest whose allocator answers these, one after the other, and which makes one operation call.

    The first is for the context, the second for the state if there is one, the next for the answer.
    """
    chain = "(i32.const 0)"
    for number, result in reversed(list(enumerate(results, 1))):
        chain = f"(if (result i32) (i32.eq (global.get $calls) (i32.const {number})) (then {result}) (else {chain}))"
    body = f"(global.set $calls (i32.add (global.get $calls) (i32.const 1))) {chain}"
    wat = Wat(alloc=f"(global $calls (mut i32) (i32.const 0)) {allocator(body)}", **wat_options)
    # 0 from the operation is "interrupted"; a pointer is "completed".
    wat.job("test", f"(i32.eqz {wat.operation()})")
    return wat


def violation_of(wat: Wat, **changes: Any) -> dict[str, Any]:
    error = error_of(wat.module(), **changes)
    assert error.kind == "abi_violation", error
    assert error.data["function"] == "wasm_alloc"
    return error.data


def test_a_well_behaved_script() -> None:
    assert run(scripted("(i32.const 40000)", "(i32.const 41000)").module()).exit is Exit.COMPLETED


@pytest.mark.parametrize("state", [b"", b"{}"])
def test_0_for_the_context_or_the_state_with_memory_left(state: bytes) -> None:
    results = ["(i32.const 40000)"] if state else []
    wat = scripted(*results, "(i32.const 0)")
    assert violation_of(wat, state=state) == {"function": "wasm_alloc", "argument": "result", "value": 0}


def test_0_for_an_answer_with_memory_left() -> None:
    assert violation_of(scripted("(i32.const 40000)", "(i32.const 0)"))["value"] == 0


def test_0_for_an_answer_at_the_memory_limit_reaches_the_guest() -> None:
    # The whole memory is in use from the start, so that no answer can be delivered.
    wat = scripted("(i32.const 40000)", "(i32.const 0)")
    assert run(wat.module(), memory_bytes=PAGE).exit is Exit.INTERRUPTED


def test_0_for_an_answer_at_the_modules_own_maximum_reaches_the_guest() -> None:
    wat = scripted("(i32.const 40000)", "(i32.const 0)", memory="1 1")
    assert run(wat.module()).exit is Exit.INTERRUPTED


def test_0_for_the_state_at_the_memory_limit_is_called_memory() -> None:
    wat = scripted("(i32.const 40000)", "(i32.const 0)")
    error = error_of(wat.module(), state=b"{}", memory_bytes=PAGE)
    assert error.kind == "memory"
    assert error.limit is not None
    assert (error.limit.limit, error.limit.value, error.limit.used) == ("memory_bytes", PAGE, PAGE)


def test_a_state_larger_than_the_memory_may_grow_to() -> None:
    wat = Wat()
    wat.job("test", RETURN_COMPLETED)
    error = error_of(wat.module(), state=b"x" * (4 * PAGE), memory_bytes=2 * PAGE)
    assert error.kind == "memory"
    assert run(wat.module(), state=b"x" * (4 * PAGE), memory_bytes=6 * PAGE).exit is Exit.COMPLETED


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [(PAGE, PAGE), (PAGE - 1, PAGE - 1), (-1, 2**32 - 1), (-(2**31), 2**31), (2**31 - 1, 2**31 - 1)],
)
def test_a_range_that_is_not_within_the_memory(pointer: int, shown: int) -> None:
    for results, state in (((), b""), (("(i32.const 40000)",), b"{}"), (("(i32.const 40000)",), b"")):
        wat = scripted(*results, f"(i32.const {pointer})")
        assert violation_of(wat, state=state) == {"function": "wasm_alloc", "argument": "result", "value": shown}


def test_the_last_bytes_of_the_memory_are_within_it() -> None:
    answer = b'{"ok": true}'
    last = PAGE - len(answer) - 1
    host = RecordingHost(answer=answer)
    assert run(scripted("(i32.const 40000)", f"(i32.const {last})").module(), host).exit is Exit.COMPLETED
    assert violation_of(scripted("(i32.const 40000)", f"(i32.const {last + 1})"), host=host)["value"] == last + 1


@given(pointer=st.integers(32_768, 50_000))
@example(40_000)
@example(40_000 - 100)
@example(40_000 - 99)
@example(40_000 + 103)
@example(40_000 + 104)
def test_an_answer_may_not_lie_over_the_context(pointer: int) -> None:
    context_length = len(b'{"job_id": "", "library_id": ""}') + 72
    wat = scripted("(i32.const 40000)", f"(i32.const {pointer})")
    answer = b"x" * 99
    overlaps = pointer < 40_000 + context_length and pointer + 100 > 40_000
    if overlaps:
        assert violation_of(wat, host=RecordingHost(answer=answer))["value"] == pointer
    else:
        assert run(wat.module(), RecordingHost(answer=answer)).exit is Exit.COMPLETED


def test_the_state_may_not_lie_over_the_context() -> None:
    wat = scripted("(i32.const 40000)", "(i32.const 40000)")
    assert violation_of(wat, state=b"{}")["value"] == 40_000


def test_an_answer_may_lie_where_an_earlier_one_was() -> None:
    # The guest owns answers, and may have freed the first one.
    wat = scripted("(i32.const 40000)", "(i32.const 41000)", "(i32.const 41000)")
    wat.job("twice", f"(drop {wat.operation()}) (i32.eqz {wat.operation()})")
    assert run(wat.module(), export="execute_twice").exit is Exit.COMPLETED


@pytest.mark.parametrize("where", ["context", "answer"])
@pytest.mark.parametrize("name", ["spacedrive_log", "register_job", "job_check_interrupt", "spacedrive_call"])
def test_an_allocator_may_not_call_the_host(where: str, name: str) -> None:
    wat = Wat(alloc="")
    arguments = {"spacedrive_log": 3, "register_job": 5, "job_check_interrupt": 1, "spacedrive_call": 5}[name]
    call = wat.call(name, *[0] * arguments)
    call = call if name == "spacedrive_log" else f"(drop {call})"
    at = 1 if where == "context" else 2
    wat.add("(global $calls (mut i32) (i32.const 0))")
    wat.add(
        allocator(
            f"""(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (if (i32.eq (global.get $calls) (i32.const {at})) (then {call} {call}))
            (i32.add (i32.const 40000) (i32.mul (global.get $calls) (i32.const 1000)))"""
        )
    )
    wat.job("test", f"(i32.eqz {wat.operation()})")
    host = RecordingHost()
    error = error_of(wat.module(), host)
    assert error.kind == "abi_violation"
    assert error.data == {"function": name, "argument": "call", "value": "wasm_alloc or wasm_free"}
    assert host.names == ([] if where == "context" else ["call"])


@pytest.mark.parametrize(("at", "during"), [(1, "context"), (2, "answer")])
@pytest.mark.parametrize(
    ("body", "kind"),
    [("(unreachable)", "trap"), (forever() + "(unreachable)", "out_of_fuel"), ("(call $deep)", "stack_overflow")],
)
def test_an_allocator_that_does_not_return(at: int, during: str, body: str, kind: str) -> None:
    wat = scripted(*["(i32.const 40000)"] * (at - 1), body)
    wat.add("(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))")
    error = error_of(wat.module(), fuel=10_000_000)
    assert error.kind == kind, during
    assert error.data["during"] == "wasm_alloc"
    assert error.backtrace[-1].function in ("wasm_alloc", "deep", "execute_test")


def test_an_allocator_that_is_killed_is_stopped() -> None:
    wat = scripted("(i32.const 40000)", forever() + "(unreachable)")
    guest, host = make_guest(wat.module()), RecordingHost()
    host.hooks["call"] = guest.kill
    result = guest.run(host, b"")
    guest.close()
    assert (result.exit, result.error) == (Exit.STOPPED, None)


def test_an_allocator_may_grow_the_memory_under_an_answer() -> None:
    wat = Wat()
    wat.job("test", f"(i32.eqz {wat.operation()})")
    result = run(wat.module(), RecordingHost(answer=b"x" * 1_000_000))
    assert result.exit is Exit.COMPLETED
    assert result.memory_bytes > 1_000_000


@pytest.mark.parametrize("export", ["execute_test", "go"])
def test_a_module_without_an_allocator_cannot_run_a_job(export: str) -> None:
    wat = Wat(alloc="")
    wat.job("test", RETURN_COMPLETED, export=export)
    module = wat.module()
    with pytest.raises(GuestLoadFailed, match="wasm_alloc") as failure:
        WasmGuestFactory(CompiledModules(module))(spec_for(digest(module), export=export))
    assert (failure.value.error.kind, failure.value.error.blame) == ("load_failed", "guest")
    assert failure.value.error.data["exception"] == BadExport.__name__


def test_an_answer_ends_with_a_nul_even_in_used_memory() -> None:
    answer = b'{"ok": true}'
    wat = scripted("(i32.const 40000)", "(i32.const 50000)")
    wat.job(
        "fill",
        f"""(memory.fill (i32.const 50000) (i32.const 255) (i32.const 1000))
        (drop {wat.operation()})
        (i32.load8_u (i32.const {50_000 + len(answer)}))""",
    )
    assert run(wat.module(), RecordingHost(answer=answer), export="execute_fill").exit is Exit.COMPLETED


def test_no_allocation_is_as_large_as_a_negative_length() -> None:
    def never(size: int) -> int:
        raise AssertionError(size)

    # The memory is not looked at before the allocator is asked.
    assert GuestAllocator(None, never, None).allocate(MAX_ALLOCATION + 1) is None  # type: ignore[arg-type]  # as said
