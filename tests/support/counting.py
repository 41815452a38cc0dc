"""A guest that counts, and the model of it: what each of its runs must have left in the log.

It counts from ``done`` to ``target``. For each item it asks whether to stop, counts the item and 64 bytes, and reports
progress; each 7th gets a warning, each 10th an operation and a checkpoint. What it saves at each 30th, and its first
state, is padded with spaces to ``size`` bytes, so that it goes to the blob store.
"""

from __future__ import annotations

import ctypes
import functools
import json
from collections.abc import Sequence

import msgspec
from tests.support.runtime_wat import RuntimeWat

from perdure.store.events import (
    BytesCounted,
    CheckpointSaved,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    OperationAnswered,
    ProgressReported,
    WarningAdded,
)

EXTENSION = "counting"
JOB_TYPE = f"{EXTENSION}:count"
PERMISSIONS = {"methods": ["query:test.ping"], "rate_limits": {"requests_per_minute": 1_000_000, "concurrent_jobs": 16}}
BYTES_PER_ITEM = 64
WARN_EVERY, CHECKPOINT_EVERY, LARGE_EVERY = 7, 10, 30
LARGE = 70_000  # more than an event holds itself

_STATE = '{"done":"00000000","target":"00000000","size":"00000000"}'
_DONE, _TARGET, _SIZE = (_STATE.index(f'"{name}"') + len(name) + 4 for name in ("done", "target", "size"))
_PING = '{"message":"hi"}'
_BUFFER = 131_072  # the heap begins at 32,768 and holds the context, the state and one answer


class Counting(msgspec.Struct, frozen=True):
    """Where a job is. As bytes it is the job's first state, or a checkpoint of it."""

    done: int
    target: int
    size: int = 0

    def encode(self) -> bytes:
        """As the guest writes it."""
        text = f'{{"done":"{self.done:08}","target":"{self.target:08}","size":"{self.size:08}"}}'
        return text.ljust(0 if self.done % LARGE_EVERY else self.size).encode()

    @classmethod
    def decode(cls, data: bytes) -> Counting:
        """From such bytes."""
        fields = json.loads(data)
        return cls(int(fields["done"]), int(fields["target"]), int(fields["size"]))


@functools.cache
def counting_module() -> bytes:
    """The guest."""
    wat = RuntimeWat(memory="4")
    wat.add("(global $done (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const 0))")
    save = wat.call(
        "job_checkpoint",
        wat.job_id,
        _BUFFER,
        f"""(select (global.get $size) (i32.const {len(_STATE)})
              (i32.and (i32.ne (global.get $size) (i32.const 0))
                (i32.eqz (i32.rem_u (global.get $done) (i32.const {LARGE_EVERY})))))""",
    )
    wat.add(f"(func $save (call $put_number (i32.const {_BUFFER + _DONE}) (global.get $done)) (drop {save}))")
    number = f"(call $first_number (i32.add (local.get $state) (i32.const {{at}})) (i32.const {8 + 1}))"
    fraction = "(f32.div (f32.convert_i32_u (global.get $done)) (f32.convert_i32_u (local.get $p)))"
    every = "(if (i32.eqz (i32.rem_u (global.get $done) (i32.const {n}))) (then {body}))"
    # The answer is not needed, so its room is taken back.
    ping = f"(local.set $q (global.get $heap)) (drop {wat.operation(payload=_PING)}) (global.set $heap (local.get $q))"
    wat.job(
        "count",
        f"""
      (memory.fill (i32.const {_BUFFER}) (i32.const 32) (i32.const {LARGE}))
      (memory.copy (i32.const {_BUFFER}) (local.get $state) (local.get $state_len))
      (global.set $done {number.format(at=_DONE)})
      (local.set $p {number.format(at=_TARGET)})
      (global.set $size {number.format(at=_SIZE)})
      (block $end (loop $next
        (br_if $end (i32.ge_u (global.get $done) (local.get $p)))
        (if {wat.call("job_check_interrupt", wat.job_id)} (then (call $save) (return (i32.const 1))))
        (global.set $done (i32.add (global.get $done) (i32.const 1)))
        {wat.call("job_increment_items", wat.job_id, "(i64.const 1)")}
        {wat.call("job_increment_bytes", wat.job_id, f"(i64.const {BYTES_PER_ITEM})")}
        {wat.progress(fraction, "one more")}
        {every.format(n=WARN_EVERY, body=wat.call("job_add_warning", wat.job_id, wat.text("seven")))}
        {every.format(n=CHECKPOINT_EVERY, body=f"{ping} (call $save)")}
        (br $next)))
      (i32.const 0)""",
    )
    return wat.module()


class Followed(msgspec.Struct):
    """What a run's guest events amount to: ``done`` is where the guest was, ``returned`` what it returned, if so."""

    done: int
    returned: int | None = None
    problems: list[str] = []


def follow_run(start: Counting, events: Sequence[GuestEvent], checkpoints: Sequence[bytes]) -> Followed:
    """Compare a run's guest events with the model: they must be the first of what it does, without a gap.

    ``checkpoints`` are the states of its `CheckpointSaved` events, in order.
    """
    followed = Followed(start.done, problems=[])
    left, saved = list(events), list(checkpoints)
    call = 0

    def expect(kind: type[GuestEvent], **fields: object) -> bool:
        """Take the next event, if there is one; False ends the run."""
        nonlocal call
        call += 1
        if not left:
            return False
        event = left.pop(0)
        wanted = {"call": call, **fields}
        found = {name: getattr(event, name, None) for name in wanted}
        if type(event) is not kind or found != wanted:
            followed.problems.append(f"expected {kind.__name__} {wanted}, found {event}")
            return False
        if kind is CheckpointSaved:
            state, wanted_state = saved.pop(0), Counting(followed.done, start.target, start.size).encode()
            if state != wanted_state:
                followed.problems.append(f"call {call} saved {state[:60]!r} ({len(state)} bytes), not {wanted_state!r}")
        return True

    while followed.done < start.target:
        if left and isinstance(left[0], InterruptAnswered):
            expect(InterruptAnswered)
            if expect(CheckpointSaved):
                followed.returned = 1
            break
        call += 1  # asked whether to stop, and was told to go on: that leaves no event
        followed.done += 1
        fraction = ctypes.c_float(followed.done / start.target).value
        if not (
            expect(ItemsCounted, count=1)
            and expect(BytesCounted, count=BYTES_PER_ITEM)
            and expect(ProgressReported, progress=fraction, message="one more")
            and (followed.done % WARN_EVERY or expect(WarningAdded, message="seven"))
            and (
                followed.done % CHECKPOINT_EVERY
                or (expect(OperationAnswered, method="query:test.ping", code="") and expect(CheckpointSaved))
            )
        ):
            break
    else:
        followed.returned = 0
    if left and not followed.problems:
        followed.problems.append(f"after its end it went on with {left[0]}")
    return followed
