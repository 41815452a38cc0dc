"""Where hosts and processors may differ: NaNs, SIMD, memory at its limit, traps, the end of the stack.

Each guest below is run twice in this process and once in another one: what it asked, with which fuel, and how it ended
are equal to the bit. See docs/determinism.md.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.module_guests import run
from tests.support.recording_host import RecordingHost
from tests.support.wat import RETURN_COMPLETED, Wat, i64, repeat

from perdure.actors import Exit

ROOT = Path(__file__).parents[3]
AT = 4_096  # what is saved is put here
CANONICAL32, CANONICAL64 = 0x7FC0_0000, 0x7FF8_0000_0000_0000
ODD64 = "(f64.reinterpret_i64 (i64.const 0x7ff4dead00000001))"
ODD32 = "(v128.const i32x4 0x7fa0beef 0xffc12345 0x7f800001 0x3f800000)"
PAGES = 40


def saving(body: str, size: int, *, memory: str = "1") -> bytes:
    """A guest that makes ``size`` bytes at `AT` and saves them."""
    wat = Wat(memory=memory)
    wat.add("(global $zero (mut f64) (f64.const 0))")
    save = wat.call("job_checkpoint", wat.job_id, AT, size)
    wat.job("test", f"{body} (drop {save}) {RETURN_COMPLETED}")
    return wat.module()


def store64(place: int, value: str) -> str:
    return f"(f64.store (i32.const {AT + 8 * place}) {value})"


def store128(place: int, value: str) -> str:
    return f"(v128.store (i32.const {AT + 16 * place}) {value})"


def nans() -> bytes:
    """NaNs with payloads: computed with, moved, and copied."""
    values = [
        f"(f64.add {ODD64} (f64.const 1))",
        "(f64.div (global.get $zero) (global.get $zero))",
        f"(f64.min {ODD64} (f64.const 1))",
        f"(f64.promote_f32 (f32.demote_f64 {ODD64}))",
        ODD64,
        f"(f64.neg {ODD64})",
        f"(f64.copysign {ODD64} (f64.const -1))",
    ]
    copy = f"(memory.copy (i32.const {AT + 8 * len(values)}) (i32.const {AT + 32}) (i32.const 8))"
    return saving(" ".join(store64(place, value) for place, value in enumerate(values)) + copy, 8 * len(values) + 8)


def simd() -> bytes:
    """Lanes of NaNs, and the instructions that are called relaxed because processors may differ in them."""
    two = "(v128.const i32x4 0x40000000 0x40000000 0x40000000 0x40000000)"
    values = [
        f"(f32x4.add {ODD32} {two})",
        f"(f32x4.min {ODD32} {two})",
        f"(f32x4.sqrt {ODD32})",
        f"(f32x4.relaxed_madd {ODD32} {two} {two})",
        f"(f32x4.relaxed_nmadd {two} {two} {ODD32})",
        f"(f32x4.relaxed_min {ODD32} {two})",
        f"(i32x4.relaxed_trunc_f32x4_s {ODD32})",
        "(i8x16.relaxed_swizzle (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) "
        "(v128.const i8x16 0 16 32 64 127 -128 -1 15 1 2 3 4 5 6 7 8))",
        f"(i32x4.relaxed_laneselect {ODD32} {two} (v128.const i32x4 1 0x80000000 0x7fffffff -1))",
    ]
    return saving(" ".join(store128(place, value) for place, value in enumerate(values)), 16 * len(values))


def growing() -> bytes:
    """Grows its memory until it may not, and tells what it was answered each time."""
    wat = Wat()
    tell = wat.call("job_increment_items", wat.job_id, "(i64.extend_i32_u (memory.grow (i32.const 1)))")
    wat.job("test", repeat(PAGES, tell) + RETURN_COMPLETED)
    return wat.module()


def trapping(trap: str) -> bytes:
    """Works a little, asks, and traps."""
    wat = Wat()
    wat.add("(type $other (func (result i64))) (table 1 funcref)")
    ask = wat.call("job_increment_items", wat.job_id, i64(1))
    wat.job("test", f"{repeat(37, ask)} {trap} {RETURN_COMPLETED}")
    return wat.module()


def recursing() -> bytes:
    """Calls itself until the stack ends, and tells how deep it is."""
    wat = Wat()
    tell = wat.call("job_increment_items", wat.job_id, "(i64.extend_i32_u (local.get $n))")
    again = "(i32.add (call $deeper (i32.add (local.get $n) (i32.const 1))) (i32.const 1))"
    wat.add(f"(func $deeper (param $n i32) (result i32) {tell} {again})")
    wat.job("test", "(drop (call $deeper (i32.const 0)))" + RETURN_COMPLETED)
    return wat.module()


TRAPS = {
    "unreachable": "(unreachable)",
    "division by zero": "(drop (i32.div_s (i32.const 1) (local.get $i)))",
    "overflow": "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))",
    "conversion": f"(drop (i32.trunc_f64_s {ODD64}))",
    "out of bounds": "(drop (i32.load (i32.const 100000)))",
    "no such function": "(drop (call_indirect (type $other) (i32.const 0)))",
}
GUESTS = {
    "nans": nans(),
    "simd": simd(),
    "growing": growing(),
    "recursing": recursing(),
    **{name: trapping(trap) for name, trap in TRAPS.items()},
}


def outcome(name: str) -> list[object]:
    """All that a guest did, as JSON has it."""
    host = RecordingHost()
    result = run(GUESTS[name], host, memory_bytes=32 * 65_536)
    calls = [[part.hex() if isinstance(part, bytes) else str(part) for part in call] for call in host.calls]
    kind = result.error.kind if result.error is not None else ""
    return [result.exit.value, kind, result.fuel, host.fuel, calls]


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[object]]:
    """The outcomes in another process."""
    script = """
import json
from tests.runtime.abi1.test_determinism_edges import GUESTS, outcome
print(json.dumps({name: outcome(name) for name in GUESTS}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": ":".join([*sys.path, str(ROOT)]), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    outcomes: dict[str, list[object]] = json.loads(done.stdout)
    return outcomes


@pytest.mark.parametrize("name", GUESTS)
def test_it_does_the_same_again_and_elsewhere(name: str, elsewhere: dict[str, list[object]]) -> None:
    first = outcome(name)
    assert outcome(name) == first
    assert elsewhere[name] == first


def saved(name: str) -> bytes:
    host = RecordingHost()
    run(GUESTS[name], host)
    ((_, state),) = [call for call in host.calls if call[0] == "checkpoint"]
    return bytes(state)


def test_a_checkpoint_has_canonical_nans_where_they_were_computed_and_others_where_they_were_moved() -> None:
    values = struct.unpack("<8Q", saved("nans"))
    assert values[:4] == (CANONICAL64,) * 4
    odd = 0x7FF4_DEAD_0000_0001
    assert values[4:] == (odd, odd | 1 << 63, odd | 1 << 63, odd)


def test_lanes_are_canonical_and_relaxed_instructions_have_one_meaning() -> None:
    lanes = [struct.unpack_from("<4I", saved("simd"), 16 * place) for place in range(9)]
    for computed in lanes[:2]:
        assert computed[:3] == (CANONICAL32,) * 3
    madd = lanes[3]
    assert madd[:3] == (CANONICAL32,) * 3
    assert madd[3] == 0x40800000, "1 * 2 + 2"
    assert lanes[6] == (0, 0, 0, 1), "what is no number becomes 0"
    swizzled = struct.pack("<4I", *lanes[7])
    assert swizzled[:8] == bytes([0, 0, 0, 0, 0, 0, 0, 15]), "what points outside becomes 0"


def test_memory_ends_at_the_same_page() -> None:
    host = RecordingHost()
    run(GUESTS["growing"], host, memory_bytes=32 * 65_536)
    answers = [call[1] for call in host.calls]
    # The first page is there from the beginning; -1 is told as an unsigned number.
    assert answers == [*range(1, 32), *[2**32 - 1] * (PAGES - 31)]


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_comes_at_the_same_fuel(name: str) -> None:
    results = [run(GUESTS[name], RecordingHost()) for _ in range(3)]
    assert {result.exit for result in results} == {Exit.FAILED}
    assert len({result.fuel for result in results}) == 1


def test_the_end_of_the_stack_is_at_the_same_depth_for_the_same_size() -> None:
    depths = {}
    for stack_bytes in (64 * 1024, 512 * 1024):
        deepest = set()
        for _ in range(2):
            host = RecordingHost()
            result = run(GUESTS["recursing"], host, stack_bytes=stack_bytes)
            assert result.error is not None
            assert result.error.kind == "stack_overflow"
            deepest.add((len(host.calls), result.fuel))
        assert len(deepest) == 1
        depths[stack_bytes] = deepest.pop()[0]
    assert depths[512 * 1024] > 4 * depths[64 * 1024]
