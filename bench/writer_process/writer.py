"""The writer in its own process: takes events from a ring, commits them together, answers through another ring.

It waits for those who will be back in a moment as `perdure.actors.group_commit` does, with the same patience, so that
what is compared is where the log is written and not how well commits are grouped.
"""

from __future__ import annotations

import math
import time
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Final

from bench.memory import resident_bytes
from bench.writer_process.ring import STOP, Item, Ring, two_rings
from perdure.store import AppendRequest, LmdbEventStore, StoreError

_PATIENCE: Final = 0.001  # seconds
_PER_LANE: Final = 0.000_05
_MOST_PATIENCE: Final = 0.02


def serve(
    folder: Path, streams: list[str], memory: str, asked: Semaphore, answered: Semaphore, ready: Connection
) -> None:
    """Own the log in ``folder`` until the ring says `STOP`; ``ready`` is told of the start, then of the memory."""
    shared = SharedMemory(memory)
    questions, answers = two_rings(shared)
    with LmdbEventStore.open(folder) as store:
        ready.send(True)
        _Writer(store, streams, questions, answers, asked, answered).run()
    ready.send(resident_bytes())
    questions.release()
    answers.release()
    shared.close()


class _Writer:
    def __init__(
        self,
        store: LmdbEventStore,
        streams: list[str],
        questions: Ring,
        answers: Ring,
        asked: Semaphore,
        answered: Semaphore,
    ) -> None:
        self._store = store
        self._streams = streams
        self._questions = questions
        self._answers = answers
        self._asked = asked
        self._answered = answered
        self._expected: set[int] = set()
        self._last = dict.fromkeys(range(len(streams)), -math.inf)  # when each was answered
        self._patience = _PATIENCE

    def run(self) -> None:
        while True:
            batch = self._gather()
            if any(number == STOP for number, _, _ in batch):
                return
            if batch:
                self._commit(batch)

    def _gather(self) -> list[Item]:
        """What there is, and what those bring who are expected; a post too many is one look at an empty ring."""
        self._asked.acquire()
        batch = self._questions.take()
        self._come(batch)
        due = time.monotonic() + self._patience
        while batch and self._expected and (left := due - time.monotonic()) > 0:
            if self._asked.acquire(timeout=left):
                more = self._questions.take()
                self._come(more)
                batch += more
        return batch

    def _come(self, items: list[Item]) -> None:
        now = time.monotonic()
        for number, _, _ in items:
            self._expected.discard(number)
            if number != STOP:
                self._last[number] = now - self._last[number]  # its pause, until it is answered

    def _commit(self, batch: list[Item]) -> None:
        streams = self._streams
        start = time.monotonic()
        stored = self._store.append_batch(
            [AppendRequest(streams[number], [body], [moment]) for number, moment, body in batch]
        )
        now = time.monotonic()
        self._expected.clear()
        self._patience = min(max(now - start, _PATIENCE) + _PER_LANE * len(batch), _MOST_PATIENCE)
        for (number, _, _), answer in zip(batch, stored, strict=True):
            if isinstance(answer, StoreError):
                raise answer
            self._answers.put(number, answer.first)
            if self._last[number] < self._patience:
                self._expected.add(number)
            self._last[number] = now
        self._answered.release()
