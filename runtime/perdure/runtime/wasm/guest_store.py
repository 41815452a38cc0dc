"""An engine and a store of their own for one guest, with its fuel, its limits and its kill switch.

A guest store belongs to the thread that runs its guest; only `GuestStore.kill` may be called from others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import wasmtime

from perdure.runtime.wasm.boundary.protocol import FuelGauge
from perdure.runtime.wasm.engine import new_engine

# "No limit", as a number that fuel arithmetic can go on with. No guest uses it up: it is more than a hundred years.
UNLIMITED_FUEL: Final = 1 << 62

# A table's element takes 8 bytes of the host, outside the memory limit: 32 MiB at the most for one guest. CPython, as
# big a guest as there is, has two tables of some 10,000 elements.
MAX_TABLE_ELEMENTS: Final = 1 << 18
MAX_TABLES: Final = 16


class SandboxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox may use: ``fuel`` in wasmtime's units (None: no limit), memory and stack in bytes."""

    fuel: int | None
    memory_bytes: int
    stack_bytes: int


class GuestStore:
    """The store of one guest. ``instances`` is how many core instances it may consist of; all share one memory.

    ``gauge`` makes the gauge of its fuel.
    """

    def __init__(self, limits: SandboxLimits, gauge: Callable[[wasmtime.Store], FuelGauge], *, instances: int) -> None:
        """Make the engine and the store.

        Raises:
            ValueError: a limit is out of its range; wasmtime would take a negative one for "no limit".
        """
        fuel = UNLIMITED_FUEL if limits.fuel is None else limits.fuel
        if not 0 <= fuel <= UNLIMITED_FUEL:
            raise ValueError(f"fuel is {fuel}; it must be from 0 to {UNLIMITED_FUEL}")
        if not 0 <= limits.memory_bytes < 1 << 63:
            raise ValueError(f"memory_bytes is {limits.memory_bytes}; it must not be negative")
        engine = new_engine(limits.stack_bytes)
        self.limits = limits
        self.store = wasmtime.Store(engine)
        self.store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=instances,
            tables=MAX_TABLES,
            memories=1,
        )
        self.store.set_fuel(fuel)
        # Counted from the engine's present epoch: it has to be set before anybody can kill.
        self.store.set_epoch_deadline(1)
        self._gauge = gauge(self.store)
        self._left = self._gauge.left
        self.entered = 0
        self.is_killed = False
        self._fuel = fuel
        self._fuel_at_end: int | None = None
        self._engine: wasmtime.Engine | None = engine

    @property
    def engine(self) -> wasmtime.Engine:
        """The engine.

        Raises:
            ValueError: the store is closed.
        """
        if self._engine is None:
            raise ValueError("the sandbox is closed")
        return self._engine

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self._engine is not None

    def fuel_used(self) -> int:
        """The fuel consumed so far; after `halt` or `close`, what it was then.

        Exact in host functions and after a return. Of a guest that was killed, what it did since its last call is
        missing: wasmtime keeps that count in a register.
        """
        if self._fuel_at_end is not None:
            return self._fuel_at_end
        return self._fuel - self._left()

    def is_out_of_fuel(self) -> bool:
        """Whether all of it is consumed."""
        return self._fuel_at_end is None and self.fuel_used() >= self._fuel

    def allow_fuel(self, fuel: int) -> None:
        """Let the guest consume ``fuel`` in all from now on; from its own thread, before it runs or in a host function.

        Nothing of what it has consumed is forgotten, and one that was halted stays so.
        """
        if self._fuel_at_end is None:
            used = self.fuel_used()
            self._fuel = max(used, min(fuel, UNLIMITED_FUEL))
            self._gauge.set(self._fuel - used)

    def halt(self) -> None:
        """Stop the guest from within a host function: it traps at its next fuel check, if not at once.

        Until there it can run straight on, and call the host again: host functions have to look for that.
        """
        self._fuel_at_end = self.fuel_used()
        self._gauge.set(0)

    def kill(self) -> None:
        """Stop the guest, wherever it is, at its next function or loop. Thread-safe, idempotent, at any time.

        A guest that has not started yet will stop before its first instruction.
        """
        # The reference keeps the engine alive while another thread closes the sandbox.
        engine = self._engine
        if engine is not None:
            self.is_killed = True
            engine.increment_epoch()

    def close(self) -> bool:
        """Free the store; idempotent: False where it was closed before.

        Raises:
            RuntimeError: called from one of the guest's own host calls.
        """
        if self.entered:
            raise RuntimeError("a sandbox cannot be closed while its guest runs")
        if self._engine is None:
            return False
        self._fuel_at_end = self.fuel_used()
        self._engine = None
        # Explicitly, not by garbage collection: the store holds the host functions, and they may hold us.
        self.store.close()
        return True
