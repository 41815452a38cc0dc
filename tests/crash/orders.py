"""A process whose jobs act on the world, until it is killed: ``python -m tests.crash.orders HOME PORT ACTIONS``.

Four jobs, one for each kind of effect, perform so many actions each: sales in rows (transactional), orders to a server
that knows the keys of those it has (idempotent), and lines in a file and orders to a server that does what it is told
(neither). Where an action is in doubt, this process does what a person would: it looks, and says what it saw.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
from tests.crash.order_world import ONCE, PLAIN, append_line, asked, lines_of, send
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat

from perdure.runtime import JobState, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.store import EventStore
from perdure.store.events import ActionIntended, Inline, job_stream

KINDS: Final = ("sell", "order", "write", "mail")
CHECKPOINT_EVERY: Final = 16
TIMEOUT: Final = 120.0
_SOLD: Final = b"shop\0sold\0"


class Order(msgspec.Struct, frozen=True):
    """What is asked for, and what is answered."""

    number: str


def shop_module(actions: int) -> bytes:
    """A guest with a job for each kind, which goes on from the number in its state to ``actions``."""
    wat = RuntimeWat(memory="4")
    payload = wat.data(b'{"number":"00000000"}')
    state = wat.data(b"00000000")
    for kind in KINDS:
        ask = wat.call("spacedrive_call", wat.text(f"action:shop.{kind}"), 0, payload, 21)
        wat.job(
            kind,
            f"""
            (local.set $i {wat.number()})
            (loop $next
              (call $put_number (i32.const {payload + 11}) (local.get $i))
              (local.set $p {ask})
              (if (i32.eq (i32.load8_u offset=2 (local.get $p)) (i32.const 101))  ;; the e of {{"error"
                (then {wat.call("job_add_warning", wat.job_id, "(local.get $p) (i32.const 60)")}))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              {wat.call("job_increment_items", wat.job_id, "(i64.const 1)")}
              (if (i32.eqz (i32.rem_u (local.get $i) (i32.const {CHECKPOINT_EVERY})))
                (then
                  (call $put_number (i32.const {state}) (local.get $i))
                  (drop {wat.call("job_checkpoint", wat.job_id, state, 8)})))
              (br_if $next (i32.lt_u (local.get $i) (i32.const {actions}))))
            (i32.const 0)""",
        )
    return wat.module()


def sold(store: EventStore) -> Counter[str]:
    """How often each sale was made, by the rows."""
    rows = store.rows(_SOLD, limit=100_000)
    return Counter({row.key.removeprefix(_SOLD).decode(): int(row.value) for row in rows})


class Shop:
    """The operations, and what a person knows of what they did."""

    def __init__(self, home: Path, port: int) -> None:
        self._file = home / "written"
        self._port = port

    @action("shop.sell", effect=Effect.TRANSACTIONAL)
    def sell(self, context: CallContext, request: Order) -> Order:
        """Count the sale in its row."""
        key = _SOLD + request.number.encode()
        before = context.data.get(key)
        context.data.put(key, b"%d" % (int(before or b"0") + 1))
        return request

    @action("shop.order", effect=Effect.IDEMPOTENT)
    def order(self, context: CallContext, request: Order) -> Order:
        """Order from the server that knows keys."""
        return Order(send(self._port, ONCE, request.number, context.effect_key))

    @action("shop.write", effect=Effect.NON_IDEMPOTENT)
    def write(self, context: CallContext, request: Order) -> Order:
        """Write a line."""
        append_line(self._file, request.number)
        return request

    @action("shop.mail", effect=Effect.NON_IDEMPOTENT)
    def mail(self, context: CallContext, request: Order) -> Order:
        """Order from the server that does what it is told."""
        return Order(send(self._port, PLAIN, request.number))

    def was_done(self, method: str, number: str) -> bool:
        """Whether the action had its effect."""
        done = lines_of(self._file) if method == "action:shop.write" else asked(self._port, PLAIN)
        return done[number] > 0


def resolve_doubts(runtime: Runtime, shop: Shop) -> int:
    """Do for each action in doubt what a person would; returns how many there were."""
    waiting = runtime.jobs(statuses=frozenset({Status.ATTENTION})).jobs
    for job in waiting:
        assert job.intent is not None
        sequence = job.intent.sequence
        (stored,) = runtime.store.read(job_stream(job.job_id), after=sequence - 1, until=sequence)
        intent = stored.event
        assert isinstance(intent, ActionIntended)
        assert isinstance(intent.payload, Inline)
        number = json.loads(intent.payload.data)["number"]
        if shop.was_done(intent.method, number):
            runtime.resolve(job.job_id, "succeeded", answer={"number": number})
        else:
            runtime.resolve(job.job_id, "again")
    return len(waiting)


def work(home: Path, port: int, actions: int) -> list[JobState]:
    """Open the data, begin what was not begun, resolve what is in doubt, and bring all jobs to their end."""
    shop = Shop(home, port)
    handlers = (shop.sell, shop.order, shop.write, shop.mail)
    settings = RuntimeSettings(running_jobs=len(KINDS))
    with Runtime.open(home / "data", operations=handlers, consent=grant_as_asked, settings=settings) as runtime:
        if not runtime.extensions():
            folder = write_extension(
                home / "extension",
                shop_module(actions),
                extension="shop",
                permissions={
                    "methods": [f"action:shop.{kind}" for kind in KINDS],
                    "rate_limits": {"requests_per_minute": 1_000_000},
                },
            )
            runtime.install(folder)
        begun = {job.job_type: job.job_id for job in runtime.jobs().jobs}
        for kind in KINDS:
            if f"shop:{kind}" not in begun:
                begun[f"shop:{kind}"] = runtime.dispatch(f"shop:{kind}", 0).job_id
        resolve_doubts(runtime, shop)
        return [runtime.wait(job_id, TIMEOUT) for job_id in begun.values()]


def main() -> None:
    print("ready", flush=True)
    work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
