"""Waiting for a condition: the one place where a test may let time pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from perdure.store import EventStore

TIMEOUT = 60.0  # seconds; a limit for what has gone wrong, never a wait


def eventually(predicate: Callable[[], object], timeout: float = TIMEOUT, *, every: float = 0.005) -> None:
    """Return when ``predicate()`` is true; for conditions that nobody can be asked to announce."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {predicate}")
        pause.wait(every)


def wait_for_log(store: EventStore, predicate: Callable[[], object], timeout: float = TIMEOUT) -> None:
    """Return when ``predicate()`` is true; it is asked after each commit."""
    deadline = time.monotonic() + timeout
    while True:
        position = store.position()  # before the question: a commit in between ends the wait at once
        if predicate():
            return
        left = deadline - time.monotonic()
        if left <= 0:
            last = [f"{event.stream} {event.event}" for event in store.read_all(after=max(0, position - 10))]
            raise AssertionError(f"not within {timeout} s; the log ends with:\n" + "\n".join(last))
        store.wait(position, left)
