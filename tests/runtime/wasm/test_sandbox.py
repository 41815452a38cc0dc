"""What only a sandbox can show: memory that stays put, stops within straight code, and its own end."""

from __future__ import annotations

import pytest
import wasmtime
from tests.support.module_guests import CompiledModule
from tests.support.wat import PAGE, compiled, forever

from perdure.runtime.wasm.boundary.choice import MODULES
from perdure.runtime.wasm.boundary.raw import RawMemory
from perdure.runtime.wasm.guest_store import UNLIMITED_FUEL, SandboxLimits
from perdure.runtime.wasm.sandbox import Sandbox


class NoImports:
    """A guard that has nothing to guard."""

    stopped_by: BaseException | None = None

    def stop(self, cause: BaseException, function: str) -> None:
        raise AssertionError(function)


pytestmark = pytest.mark.usefixtures("boundary")


def sandbox(source: str, **changes: int | None) -> Sandbox:
    limits = {"fuel": None, "memory_bytes": 1 << 32, "stack_bytes": 64 * 1024} | changes
    loader = CompiledModule(compiled(source))
    made = Sandbox(loader, SandboxLimits(**limits), MODULES.of("auto"))  # type: ignore[arg-type]  # as above
    made.instantiate([], NoImports())
    return made


def test_a_memory_does_not_move_when_it_grows() -> None:
    made = sandbox(
        """(module (memory (export "memory") 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"""
    )
    grow = made.function("grow", 1, 1)
    assert grow is not None
    assert made.memory is not None
    assert made.memory_bytes() == PAGE
    made.memory.write(10, b"here")
    window = made.memory.window(PAGE)
    before = made.memory.base() if isinstance(made.memory, RawMemory) else 0
    for pages in (1, 100, 60_000):
        assert grow(pages) != -1
        assert window[10:14] == b"here"
        assert not isinstance(made.memory, RawMemory) or made.memory.base() == before
    made.memory.write(60_102 * PAGE - 1, b"!")
    assert made.memory.window(60_102 * PAGE)[60_102 * PAGE - 1 : 60_102 * PAGE] == b"!"
    assert made.memory_bytes() == 60_102 * PAGE
    assert grow(10_000) == -1, "4 GiB is the end"
    made.close()
    assert made.memory_bytes() == 60_102 * PAGE


def test_numbers_of_32_bits_pass_signed_or_unsigned() -> None:
    made = sandbox('(module (func (export "same") (param i32) (result i32) (local.get 0)))')
    same = made.function("same", 1, 1)
    assert same is not None
    assert [same(value) for value in (0, -1, 2**32 - 1, 2**31, -(2**31))] == [0, -1, -1, -(2**31), -(2**31)]
    made.close()


def test_a_function_that_takes_something_else_is_an_error_and_no_crash() -> None:
    made = sandbox('(module (func (export "f") (param i64)) (memory (export "m") 1))')
    wrong = made.function("f", 1, 0)
    assert wrong is not None
    with pytest.raises(wasmtime.WasmtimeError):
        wrong(1)
    assert made.function("m", 0, 0) is None
    assert made.function("nothing", 0, 0) is None
    assert made.memory is None
    made.close()


@pytest.mark.parametrize("changes", [{"fuel": -1}, {"fuel": UNLIMITED_FUEL + 1}, {"memory_bytes": -1}])
def test_limits_that_wasmtime_would_take_for_none(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        sandbox("(module)", **changes)


def test_fuel_is_counted_and_kept_after_the_end() -> None:
    made = sandbox(f'(module (func (export "f") {forever()}))', fuel=5_000)
    function = made.function("f", 0, 0)
    assert function is not None
    assert made.fuel_used() == 0
    with pytest.raises(wasmtime.Trap):
        function()
    assert made.fuel_used() == 5_000
    made.close()
    made.close()
    made.kill()
    assert made.fuel_used() == 5_000


def test_halt_takes_the_fuel_and_remembers_what_was_used() -> None:
    made = sandbox('(module (func (export "f") (loop $l (br_if $l (i32.const 0)))))')
    function = made.function("f", 0, 0)
    assert function is not None
    function()
    used = made.fuel_used()
    assert used > 0
    made.halt()
    with pytest.raises(wasmtime.Trap) as stopped:
        function()
    assert stopped.value.trap_code is wasmtime.TrapCode.OUT_OF_FUEL
    assert made.fuel_used() == used
    made.close()


def test_tables_have_a_limit() -> None:
    made = sandbox(
        """(module (table 1 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"""
    )
    grow = made.function("grow", 1, 1)
    assert grow is not None
    assert grow(1000) == 1
    assert grow(1 << 18) == -1
    made.close()


def test_more_fuel_can_be_allowed_and_none_is_forgotten() -> None:
    made = sandbox(f'(module (func (export "f") {forever()}))', fuel=5_000)
    function = made.function("f", 0, 0)
    assert function is not None
    for fuel in (5_000, 9_000, 2_000, 12_000):
        made.allow_fuel(fuel)
        with pytest.raises(wasmtime.Trap) as stopped:
            function()
        assert stopped.value.trap_code is wasmtime.TrapCode.OUT_OF_FUEL
        assert made.fuel_used() == {2_000: 9_000}.get(fuel, fuel)

    made.halt()
    made.allow_fuel(50_000)
    with pytest.raises(wasmtime.Trap):
        function()
    assert made.fuel_used() == 12_000
    made.close()
