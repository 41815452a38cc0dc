"""Which boundary is chosen: the fast one where it does what it should, the other where it does anything else."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import pytest
import wasmtime
from wasmtime import component
from wasmtime.component import Component

from perdure.runtime import RuntimeSettings
from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.boundary import component_self_check, self_check, support
from perdure.runtime.wasm.boundary.choice import COMPONENTS, MODULES, Selection
from perdure.runtime.wasm.boundary.component_self_check import component_fault
from perdure.runtime.wasm.boundary.protocol import (
    Boundary,
    ComponentBoundary,
    Guard,
    ImportedComponentFunction,
    ImportedFunction,
)
from perdure.runtime.wasm.boundary.raw import RawBoundary, RawFuel, RawInstance, RawMemory
from perdure.runtime.wasm.boundary.raw_components import RawComponentBoundary, RawComponentInstance
from perdure.runtime.wasm.boundary.self_check import fault
from perdure.runtime.wasm.boundary.stock import StockBoundary
from perdure.runtime.wasm.boundary.stock_components import StockComponentBoundary
from perdure.runtime.wasm.engine import SETTINGS
from perdure.runtime.wasm.errors import BoundaryUnavailable


def test_both_boundaries_are_without_a_fault() -> None:
    assert [fault(RawBoundary()), fault(StockBoundary())] == ["", ""]
    assert [component_fault(RawComponentBoundary()), component_fault(StockComponentBoundary())] == ["", ""]


def test_here_the_fast_one_is_chosen() -> None:
    assert (MODULES.of("auto").name, COMPONENTS.of("auto").name) == ("raw", "raw")
    assert (MODULES.of("stock").name, COMPONENTS.of("stock").name) == ("stock", "stock")
    assert (MODULES.refusal, COMPONENTS.refusal) == ("", "")


@pytest.mark.parametrize("check", [self_check, component_self_check])
def test_what_is_run_is_what_stands_there_to_be_read(check: Any) -> None:
    assert bytes(wasmtime.wat2wasm(check.SOURCE)) == check.MODULE


# --- a boundary that is wrong in one thing ---------------------------------------------------------------------------


class Altered(RawBoundary):
    """The fast one, with other imports, another instance or another gauge."""

    def __init__(
        self,
        *,
        imported: Callable[[ImportedFunction], ImportedFunction] = lambda function: function,
        instance: Callable[[RawInstance], Any] = lambda instance: instance,
        gauge: Callable[[RawFuel], Any] = lambda gauge: gauge,
        guard: Callable[[Guard], Guard] = lambda guard: guard,
    ) -> None:
        self._imported, self._altered, self._gauge, self._guard = imported, instance, gauge, guard

    def fuel(self, store: wasmtime.Store) -> Any:
        return self._gauge(super().fuel(store))

    def define(self, linker: wasmtime.Linker, functions: Iterable[ImportedFunction], guard: Guard) -> object:
        return super().define(linker, [self._imported(function) for function in functions], self._guard(guard))

    def instantiate(self, linker: wasmtime.Linker, store: wasmtime.Store, module: wasmtime.Module) -> Any:
        return self._altered(super().instantiate(linker, store, module))


def with_body(change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Boundary:
    """Whose host functions are called otherwise."""

    def imported(function: ImportedFunction) -> ImportedFunction:
        if function.name != "values":
            return function
        return ImportedFunction(
            function.module, function.name, function.signature, change(function.body), function.when_stopped
        )

    return Altered(imported=imported)


class OtherInstance:
    """An instance with another memory, or other exports."""

    def __init__(self, instance: RawInstance, memory: Any = None, function: Any = None) -> None:
        self.memory = memory or instance.memory
        self.function = function or instance.function


def stale_memory(instance: RawInstance) -> OtherInstance:
    """Which goes on where it was, after the memory has moved."""
    assert instance.memory is not None
    memory: RawMemory = instance.memory
    old = bytes(memory.window(memory.size())[0 : memory.size()])

    class Stale:
        def size(self) -> int:
            return memory.size()

        def window(self, size: int) -> bytearray:
            return bytearray(old.ljust(size, b"\0"))

        def write(self, pointer: int, data: bytes) -> None:
            memory.write(pointer, data)

    return OtherInstance(instance, memory=Stale())


def short_memory(instance: RawInstance) -> OtherInstance:
    """Which does not see that it has grown."""
    assert instance.memory is not None
    memory = instance.memory
    size = memory.size()
    short = mock.Mock(wraps=memory)
    short.size = lambda: size
    return OtherInstance(instance, memory=short)


def swallows_traps(instance: RawInstance) -> OtherInstance:
    def function(name: str, parameters: int, results: int) -> Any:
        call = instance.function(name, parameters, results)
        assert call is not None

        def quiet(*arguments: int) -> int | None:
            try:
                return call(*arguments)
            except wasmtime.Trap:
                return 0

        return quiet

    return OtherInstance(instance, function=function)


def takes_anything(instance: RawInstance) -> OtherInstance:
    def function(name: str, parameters: int, results: int) -> Any:
        call = instance.function(name, 1 if name == "pass" else parameters, results)
        assert call is not None
        return lambda *arguments: call(*(arguments or (0,) * (name == "pass")))

    return OtherInstance(instance, function=function)


class LyingGauge:
    def __init__(self, gauge: RawFuel, *, left: int = 0, sets: bool = True) -> None:
        self._gauge, self._more, self._sets = gauge, left, sets

    def left(self) -> int:
        return self._gauge.left() + self._more

    def set(self, fuel: int) -> None:
        if self._sets:
            self._gauge.set(fuel)


class Deaf:
    """A guard that hears of no error, and serves on."""

    def __init__(self, guard: Guard) -> None:
        self.stopped_by: BaseException | None = None
        self._guard = guard

    def stop(self, cause: BaseException, function: str) -> None:
        pass


def shifted(body: Callable[..., Any]) -> Callable[..., Any]:
    """A reader of values that is 32 bits off in the second."""
    return lambda first, second, *others: body(
        first, struct.unpack("<q", struct.pack("<q", second)[4:] * 2)[0], *others
    )


BROKEN = {
    "values that are read wrongly": (with_body(shifted), "values of a call"),
    "a lost sign": (with_body(lambda body: lambda first, *others: body(first % 2**32, *others)), "call"),
    "an answer that is lost": (with_body(lambda body: lambda *given: body(*given) and 0), "answers"),
    "memory where it was": (Altered(instance=stale_memory), "memory"),
    "memory that did not grow": (Altered(instance=short_memory), "memory that has grown"),
    "fuel that is not there": (Altered(gauge=lambda gauge: LyingGauge(gauge, left=1)), "fuel"),
    "fuel that is not set": (Altered(gauge=lambda gauge: LyingGauge(gauge, sets=False)), "fuel that was set"),
    "a trap that is none": (Altered(instance=swallows_traps), "did not trap"),
    "a call that does not fit": (Altered(instance=takes_anything), "without its argument"),
    "an error that is not heard of": (Altered(guard=Deaf), "error of the host"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_check_finds(name: str) -> None:
    boundary, found = BROKEN[name]
    assert found in fault(boundary)


class Garbled(RawComponentBoundary):
    """Texts lose what is behind their third character."""

    def define(
        self, instance: component.LinkerInstance, functions: Iterable[ImportedComponentFunction], guard: Guard
    ) -> object:
        def garbled(function: ImportedComponentFunction) -> ImportedComponentFunction:
            def body(text: str, number: int) -> str:
                return str(function.body(text[:3], number))

            return ImportedComponentFunction(function.name, function.kind, body)

        return super().define(instance, [*map(garbled, functions)], guard)


class Mute(RawComponentBoundary):
    """Errors of the host end nothing."""

    def instantiate(self, linker: component.Linker, store: wasmtime.Store, code: Component) -> Any:
        instance: RawComponentInstance = super().instantiate(linker, store, code)

        def function(name: str, kind: Any) -> Any:
            call = instance.function(name, kind)
            assert call is not None

            def quiet(*arguments: Any) -> Any:
                try:
                    return call(*arguments)
                except wasmtime.WasmtimeError:
                    return ""

            return quiet

        return mock.Mock(function=function)


class OtherFuel(RawComponentBoundary):
    def fuel(self, store: wasmtime.Store) -> Any:
        return LyingGauge(super().fuel(store), left=1)


@pytest.mark.parametrize(
    ("boundary", "found"), [(Garbled(), "instead of"), (Mute(), "went on"), (OtherFuel(), "fuel used")]
)
def test_the_check_of_components_finds(boundary: ComponentBoundary, found: str) -> None:
    assert found in component_fault(boundary)


# --- what becomes of it ----------------------------------------------------------------------------------------------


def selection(raw: Callable[[], Boundary] = RawBoundary, unknown: str = "", check: Any = fault) -> Selection[Boundary]:
    return Selection("modules", raw, StockBoundary, check, lambda: unknown)


def test_a_fast_one_that_fails_its_check_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    chosen = selection(lambda: Altered(instance=stale_memory))
    with caplog.at_level(logging.WARNING):
        assert [chosen.of("auto").name for _ in range(3)] == ["stock"] * 3
    (record,) = caplog.records
    assert "self-check: memory" in record.message
    assert "self-check: memory" in chosen.refusal


def test_one_that_lacks_a_function_is_not_used() -> None:
    def lacks() -> Boundary:
        return c_api.holding_gil("wasmtime_no_such_function", None)  # type: ignore[no-any-return]  # it raises

    chosen = selection(lacks)
    assert chosen.of("auto").name == "stock"
    assert "wasmtime_no_such_function" in chosen.refusal
    with pytest.raises(BoundaryUnavailable, match="wasmtime_no_such_function"):
        chosen.of("raw")


def test_of_a_wasmtime_that_is_not_known_nothing_is_tried() -> None:
    def forbidden() -> Boundary:
        raise AssertionError("it was tried")

    assert selection(forbidden, unknown="another wasmtime").of("auto").name == "stock"


def test_what_is_known_of_wasmtime() -> None:
    assert support.why_unknown() == ""
    with mock.patch.object(support, "wasmtime_version", return_value="51.0.0"):
        assert support.why_unknown() == "wasmtime is 51.0.0, only 50 is known"
    assert support.wrong_size({"wasmtime_val_t": 24}) == "wasmtime_val_t has 32 bytes, not 24"
    assert support.wrong_size({"wasmtime_nothing_t": 8}) == "wasmtime has no wasmtime_nothing_t"


def test_it_is_checked_once_by_all_threads() -> None:
    checks: list[Boundary] = []

    def check(boundary: Boundary) -> str:
        checks.append(boundary)
        return ""

    chosen = selection(check=check)
    threads = [threading.Thread(target=chosen.of, args=("auto",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checks) == 1
    assert selection(check=check).of("raw").name == "raw"
    assert selection(check=check).of("stock").name == "stock"
    assert len(checks) == 1, "what is asked for is not checked"


def test_a_choice_that_is_none() -> None:
    with pytest.raises(ValueError, match="auto, raw or stock"):
        MODULES.of("fast")  # type: ignore[arg-type]  # that is it
    assert RuntimeSettings().boundary == "auto"


def test_a_memory_cannot_move() -> None:
    # The array through which a guest's memory is read stays where it was while the guest goes on.
    assert (SETTINGS["memory_may_move"], SETTINGS["memory_reservation"]) == (False, 1 << 32)
