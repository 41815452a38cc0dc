"""Which way should a job's events take to the log?  Measures the candidates in one run (ADR 0003).

router  every event is told to the operation router, which tells it to the log writer
direct  every event is told to the log writer
lane    events are laid down in the job's lane; the log writer is told of the first one after each commit

The first two are measured with Pykka's own inbox (`queue.Queue`) and with the one of `perdure.actors` (`SimpleQueue`).
All of them write the same events with the same group commit to a log on the same disk. First one job reports progress
as fast as it can and then makes one checkpoint; then 1, 8 and 100 jobs make checkpoints, each waiting for its own.

    python3 -m bench.lanes [--events 100000] [--checkpoints 500] [--runs 5] [--dir DIR]
"""

from __future__ import annotations

import argparse
import queue
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pykka

from bench.disk import filesystem, is_memory, scratch
from perdure.actors import ActorHooks, SystemClock
from perdure.actors.group_commit import GroupCommit
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LINGER, MOST, LogWriter
from perdure.actors.mailbox import Address, MailboxActor
from perdure.actors.messages import Committed, decode_message, encode_message
from perdure.store import AppendRequest, LmdbEventStore, StoreError
from perdure.store import events as ev
from perdure.store.ids import uuid7

JOBS = (1, 8, 100)
MODULE = "0" * 64

Entry = tuple[str, int, bytes, int, Any]  # stream, time, body, token (0: buffered), the owner's ref


class Owner(MailboxActor):
    """Stands for a job's actor: an inbox that the job's thread reads by itself. Never started."""

    def __init__(self) -> None:
        super().__init__("owner")

    def wait(self) -> None:
        """Wait for the answer to a durable event."""
        answer = decode_message(self.actor_inbox.get().message)
        assert isinstance(answer, Committed)


class Route:
    """A way to the log, for one stream at a time."""

    def __init__(self, store: LmdbEventStore) -> None:
        self.store = store
        self.clock = SystemClock()

    def open(self, stream: str, owner: Owner) -> Callable[[bytes, bool], None]:
        """The function that posts an event of ``stream``, buffered or durable."""
        raise NotImplementedError

    def waiting(self) -> int:
        """How many events are on their way."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


# --- one message an event --------------------------------------------------------------------------------------------


class TellWriter(MailboxActor):
    """The log writer's group commit, for events that come one by one."""

    def __init__(self, store: LmdbEventStore) -> None:
        super().__init__("log")
        self._store = store
        self._gathered: dict[str, list[Entry]] = {}
        self._urgent = False
        self._taken = 0
        self._due: float | None = None

    def on_receive(self, message: Entry) -> None:
        """Gather; write when a durable event is there and the mailbox is empty, or when the time has come."""
        self._gathered.setdefault(message[0], []).append(message)
        self._taken += 1
        if message[3]:
            self._urgent = True
        elif self._due is None:
            self._due = time.monotonic() + LINGER
        if self._urgent:
            if self._taken >= MOST or self.actor_inbox.empty():
                self._write()
        elif self._due is not None and time.monotonic() >= self._due:
            self._write()

    def wakeup(self) -> float | None:
        return None if self._due is None else self._due - time.monotonic()

    def on_wakeup(self) -> None:
        self._write()

    def _write(self) -> None:
        gathered, self._gathered = self._gathered, {}
        self._urgent, self._taken, self._due = False, 0, None
        answers = self._store.append_batch(
            [
                AppendRequest(stream, [entry[2] for entry in entries], [entry[1] for entry in entries])
                for stream, entries in gathered.items()
            ]
        )
        for entries, answer in zip(gathered.values(), answers, strict=True):
            assert not isinstance(answer, StoreError), answer
            for sequence, entry in enumerate(entries, answer.first):
                if entry[3]:
                    entry[4].tell(encode_message(Committed(entry[3], sequence)))


class TellRouter(MailboxActor):
    """Passes events on; operations would be answered here."""

    def __init__(self, log: pykka.ActorRef[Any]) -> None:
        super().__init__("router")
        self._log = log

    def on_receive(self, message: Entry) -> None:
        self._log.tell(message)


class QueueInbox:
    """Pykka's own inbox."""

    @staticmethod
    def _create_actor_inbox() -> Any:
        return queue.Queue()


class QueueWriter(QueueInbox, TellWriter):
    pass


class QueueRouter(QueueInbox, TellRouter):
    pass


class Direct(Route):
    writer: type[TellWriter] = TellWriter

    def __init__(self, store: LmdbEventStore) -> None:
        super().__init__(store)
        self.log: pykka.ActorRef[Any] = self.writer.start(store)

    @property
    def first(self) -> pykka.ActorRef[Any]:
        """Who is told."""
        return self.log

    def open(self, stream: str, owner: Owner) -> Callable[[bytes, bool], None]:
        tell, now, ref, tokens = self.first.tell, self.clock.now, owner.actor_ref, iter(range(1, 1 << 62))

        def post(body: bytes, durable: bool) -> None:
            tell((stream, now(), body, next(tokens) if durable else 0, ref))

        return post

    def waiting(self) -> int:
        return depth(self.log)

    def stop(self) -> None:
        self.log.stop(block=True)


def depth(ref: pykka.ActorRef[Any]) -> int:
    return int(ref.actor_inbox.qsize())  # type: ignore[attr-defined]  # both kinds of queue have it


class DirectQueue(Direct):
    writer = QueueWriter


class Routed(Direct):
    router: type[TellRouter] = TellRouter

    def __init__(self, store: LmdbEventStore) -> None:
        super().__init__(store)
        self._router: pykka.ActorRef[Any] = self.router.start(self.log)

    @property
    def first(self) -> pykka.ActorRef[Any]:
        return self._router

    def waiting(self) -> int:
        return depth(self._router) + depth(self.log)

    def stop(self) -> None:
        self._router.stop(block=True)
        super().stop()


class RoutedQueue(Routed):
    writer = QueueWriter
    router = QueueRouter


# --- the lane --------------------------------------------------------------------------------------------------------


class Laned(Route):
    """What the product does."""

    def __init__(self, store: LmdbEventStore) -> None:
        super().__init__(store)
        self._lanes: dict[str, Lane] = {}
        self._log = Address("log")
        self._commits = GroupCommit(store, self._lanes, self._log, ActorHooks(), self.clock)
        self._ref = LogWriter.start(self._commits, lambda: list(self._lanes), self.clock, lambda reason: None)
        self._log.set(self._ref)

    def open(self, stream: str, owner: Owner) -> Callable[[bytes, bool], None]:
        lane = self._lanes[stream] = Lane(stream, owner.actor_ref, self._log, self._commits, self.clock)

        def post(body: bytes, durable: bool) -> None:
            if durable:
                lane.post_durable(body)
            elif lane.full:
                lane.post_durable(body)
                owner.wait()
            else:
                lane.post(body)

        return post

    def waiting(self) -> int:
        return sum(lane.waiting for lane in self._lanes.values())

    def stop(self) -> None:
        self._ref.stop(block=True)


ROUTES: dict[str, type[Route]] = {
    "router, Queue": RoutedQueue,
    "router, SimpleQueue": Routed,
    "direct, Queue": DirectQueue,
    "direct, SimpleQueue": Direct,
    "lane": Laned,
}


# --- the work --------------------------------------------------------------------------------------------------------


def start_job(store: LmdbEventStore) -> str:
    job_id = uuid7(time.time_ns() // 1000)
    dispatched = ev.JobDispatched(
        job_id, "bench:job", "bench", "1", MODULE, "execute_job", UUID(int=0), True, ev.Inline(b""), ev.JobLimits(),
        ev.RetryPolicy(),
    )  # fmt: skip
    stream = ev.job_stream(job_id)
    store.append(stream, [dispatched, ev.JobStarted(1, 1)])
    return stream


def progress(route: Route, events: int) -> dict[str, float]:
    """One job that reports progress, then one checkpoint: all is on disk at the end."""
    owner, stream = Owner(), start_job(route.store)
    post = route.open(stream, owner)
    encode, call = ev.encode, 0
    start = time.perf_counter()
    for call in range(1, events + 1):
        post(encode(ev.ProgressReported(call, call * 10, call / events, "counting the items of the library")), False)
    posted, waiting = time.perf_counter() - start, route.waiting()
    post(encode(ev.CheckpointSaved(call + 1, call * 10, ev.Inline(b"{}"))), True)
    owner.wait()
    seconds = time.perf_counter() - start
    head = route.store.head(stream)
    assert head is not None
    assert head.sequence == events + 3
    return {
        "progress events/s": events / seconds,
        "us an event": seconds / events * 1e6,
        "us an event on the job's thread": posted / events * 1e6,
        "events in memory when the last one was posted": waiting,
    }


def checkpoints(route: Route, jobs: int, each: int) -> dict[str, float]:
    """Jobs that make checkpoints, each waiting for its own."""
    latencies: list[float] = []
    begin = threading.Barrier(jobs + 1)

    def work() -> None:
        owner = Owner()
        post = route.open(start_job(route.store), owner)
        mine = []
        begin.wait()
        for call in range(1, each + 1):
            start = time.perf_counter()
            post(ev.encode(ev.CheckpointSaved(call, call * 10, ev.Inline(b'{"at": 12345}'))), True)
            owner.wait()
            mine.append(time.perf_counter() - start)
        latencies.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    begin.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    assert len(latencies) == jobs * each
    latencies.sort()
    return {
        f"checkpoints/s, {jobs} jobs": jobs * each / seconds,
        f"ms a checkpoint, {jobs} jobs": statistics.median(latencies) * 1e3,
        f"ms, the slowest of 100, {jobs} jobs": latencies[int(len(latencies) * 0.99)] * 1e3,
    }


def measure(kind: type[Route], folder: Path, events: int, number: int) -> dict[str, float]:
    """One run of one route, on a new log."""
    with LmdbEventStore.open(folder) as store:
        route = kind(store)
        try:
            row = progress(route, events)
            if kind in (Direct, Laned):
                for jobs in JOBS:
                    row |= checkpoints(route, jobs, max(number // jobs, 20))
        finally:
            route.stop()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--checkpoints", type=int, default=500, help="of one job; many share them, 20 each at least")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a real disk")
    options = parser.parse_args()
    kind = filesystem(options.dir)
    print(f"{options.events:,} events, {options.runs} runs, {kind}{': NOT A DISK' if is_memory(kind) else ''}")
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ROUTES}
    with scratch(options.dir) as folder:
        measure(Laned, folder / "warm-up", min(options.events, 5_000), 20)
        for run in range(options.runs):
            for index, (name, route) in enumerate(ROUTES.items()):
                rows[name].append(measure(route, folder / f"{run}-{index}", options.events, options.checkpoints))
    for figure in rows["lane"][0]:
        print(f"\n{figure}")
        for name in ROUTES:
            values = [row[figure] for row in rows[name] if figure in row]
            if values:
                print(f"  {name:22s}{statistics.median(values):>12,.2f}  [{min(values):,.2f}..{max(values):,.2f}]")


if __name__ == "__main__":
    main()
