"""Guests in WAT that run in a real runtime: their job's id comes from the context that the host hands them."""

from __future__ import annotations

from tests.support.wat import Wat

# The first number in a text: how a guest reads `{"target": 50}`, or a checkpoint of its own.
FIRST_NUMBER = """
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
"""

# Eight digits of a number.
PUT_NUMBER = """
  (func $put_number (param $at i32) (param $n i32) (local $i i32)
    (local.set $i (i32.add (local.get $at) (i32.const 7)))
    (loop $digit
      (i32.store8 (local.get $i) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $digit (i32.ge_u (local.get $i) (local.get $at)))))
"""


def _take_id(address: int) -> str:
    """Puts the 16 bytes of the UUID that is the context's first value, what follows its third quote, at ``address``."""
    return f"""
  (func $nibble (param $char i32) (result i32)
    (select (i32.sub (local.get $char) (i32.const 48)) (i32.sub (local.get $char) (i32.const 87))
      (i32.lt_u (local.get $char) (i32.const 58))))
  (func $take_id (param $at i32) (local $quotes i32) (local $i i32)
    (loop $seek
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 34))
        (then (local.set $quotes (i32.add (local.get $quotes) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $seek (i32.lt_u (local.get $quotes) (i32.const 3))))
    (loop $byte
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45))
        (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (i32.store8 (i32.add (i32.const {address}) (local.get $i))
        (i32.or (i32.shl (call $nibble (i32.load8_u (local.get $at))) (i32.const 4))
          (call $nibble (i32.load8_u offset=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $byte (i32.lt_u (local.get $i) (i32.const 16)))))
"""


class RuntimeWat(Wat):
    """A `Wat` whose jobs take their id from their context first. ``$first_number`` and ``$put_number`` are there."""

    def __init__(self, *, memory: str = "1") -> None:
        super().__init__(memory=memory)
        self.add(_take_id(self.job_id))
        self.add(FIRST_NUMBER)
        self.add(PUT_NUMBER)

    def job(self, name: str, body: str, *, export: str | None = None) -> None:
        super().job(name, f"(call $take_id (local.get $ctx)) {body}", export=export)

    def number(self) -> str:
        """The first number of the job's state."""
        return "(call $first_number (local.get $state) (local.get $state_len))"
