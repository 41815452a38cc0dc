"""The same module does the same work: fuel, calls and bytes are equal, in this process and in another one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.module_guests import CompiledModules, digest, run, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.wat import RETURN_COMPLETED, Wat, i64, repeat

from perdure.runtime.guests.factory import WasmGuestFactory


def worker() -> bytes:
    """Calls the host with everything that could differ: floats, memory growth, answers, the state."""
    wat = Wat()
    wat.init("(i32.const 0)")
    wat.job(
        "test",
        repeat(
            50,
            f"""(drop (memory.grow (i32.const 1)))
            {wat.call("job_increment_items", wat.job_id, "(i64.extend_i32_u (memory.size))")}
            (local.set $p {wat.operation()})
            {wat.call("job_increment_bytes", wat.job_id, "(i64.extend_i32_u (local.get $p))")}
            (drop {wat.call("job_checkpoint", wat.job_id, "(local.get $state)", "(local.get $state_len)")})""",
        )
        + RETURN_COMPLETED,
    )
    return wat.module()


def recorded() -> tuple[int, list[int], list[tuple[object, ...]]]:
    host = RecordingHost()
    result = run(worker(), host, b'{"target": 7}')
    return result.fuel, host.fuel, host.calls


def test_two_runs_are_equal() -> None:
    assert recorded() == recorded()


def test_fuel_is_equal_in_another_process() -> None:
    fuel, per_call, calls = recorded()
    script = """
import json
from tests.runtime.abi1.test_determinism import recorded
fuel, per_call, calls = recorded()
print(json.dumps([fuel, per_call, repr(calls)]))
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env={"PYTHONPATH": ":".join([*sys.path, str(root)]), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == [fuel, per_call, repr(calls)]


def test_a_fuel_limit_that_is_not_reached_changes_nothing() -> None:
    module = worker()
    unlimited, limited = RecordingHost(), RecordingHost()
    fuel = run(module, unlimited).fuel
    assert run(module, limited, fuel=fuel * 2).fuel == fuel
    assert unlimited.fuel == limited.fuel


def test_the_stack_limit_changes_nothing_and_needs_no_other_machine_code() -> None:
    module = worker()
    factory = WasmGuestFactory(CompiledModules(module))
    fuel = []
    for stack_bytes in (64 * 1024, 1024 * 1024):
        guest = factory(spec_for(digest(module), stack_bytes=stack_bytes))
        fuel.append(guest.run(RecordingHost(), b"").fuel)
        guest.close()
    assert fuel[0] == fuel[1]


def bits_of(expression: str, kind: str) -> int:
    """The bits of a float that a guest computes; ``kind`` is ``f32`` or ``f64``."""
    wat = Wat()
    wat.add("(global $zero (mut f64) (f64.const 0)) (global $zero32 (mut f32) (f32.const 0))")
    reinterpret = "(i64.reinterpret_f64 {})" if kind == "f64" else "(i64.extend_i32_u (i32.reinterpret_f32 {}))"
    mask = f"(i64.and {reinterpret.format(expression)} {i64(2**63 - 1)})"
    wat.job("test", wat.call("job_increment_items", wat.job_id, mask) + RETURN_COMPLETED)
    host = RecordingHost()
    run(wat.module(), host)
    return int(host.calls[0][1])


def test_nans_are_canonical() -> None:
    payload = "(f64.reinterpret_i64 (i64.const 0x7ff4dead00000001))"
    canonical = 0x7FF8_0000_0000_0000
    assert bits_of(f"(f64.add {payload} (global.get $zero))", "f64") == canonical
    assert bits_of("(f64.div (global.get $zero) (global.get $zero))", "f64") == canonical
    assert bits_of(f"(f64.mul {payload} {payload})", "f64") == canonical
    assert bits_of("(f64.sqrt (f64.sub (global.get $zero) (f64.const 1)))", "f64") == canonical
    payload32 = "(f32.reinterpret_i32 (i32.const 0x7fa0beef))"
    assert bits_of(f"(f32.add {payload32} (global.get $zero32))", "f32") == 0x7FC0_0000
    assert bits_of(f"(f32.demote_f64 {payload})", "f32") == 0x7FC0_0000


def test_a_nan_that_is_only_moved_keeps_its_bits() -> None:
    # Not an operation on numbers: the test above would also pass if loads and stores cleared payloads.
    assert bits_of("(f64.reinterpret_i64 (i64.const 0x7ff4dead00000001))", "f64") == 0x7FF4_DEAD_0000_0001
