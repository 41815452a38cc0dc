"""Latency of an actor's mailbox: a message that is told until it is handled, and one that is asked until its answer.

Beside it nothing else happens, or other actors handle messages in Python without a pause, or guests compute, which
holds no GIL.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pykka
import wasmtime

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.curves.latencies import summary
from bench.figure import BenchFailed
from bench.guests import compiled
from perdure.actors.mailbox import Address, MailboxActor
from perdure.actors.messages import AnyMessage, CancelJob, PauseJob, encode_message

_BUSY: Final = (0, 1, 2, 4, 8)
_MESSAGES: Final = {"actors": 1_000, "guests": 3_000}  # beside busy actors each may wait for a switch interval
_WORK: Final = 2_000  # additions that a busy actor makes for one message: some 50 µs
_SPIN: Final = '(module (func (export "spin") (loop $on (br $on))))'


def _tasks(quick: bool) -> list[Task]:
    return [
        Task("measure", {"busy": busy, "who": who, "messages": 20 if quick else messages})
        for who, messages in _MESSAGES.items()
        for busy in _BUSY
    ]


CURVE: Final = Curve(
    key="mailbox",
    title="Latency of a mailbox beside others that are busy",
    axis="others that are busy",
    quantities=(
        Quantity("p50", "median", "µs"),
        Quantity("p99", "slowest of 100", "µs"),
        Quantity("max", "slowest", "µs"),
    ),
    tasks=_tasks,
    module=__name__,
)


class _Receiver(MailboxActor):
    """Answers what it is asked; of what it is told it notes when."""

    def __init__(self) -> None:
        super().__init__("receiver")
        self.told: queue.SimpleQueue[float] = queue.SimpleQueue()

    def on_message(self, message: AnyMessage) -> object:
        if isinstance(message, CancelJob):
            self.told.put(time.perf_counter())
        return None


class _Busy(MailboxActor):
    """Works for each message, and has the next one in its mailbox by then."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.address = Address("busy")
        self.address.set(self.actor_ref)

    def on_message(self, message: AnyMessage) -> object:
        self.address.tell(PauseJob())
        total = 0
        for number in range(_WORK):
            total += number
        return None


@contextmanager
def _busy_actor() -> Iterator[None]:
    reference = _Busy.start()
    reference.tell(encode_message(PauseJob()))
    try:
        yield
    finally:
        reference.stop()


@contextmanager
def _busy_guest() -> Iterator[None]:
    config = wasmtime.Config()
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_epoch_deadline(1)
    spin = wasmtime.Instance(store, wasmtime.Module(engine, compiled(_SPIN)), []).exports(store)["spin"]
    if not isinstance(spin, wasmtime.Func):
        raise BenchFailed("the module exports no function")

    def run() -> None:
        try:
            spin(store)
        except wasmtime.Trap:
            return  # it was told to end

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        engine.increment_epoch()
        thread.join()


def measure(folder: Path, busy: int, who: str, messages: int) -> list[Point]:
    """Messages one after the other, with so many others at work."""
    receiver = _Receiver.start()
    address = Address("receiver")
    address.set(receiver)
    actor = receiver._actor_weakref()
    if not isinstance(actor, _Receiver):
        raise BenchFailed("the actor is gone")
    asked, told = [], []
    try:
        with ExitStack() as stack:
            for _ in range(busy):
                stack.enter_context(_busy_actor() if who == "actors" else _busy_guest())
            for _ in range(messages):
                began = time.perf_counter()
                address.ask(PauseJob())
                asked.append(time.perf_counter() - began)
            for _ in range(messages):
                began = time.perf_counter()
                address.tell(CancelJob())
                told.append(actor.told.get() - began)
    finally:
        pykka.ActorRegistry.stop_all()
    beside = f"{who} busy"
    return [Point(f"{name}, {beside}", busy, summary(times, 1e6)) for name, times in (("ask", asked), ("tell", told))]
