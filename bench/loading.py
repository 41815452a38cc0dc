"""Loading an extension: a module that was never seen, and one that was compiled before."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.boundary import MemoryLedger
from bench.figure import BenchFailed, Better, Figure, Group
from bench.guests import LARGE_EXTENSION, compiled, large_source, write_extension
from bench.sizes import Sizes
from perdure.runtime import JobLimits, Runtime, grant_as_asked
from perdure.runtime.guests.describe import describe
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.module_cache import ModuleCache

_COLD = Figure("load_cold", "install and load, compiled now, durable", "ms", Better.LESS, "compile")
_CACHED = Figure("load_cached", "load after open, compiled before, durable", "ms", Better.LESS, "deserialise")
_AGAIN = Figure("load_again", "load again in the same process, durable", "ms", Better.LESS, "deserialise")
_UNLOGGED = Figure(
    "load_unlogged", "load, compiled before, in a new cache object, no event", "ms", Better.LESS, "deserialise"
)


def groups(sizes: Sizes) -> Iterator[Group]:
    """All on one module of some 80 KB."""
    yield Group((_COLD, _CACHED, _AGAIN), partial(_loads, sizes=sizes))
    yield Group((_UNLOGGED,), partial(_unlogged, sizes=sizes))


def _timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def _loads(folder: Path, sizes: Sizes) -> Mapping[str, float]:
    extension = write_extension(folder, LARGE_EXTENSION, compiled(large_source(sizes.module_functions)))

    def install_and_load() -> None:
        runtime.install(extension, consent=grant_as_asked)
        runtime.load(LARGE_EXTENSION)

    with Runtime.open(folder / "data") as runtime:
        cold = _timed(install_and_load)
    cached, again = [], []
    for _ in range(sizes.loads):
        with Runtime.open(folder / "data") as runtime:
            cached.append(_timed(lambda: runtime.load(LARGE_EXTENSION)))
            again.append(_timed(lambda: runtime.load(LARGE_EXTENSION)))
    return {_COLD.key: cold, _CACHED.key: statistics.median(cached), _AGAIN.key: statistics.median(again)}


def _unlogged(folder: Path, sizes: Sizes) -> Mapping[str, float]:
    module = compiled(large_source(sizes.module_functions))
    digest = hashlib.sha256(module).hexdigest()
    ledger = MemoryLedger()
    limits = SandboxLimits(fuel=None, memory_bytes=16 << 20, stack_bytes=JobLimits().stack_bytes)

    def load() -> None:
        # A new object knows nothing: it reads the module's imports and exports, and checks the machine code's digest.
        cache = ModuleCache(folder / "cache", ledger, lambda _: module)
        jobs = describe(LARGE_EXTENSION, cache.loader(digest), limits, seconds=10.0)
        if [job.name for job in jobs] != ["large"]:
            raise BenchFailed(f"the module registered {jobs}")

    load()
    return {_UNLOGGED.key: statistics.median(_timed(load) for _ in range(sizes.loads))}
