"""Actions at the end of a time: one thread, as long as there is a deadline."""

from __future__ import annotations

import queue
import threading

from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime.guests.deadlines import Deadlines

LONG = 3_600.0


def fail() -> None:
    raise KeyError("an action's own")


def test_they_come_in_the_order_of_their_times_and_what_is_called_off_does_not_come() -> None:
    deadlines, came = Deadlines(), queue.SimpleQueue[str]()
    last = deadlines(0.06, lambda: came.put("last"))
    deadlines(0.02, lambda: came.put("called off"))()
    deadlines(0.03, fail)
    # Earlier than the one that the thread waits for by now.
    deadlines(0.01, lambda: came.put("first"))
    assert [came.get(timeout=TIMEOUT), came.get(timeout=TIMEOUT)] == ["first", "last"]
    last()


def test_the_thread_ends_with_the_last_deadline_and_begins_anew() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        came = threading.Event()
        deadlines(0.0, came.set)
        assert came.wait(TIMEOUT)
        eventually(lambda: not deadlines._runs)


def test_one_that_was_called_off_holds_nothing() -> None:
    deadlines = Deadlines()
    cancel = deadlines(LONG, fail)
    cancel()
    cancel()
    ((_, _, kept),) = deadlines._heap
    assert kept.action is None
    assert deadlines._runs, "it waits on, and wakes nobody for it"


def test_a_fork_begins_anew() -> None:
    deadlines, came = Deadlines(), threading.Event()
    deadlines(LONG, fail)
    deadlines._pid = 0  # as if this were another process: that one's thread is not here
    deadlines(0.0, came.set)
    assert came.wait(TIMEOUT)
