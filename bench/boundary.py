"""The boundary between a guest and its host, with nothing behind it: no actor, no event, no log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from bench.figure import BenchFailed, Better, Figure, Group
from bench.guests import EXTENSION, WORK, compiled
from bench.sizes import Sizes
from perdure.actors.guest import Exit, GuestSpec, Interrupt
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.module_cache import ModuleCache

_CALL = Figure("host_call", "host call, 100 bytes, nothing behind it", "µs", Better.LESS, "bare_host_call")
_STOCK = Figure("host_call_stock", "the same behind the stock boundary", "µs", Better.LESS, "wrapped_host_call")
_JOB = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class MemoryLedger:
    """Digests of machine code, kept in memory (`perdure.runtime.wasm.module_cache.ArtifactLedger`)."""

    def __init__(self) -> None:
        self._artifacts: dict[tuple[str, str], str] = {}

    def artifact(self, module: str, engine: str) -> str | None:
        return self._artifacts.get((module, engine))

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        self._artifacts[(module, engine)] = artifact


class SilentHost:
    """A `GuestHost` that does nothing; ``warnings`` counts the calls that are measured."""

    def __init__(self) -> None:
        self.warnings = 0

    def log(self, fuel: int, level: int, message: str) -> None:
        pass

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        pass

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        return True

    def check_interrupt(self, fuel: int) -> Interrupt:
        return Interrupt.CONTINUE

    def add_warning(self, fuel: int, message: str) -> None:
        self.warnings += 1

    def increment_items(self, fuel: int, count: int) -> None:
        pass

    def increment_bytes(self, fuel: int, count: int) -> None:
        pass

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        return b"{}"


def groups(sizes: Sizes) -> Iterator[Group]:
    """One figure for each boundary."""
    yield Group((_CALL,), partial(_host_call, count=sizes.host_calls, key=_CALL.key, boundary="raw"))
    yield Group((_STOCK,), partial(_host_call, count=sizes.host_calls, key=_STOCK.key, boundary="stock"))


def _host_call(folder: Path, count: int, key: str, boundary: BoundaryName) -> Mapping[str, float]:
    factory, module = warning_guests(folder, boundary)
    run_warnings(factory, module, 0)
    # What a run costs beside its calls is measured with none of them, and taken away.
    empty = run_warnings(factory, module, 0)
    return {key: (run_warnings(factory, module, count) - empty) / count * 1e6}


def warning_guests(folder: Path, boundary: BoundaryName = "raw") -> tuple[WasmGuestFactory, str]:
    """What makes guests of the bench's module, and the module's digest."""
    module = compiled(WORK)
    factory = WasmGuestFactory(ModuleCache(folder / "cache", MemoryLedger(), lambda _: module), boundary)
    return factory, hashlib.sha256(module).hexdigest()


def run_warnings(factory: WasmGuestFactory, module: str, count: int) -> float:
    """A guest makes ``count`` host calls of 100 bytes; the seconds of its run."""
    guest = factory(
        GuestSpec(
            job_id=_JOB,
            library_id=UUID(int=0),
            extension=EXTENSION,
            module=module,
            export="execute_warnings",
            fuel=None,
            memory_bytes=16 << 20,
            stack_bytes=512 << 10,
            payload_bytes=1 << 20,
            checkpoint_bytes=1 << 20,
        )
    )
    host = SilentHost()
    try:
        start = time.perf_counter()
        result = guest.run(host, b'{"left":%d}' % count)
        seconds = time.perf_counter() - start
    finally:
        guest.close()
    if result.exit is not Exit.COMPLETED or host.warnings != count:
        raise BenchFailed(f"the guest made {host.warnings} of {count} calls: {result}")
    return seconds
