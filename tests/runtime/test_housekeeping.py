"""What is done now and then: at its time by the given clock, one thing after the other, through errors, to the end."""

from __future__ import annotations

import logging
import threading

import pytest
from tests.support.manual_clock import ManualClock
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime.housekeeping import Chore, Housekeeping
from perdure.store.errors import StoreClosed


class Counted:
    """A chore that counts how often it was done, and can be held."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.held, self.begun = threading.Event(), threading.Event()
        self.held.set()

    def __call__(self, stopping: threading.Event) -> None:
        self.begun.set()
        assert self.held.wait(TIMEOUT) or stopping.is_set()
        self.count += 1
        if self.error is not None:
            raise self.error


def test_a_chore_is_done_when_it_is_due() -> None:
    clock, chore, other = ManualClock(), Counted(), Counted()
    keeping = Housekeeping(clock)
    keeping.add(Chore("one", 60.0, chore, 10.0))
    keeping.start()
    keeping.add(Chore("other", 1000.0, other, 5000.0))
    for seconds, count in ((10, 1), (59, 1), (1, 2), (600, 3)):
        clock.advance(seconds)
        keeping.look()
        eventually(lambda count=count: chore.count == count)  # type: ignore[misc]  # mypy knows no lambda with a default
    keeping.stop()
    keeping.join()
    assert (chore.count, other.count) == (3, 0)


@pytest.mark.parametrize(("error", "words"), [(ValueError("no"), "is tried again in 60 s"), (StoreClosed(), "closed")])
def test_one_that_fails_is_logged_and_comes_again(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, chore = ManualClock(), Counted()
    chore.error = error
    keeping = Housekeeping(clock)
    keeping.add(Chore("the chore", 60.0, chore, 0.0))
    with caplog.at_level(logging.WARNING):
        keeping.start()
        eventually(lambda: chore.count == 1)
        clock.advance(60)
        keeping.look()
        eventually(lambda: chore.count == 2)
        keeping.stop()
        keeping.join()
    assert words in caplog.text


def test_a_stop_is_heard_by_the_chore_that_runs_and_begins_no_other() -> None:
    clock, chore, other = ManualClock(), Counted(), Counted()
    chore.held.clear()
    seen = threading.Event()

    def patient(stopping: threading.Event) -> None:
        chore.begun.set()
        if stopping.wait(TIMEOUT):
            seen.set()

    keeping = Housekeeping(clock)
    keeping.add(Chore("one", 60.0, patient, 0.0))
    keeping.add(Chore("other", 60.0, other, 0.0))
    keeping.start()
    assert chore.begun.wait(TIMEOUT)
    keeping.stop()
    keeping.join()
    assert seen.is_set()
    assert other.count == 0


def test_without_chores_there_is_no_thread() -> None:
    keeping = Housekeeping(ManualClock())
    keeping.start()
    keeping.stop()
    keeping.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "perdure-housekeeping"]
