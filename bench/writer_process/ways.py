"""The ways to the log that are compared: each commits one durable event of one of many threads."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from bench.lanes import Owner
from bench.writer_process.ring import SIZE, STOP, two_rings
from bench.writer_process.writer import serve
from perdure.actors import ActorHooks, SystemClock
from perdure.actors.group_commit import GroupCommit
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LogWriter
from perdure.actors.mailbox import Address
from perdure.actors.messages import Committed
from perdure.store import Appended, AppendRequest, LmdbEventStore, StoreError
from perdure.store import events as ev

_EAGER: Final = 0.000_05  # seconds
_LONG: Final = 60.0  # seconds without an answer after which the writer is given up


class WriterGone(Exception):
    """The writer's process does not answer."""


class Way:
    """A way to the log, for threads that are numbered.

    Attributes:
        pid: the process that writes; None if it is this one.
    """

    pid: int | None = None

    def commit(self, number: int, event: ev.Event) -> int:
        """Store an event of this thread's stream; its sequence, when it is on disk."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class _EagerStore(LmdbEventStore):
    """Asks for the GIL sooner while it commits: LMDB's binding gives it up for each item, and has to take it back."""

    def append_batch(
        self, requests: Sequence[AppendRequest], riders: Sequence[ev.RowWrite] = ()
    ) -> list[Appended | StoreError]:
        """See `EventStore.append_batch`."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(_EAGER)
        try:
            return super().append_batch(requests, riders)
        finally:
            sys.setswitchinterval(before)


class InProcess(Way):
    """What the product does."""

    store: type[LmdbEventStore] = LmdbEventStore

    def __init__(self, folder: Path, streams: list[str]) -> None:
        self._store, clock = self.store.open(folder), SystemClock()
        by_stream: dict[str, Lane] = {}
        address = Address("log")
        commits = GroupCommit(self._store, by_stream, address, ActorHooks(), clock)
        self._log = LogWriter.start(commits, lambda: list(by_stream), clock, lambda reason: None)
        address.set(self._log)
        for stream in streams:
            by_stream[stream] = Lane(stream, Owner().actor_ref, address, commits, clock)
        self._lanes = list(by_stream.values())

    def commit(self, number: int, event: ev.Event) -> int:
        """See `Way.commit`."""
        answer = self._lanes[number].commit(ev.encode(event), event=event)
        assert isinstance(answer, Committed), answer
        return answer.sequence

    def close(self) -> None:
        """End the log writer, then the store."""
        self._log.stop(block=True)
        self._store.close()


class InProcessEager(InProcess):
    """The same with a short switch interval, for all threads, as long as a commit lasts."""

    store = _EagerStore


class _Waiter:
    """One who waits for an answer."""

    def __init__(self) -> None:
        self.sequence = 0  # 0: none yet
        self.asleep = False
        # Unlike a lock it may be rung once too often; to ring it does not give up the GIL.
        self.bell: SimpleQueue[None] = SimpleQueue()


class OtherProcess(Way):
    """The writer is a child; a thread here does nothing but take its answers.

    Both processes ring by a semaphore: unlike a write to a pipe, to post it does not give up the GIL, and makes a
    system call only if somebody sleeps.

    Attributes:
        started: seconds until the child could write.
        resident: bytes of memory of the child at its end.
    """

    def __init__(self, folder: Path, streams: list[str]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._shared = SharedMemory(create=True, size=2 * SIZE)
        self._questions, self._answers = two_rings(self._shared)
        self._asked, self._answered = spawn.Semaphore(0), spawn.Semaphore(0)
        self._putting = threading.Lock()
        self._waiters = [_Waiter() for _ in streams]
        self._awake: deque[_Waiter] = deque()  # who is answered, and still sleeps
        self._closed = False
        self._pipe, theirs = spawn.Pipe(duplex=False)
        began = time.perf_counter()
        self._child = spawn.Process(
            target=serve, args=(folder, streams, self._shared.name, self._asked, self._answered, theirs), daemon=True
        )
        self._child.start()
        theirs.close()
        self._pipe.recv()
        self.started = time.perf_counter() - began
        self.resident = 0
        self.pid = self._child.pid
        self._listen()

    def _listen(self) -> None:
        self._listener = threading.Thread(target=self._take_answers, daemon=True)
        self._listener.start()

    def _take_answers(self) -> None:
        while not self._closed:
            self._answered.acquire()
            self._answer()
            self._wake_next()

    def _answer(self) -> None:
        for number, sequence, _ in self._answers.take():
            waiter = self._waiters[number]
            waiter.sequence = sequence
            self._awake.append(waiter)

    def _wake_next(self) -> bool:
        try:
            self._awake.popleft().bell.put(None)
        except IndexError:
            return False
        return True

    def commit(self, number: int, event: ev.Event) -> int:
        """See `Way.commit`."""
        waiter = self._waiters[number]
        waiter.sequence = 0
        body, now = ev.encode(event), time.time_ns() // 1000
        with self._putting:
            self._questions.put(number, now, body)
        self._asked.release()
        return self._wait(waiter)

    def _wait(self, waiter: _Waiter) -> int:
        waiter.bell.get(timeout=_LONG)
        self._wake_next()
        return waiter.sequence

    def close(self) -> None:
        """End the child, then the listener."""
        with self._putting:
            self._questions.put(STOP, 0)
        self._asked.release()
        self.resident = self._pipe.recv()
        self._child.join()
        self._end_listener()
        self._questions.release()
        self._answers.release()
        self._shared.close()
        self._shared.unlink()

    def _end_listener(self) -> None:
        self._closed = True
        self._answered.release()
        self._listener.join()


class OtherProcessTurns(OtherProcess):
    """The writer is a child; one of those who wait takes the answers for all; who is alone needs no other thread."""

    def __init__(self, folder: Path, streams: list[str]) -> None:
        self._turn = threading.Lock()
        self._unanswered: dict[_Waiter, None] = {}
        super().__init__(folder, streams)

    def _listen(self) -> None:
        pass

    def _end_listener(self) -> None:
        pass

    def commit(self, number: int, event: ev.Event) -> int:
        """See `Way.commit`."""
        self._unanswered[self._waiters[number]] = None
        return super().commit(number, event)

    def _wait(self, waiter: _Waiter) -> int:
        while not waiter.sequence:
            if not self._turn.acquire(blocking=False):
                waiter.asleep = True
                if not waiter.sequence:
                    waiter.bell.get(timeout=_LONG)
                waiter.asleep = False
                continue
            if not waiter.sequence:
                if not self._answered.acquire(timeout=_LONG):
                    raise WriterGone
                self._answer()
            self._turn.release()
            if not waiter.sequence:
                self._wake_next()
        if not self._wake_next() and not self._turn.locked():
            for other in list(self._unanswered):  # somebody has to take the turn
                other.bell.put(None)
                break
        return waiter.sequence

    def _wake_next(self) -> bool:
        """Wake one that sleeps; those that saw their answer by themselves wake others by themselves, too."""
        with contextlib.suppress(IndexError):
            while True:
                waiter = self._awake.popleft()
                waiter.bell.put(None)
                if waiter.asleep:
                    return True
        return False

    def _answer(self) -> None:
        for number, sequence, _ in self._answers.take():
            waiter = self._waiters[number]
            self._unanswered.pop(waiter)
            waiter.sequence = sequence
            self._awake.append(waiter)
