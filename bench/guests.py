"""The guests: one module in WAT with a job for each kind of work, and one that is large, to be compiled and loaded.

Memory of the first: the job's id at 16, the operations' names and payloads from 64, a message of 100 bytes at 256, a
checkpoint of 100 bytes at 512, the heap from 4,096. Its allocator is a stack: what the host put there for an answer is
free again when the answer was taken.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import wasmtime

EXTENSION: Final = "bench"
LARGE_EXTENSION: Final = "bench-large"
GATE: Final = "query:bench.gate"
TOUCH: Final = "action:bench.touch"
WRITE: Final = "action:bench.write"
PUSH: Final = "action:bench.push"
_PING: Final = "query:test.ping"
_PING_PAYLOAD: Final = '{"message":"hello"}'
_MESSAGE_BYTES: Final = 100
_PROGRESS_BYTES: Final = 20
_STATE: Final = '{"left":"00000000","pad":"'
_DIGITS_AT: Final = 512 + _STATE.index("0")


def _escaped(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in text.encode())


def _repeat(body: str) -> str:
    """Run ``body`` once for each of what is ``$left``."""
    return f"""(block $done (loop $again
      (br_if $done (i32.eqz (local.get $left)))
      {body}
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again)))"""


def _job(name: str, body: str) -> str:
    """A job that takes its id from the context and ``$left`` from its state, and returns 0."""
    return f"""(func (export "execute_{name}") (param $ctx i32) (param $ctx_len i32)
        (param $state i32) (param $state_len i32) (result i32) (local $left i32)
      (call $take_id (local.get $ctx))
      (local.set $left (call $first_number (local.get $state) (local.get $state_len)))
      {body}
      (i32.const 0))"""


def _call(method_at: int, method: str, payload_at: int, payload: str) -> str:
    """A call of an operation, its answer freed."""
    numbers = (method_at, len(method), payload_at, len(payload))
    return f"(call $ask {' '.join(f'(i32.const {number})' for number in numbers)})"


_GATE_CALL: Final = _call(64, GATE, 80, "{}")
_PING_CALL: Final = _call(96, _PING, 128, _PING_PAYLOAD)
_TOUCH_CALL: Final = _call(160, TOUCH, 80, "{}")
_PUSH_CALL: Final = _call(216, PUSH, 80, "{}")
_WRITE_CALL: Final = _call(192, WRITE, 80, "{}")
_CHECKPOINT: Final = f"(drop (call $job_checkpoint (i32.const 16) (i32.const 512) (i32.const {_MESSAGE_BYTES})))"
_WARNING: Final = f"(call $job_add_warning (i32.const 16) (i32.const 256) (i32.const {_MESSAGE_BYTES}))"
_LINE: Final = f"(call $spacedrive_log (i32.const 1) (i32.const 256) (i32.const {_MESSAGE_BYTES}))"
_PROGRESS: Final = (
    f"(call $job_report_progress (i32.const 16) (f32.const 0.5) (i32.const 256) (i32.const {_PROGRESS_BYTES}))"
)


def _steps(more: str = "") -> str:
    """Steps until one is left, then the gate, then a last checkpoint: what a job goes on with that was killed there."""
    return f"""
    (block $last (loop $step
      (br_if $last (i32.le_u (local.get $left) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      {more}
      {_PROGRESS}
      (call $put_number (local.get $left))
      {_CHECKPOINT}
      (br $step)))
    {_GATE_CALL}
    (call $put_number (i32.const 0))
    {_CHECKPOINT}"""


_UNTIL_STOPPED: Final = f"""
    (loop $on
      {_CHECKPOINT}
      (br_if $on (i32.eqz (call $job_check_interrupt (i32.const 16)))))
    (return (i32.const 1))"""
# At each turn it waits in the gate, which is for a host that has one which opens by itself.
_PATIENT: Final = f"""
    (loop $on
      {_GATE_CALL}
      {_CHECKPOINT}
      (br_if $on (i32.eqz (call $job_check_interrupt (i32.const 16)))))
    (return (i32.const 1))"""
_CHECKPOINTS: Final = _job("checkpoints", _GATE_CALL + _repeat(_CHECKPOINT))
_JOBS: Final = "\n".join(
    [
        _CHECKPOINTS,
        _job("progress", _GATE_CALL + _repeat(_PROGRESS)),
        _job("warnings", _GATE_CALL + _repeat(_WARNING)),
        _job("pings", _GATE_CALL + _repeat(_PING_CALL)),
        _job("touches", _GATE_CALL + _repeat(_TOUCH_CALL)),
        _job("pushes", _GATE_CALL + _repeat(_PUSH_CALL)),
        _job("writes", _GATE_CALL + _repeat(_WRITE_CALL)),
        _job("line", _LINE),
        _job("steps", _steps()),
        _job("touching_steps", _steps(_TOUCH_CALL)),
        _job("until_stopped", _UNTIL_STOPPED),
        _job("mixture", _repeat(_PROGRESS + _PING_CALL + _TOUCH_CALL + _CHECKPOINT)),
        _job("patient", _PATIENT),
        _job("fails", _PROGRESS + "(unreachable)"),
    ]
)

WORK: Final = f"""(module
  (import "spacedrive" "spacedrive_call" (func $spacedrive_call (param i32 i32 i32 i32 i32) (result i32)))
  (import "spacedrive" "spacedrive_log" (func $spacedrive_log (param i32 i32 i32)))
  (import "spacedrive" "job_report_progress" (func $job_report_progress (param i32 f32 i32 i32)))
  (import "spacedrive" "job_checkpoint" (func $job_checkpoint (param i32 i32 i32) (result i32)))
  (import "spacedrive" "job_check_interrupt" (func $job_check_interrupt (param i32) (result i32)))
  (import "spacedrive" "job_add_warning" (func $job_add_warning (param i32 i32 i32)))
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 4096))
  (global $rounds (mut i32) (i32.const 0))
  (data (i32.const 64) "{_escaped(GATE)}")
  (data (i32.const 80) "{{}}")
  (data (i32.const 96) "{_escaped(_PING)}")
  (data (i32.const 128) "{_escaped(_PING_PAYLOAD)}")
  (data (i32.const 160) "{_escaped(TOUCH)}")
  (data (i32.const 192) "{_escaped(WRITE)}")
  (data (i32.const 216) "{_escaped(PUSH)}")
  (data (i32.const 256) "{"m" * _MESSAGE_BYTES}")
  (data (i32.const 512) "{_escaped(_STATE + "p" * (_MESSAGE_BYTES - len(_STATE) - 2) + '"}')}")

  (func (export "wasm_alloc") (param $size i32) (result i32) (local $ptr i32)
    (local.set $ptr (global.get $heap))
    (global.set $heap (i32.add (local.get $ptr) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -8))))
    (local.get $ptr))
  (func $wasm_free (export "wasm_free") (param $ptr i32) (param $size i32) (global.set $heap (local.get $ptr)))

  (func $nibble (param $char i32) (result i32)
    (select (i32.sub (local.get $char) (i32.const 48)) (i32.sub (local.get $char) (i32.const 87))
      (i32.lt_u (local.get $char) (i32.const 58))))
  ;; The 16 bytes of the UUID that is the context's first value: what follows the third quote.
  (func $take_id (param $at i32) (local $quotes i32) (local $i i32)
    (loop $seek
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 34))
        (then (local.set $quotes (i32.add (local.get $quotes) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $seek (i32.lt_u (local.get $quotes) (i32.const 3))))
    (loop $byte
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45))
        (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (i32.store8 (i32.add (i32.const 16) (local.get $i))
        (i32.or (i32.shl (call $nibble (i32.load8_u (local.get $at))) (i32.const 4))
          (call $nibble (i32.load8_u offset=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $byte (i32.lt_u (local.get $i) (i32.const 16)))))

  ;; The first number in a text.
  (func $first_number (param $at i32) (param $len i32) (result i32) (local $n i32) (local $c i32) (local $in i32)
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $len)))
      (local.set $c (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      (if (i32.lt_u (local.get $c) (i32.const 10))
        (then
          (local.set $in (i32.const 1))
          (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $c))))
        (else (br_if $end (local.get $in))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (br $next)))
    (local.get $n))

  ;; Eight digits of a number into the checkpoint's state.
  (func $put_number (param $n i32) (local $at i32)
    (local.set $at (i32.const {_DIGITS_AT + 7}))
    (loop $digit
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $digit (i32.ge_u (local.get $at) (i32.const {_DIGITS_AT})))))

  (func $ask (param $method i32) (param $method_len i32) (param $payload i32) (param $payload_len i32)
    (call $wasm_free
      (call $spacedrive_call (local.get $method) (local.get $method_len) (i32.const 0)
        (local.get $payload) (local.get $payload_len))
      (i32.const 0)))

  {_JOBS}
)"""


def computing(rounds: int) -> str:
    """`WORK`, whose job ``checkpoints`` goes ``rounds`` times round a loop before each: some 0.7 ns a round."""
    loop = f"""(global.set $rounds (i32.const {rounds}))
      (loop $round
        (global.set $rounds (i32.sub (global.get $rounds) (i32.const 1)))
        (br_if $round (i32.gt_s (global.get $rounds) (i32.const 0))))"""
    return WORK.replace(_CHECKPOINTS, _job("checkpoints", _GATE_CALL + _repeat(loop + _CHECKPOINT)))


def _large(functions: int) -> str:
    """Many functions of integer arithmetic, each calling the one before it; some 260 bytes of wasm each."""
    parts = []
    for number in range(functions):
        steps = "".join(
            f"(local.set $a (i32.xor (i32.mul (local.get $a) (i32.const {1_000_003 + number * 31 + step}))"
            f" (i32.rotl (local.get $b) (i32.const {1 + (number + step) % 31}))))"
            f"(local.set $b (i32.add (local.get $b) (i32.load (i32.and (local.get $a) (i32.const 4092)))))"
            for step in range(8)
        )
        before = f"(call $f{number - 1} (local.get $a) (local.get $b))" if number else "(local.get $a)"
        parts.append(f"(func $f{number} (param $a i32) (param $b i32) (result i32) {steps} {before})")
    return "\n".join(parts)


def large_source(functions: int) -> str:
    """WAT of a module that registers one job in ``plugin_init``."""
    return f"""(module
      (import "spacedrive" "register_job" (func $register_job (param i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "largeexecute_large")
      (func (export "wasm_alloc") (param i32) (result i32) (i32.const 8192))
      (func (export "plugin_init") (result i32)
        (call $register_job (i32.const 16) (i32.const 5) (i32.const 21) (i32.const 13) (i32.const 1)))
      {_large(functions)}
      (func (export "execute_large") (param i32 i32 i32 i32) (result i32)
        (drop (call $f{functions - 1} (local.get 0) (local.get 1))) (i32.const 0)))"""


def compiled(source: str) -> bytes:
    """A module from WAT."""
    return bytes(wasmtime.wat2wasm(source))


def write_extension(folder: Path, extension: str, module: bytes) -> Path:
    """An extension's folder in ``folder``, with limits that limit nothing here."""
    path = folder / extension
    path.mkdir()
    manifest = {
        "id": extension,
        "name": extension,
        "version": "1.0.0",
        "wasm_file": "bench.wasm",
        "permissions": {
            "methods": [GATE, _PING, TOUCH, PUSH, WRITE],
            "rate_limits": {"requests_per_minute": 1_000_000, "concurrent_jobs": 10_000},
            "max_memory_mb": 16,
        },
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "bench.wasm").write_bytes(module)
    return path
