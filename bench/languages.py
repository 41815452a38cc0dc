"""The same counter in each language, by hand and with the SDK: what it takes to write, and what it costs.

    python3 -m bench.languages [--runs 3] [--calls 20000] [--only c,zig] [--dir DIR]

Each row with the SDK stands beside the one by hand, which is its floor; the floor of all host calls is measured first.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from bench.boundary import MemoryLedger, SilentHost
from bench.disk import filesystem, scratch
from bench.figure import BenchFailed
from bench.floors import bare_host_call_us
from bench.language_builds import EXTENSION, LANGUAGES, Compiled, Counter, compiled, counters
from bench.machine import describe_machine, spin_ms
from perdure.actors.guest import Exit, GuestSpec
from perdure.runtime import JobLimits
from perdure.runtime.guests.describe import describe
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.toolchain import Language

_JOB: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
_CALLS: Final = 5  # of the host, in each step
_NAMES: Final = {Language.C: "C", Language.ZIG: "Zig", Language.RUST: "Rust", Language.PYTHON: "Python"}
_WAYS: Final = {"by_hand": "by hand", "with_sdk": "SDK"}
_HEAD: Final = (
    *("", "lines", "boilerplate", ".wasm, KB", "build, s", "compile cold, ms", "cached, ms", "start, ms"),
    "host call, µs",
)


class Measured(msgspec.Struct):
    """What was measured of one counter; the lists have a value of each round."""

    compiled: Compiled
    cold: list[float] = []
    cached: list[float] = []
    start: list[float] = []
    call: list[float] = []


class _CountingHost(SilentHost):
    """Counts what the counter counts."""

    def __init__(self) -> None:
        super().__init__()
        self.items = 0

    def increment_items(self, fuel: int, count: int) -> None:
        self.items += count


def measure(one: Compiled, calls: int, folder: Path, into: Measured) -> None:
    """One round, in an empty folder."""
    digest = hashlib.sha256(one.wasm).hexdigest()
    ledger = MemoryLedger()
    limits = SandboxLimits(fuel=None, memory_bytes=256 << 20, stack_bytes=JobLimits().stack_bytes)

    def load() -> tuple[float, str, ModuleCache]:
        cache = ModuleCache(folder / "cache", ledger, lambda _: one.wasm)
        start = time.perf_counter()
        (job,) = describe(EXTENSION, cache.loader(digest), limits, seconds=60.0)
        return (time.perf_counter() - start) * 1e3, job.export, cache

    into.cold.append(load()[0])
    took, export, cache = load()
    into.cached.append(took)
    factory = WasmGuestFactory(cache)
    lives = [_run(factory, digest, export, 0) for _ in range(5)]
    into.start.append(statistics.median(lives) * 1e3)
    steps = max(1, calls // _CALLS)
    into.call.append((_run(factory, digest, export, steps) - min(lives)) / (steps * _CALLS) * 1e6)


def _run(factory: WasmGuestFactory, module: str, export: str, steps: int) -> float:
    """The seconds of a job's life, from its sandbox on."""
    host = _CountingHost()
    start = time.perf_counter()
    guest = factory(
        GuestSpec(
            job_id=_JOB,
            library_id=UUID(int=0),
            extension=EXTENSION,
            module=module,
            export=export,
            fuel=None,
            memory_bytes=256 << 20,
            stack_bytes=JobLimits().stack_bytes,
            payload_bytes=1 << 20,
            checkpoint_bytes=1 << 20,
        )
    )
    try:
        result = guest.run(host, b'{"target":%d}' % steps)
    finally:
        guest.close()
    seconds = time.perf_counter() - start
    if result.exit is not Exit.COMPLETED or host.items != steps:
        raise BenchFailed(f"it counted {host.items} of {steps}: {result}")
    return seconds


def table(found: Sequence[Measured]) -> str:
    """The rows in Markdown."""
    lines = ["| " + " | ".join(_HEAD) + " |", "| --- |" + " ---: |" * (len(_HEAD) - 1)]
    floors = {one.compiled.counter.language: one for one in found if one.compiled.counter.way == "by_hand"}
    for one in found:
        counter = one.compiled.counter
        floor = floors[counter.language]
        cells = [
            f"{_NAMES[counter.language]}, {_WAYS[counter.way]}",
            str(counter.lines.all),
            str(counter.lines.boilerplate),
            f"{len(one.compiled.wasm) / 1000:,.0f}",
            f"{one.compiled.seconds:.1f}",
            *(_cell(one, floor, name) for name in ("cold", "cached", "start", "call")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(one: Measured, floor: Measured, name: str) -> str:
    values: list[float] = getattr(one, name)
    spread = f"{_number(statistics.median(values))} ({_number(min(values))} … {_number(max(values))})"
    if one is floor:
        return spread
    ratio = statistics.median(a / b for a, b in zip(values, getattr(floor, name), strict=True))
    return f"{spread}, {ratio:.2g}x"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.languages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds, after one that does not count (default 3)")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of the host that are timed (default 20000)")
    parser.add_argument("--only", default="", metavar="LANGUAGES", help="some languages, for example c,zig")
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a disk, for the data (default: here)")
    options = parser.parse_args()
    known = {str(language.value) for language in LANGUAGES}
    if unknown := set(filter(None, options.only.split(","))) - known:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    if options.runs < 1 or options.calls < 1:
        parser.error("--runs and --calls must be 1 or more")
    return options


def main() -> int:
    """Run; the exit code."""
    options = _options()
    wanted = set(filter(None, options.only.split(",")))
    chosen: list[Counter] = [one for one in counters() if not wanted or one.language.value in wanted]
    spins = []
    with scratch(options.dir) as root:
        found = []
        for counter in chosen:
            with scratch(root) as folder:
                found.append(Measured(compiled(counter, folder)))
        floors = []
        for number in range(options.runs + 1):
            spins.append(spin_ms())
            floors.append(bare_host_call_us(options.calls))
            for one in found:
                into = one if number else Measured(one.compiled)  # the first round only warms up
                with scratch(root) as folder:
                    measure(one.compiled, options.calls, folder, into)
    machine = describe_machine(filesystem(options.dir))
    print(f"perdure {machine.perdure}, Python {machine.python}, wasmtime {machine.packages['wasmtime']}")
    print(f"{machine.system}, {machine.processors} processors, data on {machine.filesystem}")
    print(
        f"{options.runs} runs; a fixed piece of Python took {statistics.median(spins):.1f} ms"
        f" ({min(spins):.1f} … {max(spins):.1f}); a host call by C API and ctypes"
        f" {statistics.median(floors[1:]):.2f} µs ({min(floors[1:]):.2f} … {max(floors[1:]):.2f})\n"
    )
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
