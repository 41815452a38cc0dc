"""Threads on one processor, with Linux's own threads and processors."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from perdure.actors.affinity import LinuxAffinity, NoAffinity, affinity_here, processor_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says where a thread may run")


class Sleeper:
    """A thread that is there until the test ends."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._begun = threading.Barrier(2)
        self._thread = threading.Thread(target=self._stay, daemon=True)
        self._thread.start()
        self._begun.wait()
        assert self._thread.native_id is not None
        self.id: int = self._thread.native_id

    def _stay(self) -> None:
        self._begun.wait()
        self._end.wait()

    @property
    def allowed(self) -> set[int]:
        return os.sched_getaffinity(self.id)

    def end(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def sleepers() -> Iterator[list[Sleeper]]:
    threads = [Sleeper() for _ in range(3)]
    yield threads
    for thread in threads:
        thread.end()


def test_threads_are_kept_on_one_processor_and_let_go(sleepers: list[Sleeper]) -> None:
    before = os.sched_getaffinity(0)
    affinity = LinuxAffinity()
    assert [affinity.keep(sleeper.id) for sleeper in sleepers] == [True] * 3

    places = [sleeper.allowed for sleeper in sleepers]
    assert places == [{processor_of(sleepers[0].id)}] * 3
    assert os.sched_getaffinity(0) == before  # nobody else is

    affinity.release(sleepers[1].id)
    assert [sleeper.allowed for sleeper in sleepers] == [places[0], before, places[0]]
    affinity.release(sleepers[1].id)  # it is not kept
    affinity.release(sleepers[0].id)
    affinity.release(sleepers[2].id)
    assert [sleeper.allowed for sleeper in sleepers] == [before] * 3


def test_what_the_program_has_chosen_for_a_thread_comes_back(sleepers: list[Sleeper]) -> None:
    chosen = {max(os.sched_getaffinity(0))}
    os.sched_setaffinity(sleepers[0].id, chosen)
    affinity = LinuxAffinity()

    assert affinity.keep(sleepers[0].id)
    affinity.release(sleepers[0].id)

    assert sleepers[0].allowed == chosen


def test_a_thread_that_may_not_run_there_is_left_alone(sleepers: list[Sleeper]) -> None:
    affinity = LinuxAffinity()
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(sleepers[0].id, {processors[0]})
    os.sched_setaffinity(sleepers[1].id, {processors[-1]})
    assert affinity.keep(sleepers[0].id)

    assert affinity.keep(sleepers[1].id) is (len(processors) == 1)
    assert sleepers[1].allowed == {processors[-1]}


def test_a_thread_that_is_gone_is_no_error() -> None:
    gone, going = Sleeper(), Sleeper()
    affinity = LinuxAffinity()
    assert affinity.keep(going.id)
    gone.end()
    going.end()

    assert not affinity.keep(gone.id)
    affinity.release(going.id)


def test_it_is_for_machines_with_more_than_one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    assert isinstance(affinity_here(), LinuxAffinity)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1})
    assert isinstance(affinity_here(), NoAffinity)


def test_nobody_is_kept_where_there_is_no_such_thing(monkeypatch: pytest.MonkeyPatch, sleepers: list[Sleeper]) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    affinity = affinity_here()
    before = sleepers[0].allowed

    assert not affinity.keep(sleepers[0].id)
    affinity.release(sleepers[0].id)
    assert sleepers[0].allowed == before


def test_nor_where_threads_need_not_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert isinstance(affinity_here(), NoAffinity)
