"""A component whose large module was compiled by itself: the same events, the same fuel, the same backtraces."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.support.component_wat import ComponentWat
from tests.support.extension_folders import write_extension
from tests.support.job_history import events_of
from tests.support.module_guests import CompiledModule, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.waiting import TIMEOUT
from tests.support.wat import forever

from perdure.actors.guest import GuestResult
from perdure.runtime import JobLimits, Runtime
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.proof import Verdict
from perdure.runtime.proof.verifying import Verifier
from perdure.runtime.wasm.code import SplitCode, compile_component
from perdure.runtime.wasm.component_parts import LEAST_PART_BYTES
from perdure.runtime.wasm.engine import engine_key, new_engine
from perdure.store.events import JobCompleted, JobFailed

LEAST = 4_000


def spinning(size: int = LEAST) -> bytes:
    wat = ComponentWat()
    wat.library(size)
    wat.run(
        wat.progress(0.5, "half")
        + "(drop (call $spin (i32.const 1000)))"
        + wat.count_items(2)
        + f"(drop {wat.checkpoint('[1]')})"
        + wat.completed("[2]")
    )
    return wat.component()


def ending(how: str, size: int = LEAST) -> bytes:
    wat = ComponentWat()
    wat.library(size)
    bodies = {
        "in the part": "(call $boom)",
        "in the rest": "(unreachable)",
        "without fuel": "(drop (call $spin (i32.const 0)))",
        "without an end": forever(),
        "in words": wat.failed("ValueError", "boom", "Traceback"),
    }
    end = "" if how == "in words" else wat.completed()
    wat.run(f"(drop (call $spin (i32.const 10))) {bodies[how]} {end}")
    return wat.component()


class _Modules:
    def __init__(self, module: CompiledModule) -> None:
        self._module = module

    def loader(self, module: str) -> CompiledModule:
        return self._module


def told(component: bytes, least: int, **changes: Any) -> tuple[GuestResult, list[Any], list[int]]:
    """How it ends, what it asks of the host, and the fuel at each call."""
    host = RecordingHost()
    guest = WasmGuestFactory(_Modules(CompiledModule(component, least_part=least)))(spec_for("", **changes))
    try:
        return guest.run(host, b""), host.calls, host.fuel
    finally:
        guest.close()


def test_the_calls_and_their_fuel_are_the_same() -> None:
    component = spinning()
    loaded = CompiledModule(component, least_part=LEAST)(new_engine(64 * 1024))
    assert isinstance(loaded, SplitCode)
    whole, split = (told(component, least) for least in (LEAST_PART_BYTES, LEAST))
    assert whole == split
    assert split[0].fuel > 1_000


@pytest.mark.parametrize("how", ["in the part", "in the rest", "without fuel", "without an end", "in words"])
def test_it_fails_in_the_same_way(how: str) -> None:
    component = ending(how)
    whole, split = (told(component, least, fuel=100_000) for least in (LEAST_PART_BYTES, LEAST))
    assert whole == split
    assert split[0].error is not None


def test_a_backtrace_tells_places_in_the_file() -> None:
    component = ending("in the part")
    error = told(component, LEAST)[0].error
    assert error is not None
    assert [frame.function for frame in error.backtrace][:1] == ["boom"]
    offset = error.backtrace[0].offset
    assert component[offset : offset + 2] == b"\x00\x0b"  # unreachable, end


def place_whole(runtime: Runtime, component: bytes) -> None:
    """Machine code as an earlier perdure has made it."""
    code = bytes(compile_component(new_engine(JobLimits().stack_bytes), component).serialize())
    module = hashlib.sha256(component).hexdigest()
    path = runtime._cache.path(module)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(code)
    runtime.record(module, engine_key(), hashlib.sha256(code).hexdigest(), len(code))


@pytest.mark.parametrize("recorded", ["whole", "split"])
@pytest.mark.parametrize("how", ["well", "in the part"])
def test_a_job_is_proved_in_either_form(runtime: Runtime, tmp_path: Path, recorded: str, how: str) -> None:
    component = spinning(LEAST_PART_BYTES) if how == "well" else ending(how, LEAST_PART_BYTES)
    if recorded == "whole":
        place_whole(runtime, component)
    runtime.install(write_extension(tmp_path / "acme", component))
    parts = list((tmp_path / "data" / "cache").glob("*.part"))
    job = runtime.dispatch("acme:test")
    job.wait(TIMEOUT)
    assert len(events_of(job, JobCompleted if how == "well" else JobFailed)) == 1
    assert len(parts) == (0 if recorded == "whole" else 1)

    def whole(module: str) -> bytes:
        return bytes(compile_component(new_engine(JobLimits().stack_bytes), component).serialize())

    assert job.verify().verdict is Verdict.PROVED
    for verifier in (
        Verifier(runtime.store, runtime.keychain),
        Verifier(runtime.store, runtime.keychain, whole),
    ):
        proof = verifier.verify(job.job_id)
        assert proof.verdict is Verdict.PROVED, proof
