"""Who is kept on one processor: jobs that come again at once and hardly compute, as long as they do."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest
from tests.support.actor_rig import Rig
from tests.support.desk import Desk, item
from tests.support.job_events import completed
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec, herd
from perdure.actors.affinity import LinuxAffinity, affinity_here
from perdure.actors.herd import AWAY, COMPANY, LITTLE, LOOK, MUCH, Herd
from perdure.actors.messages import JobsKept
from perdure.store import Status
from perdure.store import events as ev


class Affinity:
    """`perdure.actors.affinity.Affinity` that only notes."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.refuses = False

    def keep(self, thread: int) -> bool:
        if not self.refuses:
            self.kept.append(thread)
        return not self.refuses

    def release(self, thread: int) -> None:
        self.kept.remove(thread)


class Lane:
    """`perdure.actors.herd.Member`."""

    def __init__(self, *, company: int = COMPANY, work: float = LITTLE / 2, out_since: float | None = None) -> None:
        self.thread = 0
        self.company = company
        self.work = work
        self.out_since = out_since


class Around:
    """A herd with what is around it."""

    def __init__(self) -> None:
        self.affinity = Affinity()
        self.begun = 0
        self.herd = Herd(self.affinity, self._begin)

    def _begin(self) -> None:
        self.begun += 1


@pytest.fixture
def around() -> Around:
    return Around()


ME = threading.get_native_id()


def test_one_that_comes_again_at_once_in_company_is_kept(around: Around) -> None:
    lane = Lane()
    around.herd.came(lane, quick=True)

    assert (around.affinity.kept, lane.thread, len(around.herd), around.begun) == ([ME], ME, 1, 1)


@pytest.mark.parametrize(
    ("lane", "quick"), [(Lane(), False), (Lane(company=COMPANY - 1), True), (Lane(work=LITTLE), True)]
)
def test_no_other_one_is(around: Around, lane: Lane, quick: bool) -> None:
    around.herd.came(lane, quick=quick)

    assert (around.affinity.kept, lane.thread, len(around.herd), around.begun) == ([], 0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "quick", "stays"),
    [
        (Lane(), True, True),
        (Lane(company=2), True, True),
        (Lane(work=MUCH), True, True),  # between the two it is left as it is
        (Lane(), False, False),
        (Lane(company=1), True, False),
        (Lane(work=MUCH * 1.01), True, False),
    ],
)
def test_it_stays_as_long_as_it_does_so(around: Around, changed: Lane, quick: bool, stays: bool) -> None:
    lane = Lane()
    around.herd.came(lane, quick=True)
    lane.company, lane.work = changed.company, changed.work
    around.herd.came(lane, quick=quick)

    assert (bool(lane.thread), len(around.affinity.kept)) == (stays, int(stays))


def test_one_that_leaves_can_come_back(around: Around) -> None:
    lane = Lane()
    for _ in range(3):
        around.herd.came(lane, quick=True)
        assert around.affinity.kept == [ME]
        around.herd.leave(lane)
        around.herd.leave(lane)
        assert (around.affinity.kept, lane.thread) == ([], 0)


def test_one_whose_guest_computes_is_let_go(around: Around) -> None:
    computing, waiting, going_on = Lane(out_since=10.0), Lane(), Lane(out_since=10.0 + AWAY)
    for lane in (computing, waiting, going_on):
        around.herd.came(lane, quick=True)

    assert around.herd.look(10.0 + AWAY * 1.01)
    assert [bool(lane.thread) for lane in (computing, waiting, going_on)] == [False, True, True]


def test_somebody_looks_as_long_as_anyone_is_kept(around: Around) -> None:
    lanes = [Lane(), Lane()]
    for lane in lanes:
        around.herd.came(lane, quick=True)
    assert around.begun == 1
    assert around.herd.look(0.0)
    for lane in lanes:
        around.herd.leave(lane)
    around.herd.came(lanes[0], quick=True)
    assert around.begun == 1  # it is still looked after
    around.herd.leave(lanes[0])
    assert not around.herd.look(0.0)

    around.herd.came(lanes[0], quick=True)
    assert around.begun == 2


def test_where_it_cannot_be_nobody_is_kept(around: Around) -> None:
    around.affinity.refuses = True
    lane = Lane()
    around.herd.came(lane, quick=True)
    around.herd.leave(lane)

    assert (lane.thread, around.begun) == (0, 0)


def test_a_lane_is_out_from_its_owners_waking_until_its_next_event(desk: Desk) -> None:
    desk.start()
    lane, _ = desk.job()
    lane.commit(item(1))
    assert lane.out_since == desk.clock.monotonic()
    desk.clock.advance(1)
    desk.store.block()
    thread = threading.Thread(target=lambda: lane.commit(item(2)))
    thread.start()
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    assert lane.out_since is None
    desk.store.unblock()
    thread.join()
    assert lane.out_since == desk.clock.monotonic()


# --- with the log writer ---------------------------------------------------------------------------------------------


def test_the_log_writer_looks_until_nobody_is_kept(desk: Desk) -> None:
    around = Around()
    desk.commits.herd = around.herd
    writer = desk.idle_writer()
    lane = Lane()
    around.herd.came(lane, quick=True)
    writer.on_message(JobsKept())

    assert writer.wakeup() == pytest.approx(LOOK)
    lane.out_since = desk.clock.monotonic()
    desk.clock.advance(LOOK)
    writer.on_wakeup()
    assert around.affinity.kept == [ME]
    assert writer.wakeup() == pytest.approx(LOOK)
    desk.clock.advance(LOOK + AWAY)
    writer.on_wakeup()
    assert (around.affinity.kept, writer.wakeup()) == ([], None)


def test_the_next_log_writer_goes_on_looking(desk: Desk) -> None:
    around = Around()
    desk.commits.herd = around.herd
    assert desk.idle_writer().wakeup() is None
    around.herd.came(Lane(out_since=0.0), quick=True)

    writer = desk.idle_writer()
    assert writer.wakeup() == 0
    writer.on_wakeup()
    assert (around.affinity.kept, writer.wakeup()) == ([], None)


def test_whoever_tells_of_ends_is_let_go_before(desk: Desk, around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    # What those start who are told would inherit where the leader may run.
    desk.idle_writer()
    desk.commits.herd = around.herd
    leading, ending = desk.job(1)[0], desk.job(2)[0]
    kept: list[int] = []
    desk.commits._ended = lambda state: kept.append(len(around.herd))
    leading.work, leading.company = LITTLE / 2, COMPANY
    around.herd.came(leading, quick=True)
    monkeypatch.setattr(around.herd, "came", lambda member, quick: None)  # it stays, for what it does
    leading.commit(item(1))
    assert around.affinity.kept == [ME]

    ending.post_durable(ev.encode(completed()))
    desk.commits.ready.append(ending.stream)  # as the log writer does when it is told
    leading.commit(item(2))

    assert kept == [0]
    assert around.affinity.kept == []


# --- with jobs -------------------------------------------------------------------------------------------------------

JOBS = COMPANY * 2


class Crowd:
    """Bodies of guests that save checkpoints until they are told to compute, and then to end."""

    def __init__(self) -> None:
        self.threads: dict[int, set[int]] = {}
        self.compute = threading.Event()
        self.end = threading.Event()
        self.computing = threading.Semaphore(0)

    def body(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        me = threading.get_native_id()
        while not self.compute.is_set():
            host.checkpoint(b"again")
            if sys.platform == "linux":
                self.threads[me] = os.sched_getaffinity(me)
        self.computing.release()
        assert self.end.wait(TIMEOUT)
        self.threads[me] = os.sched_getaffinity(me) if sys.platform == "linux" else set()


def kept(crowd: Crowd) -> int:
    return sum(len(allowed) == 1 for allowed in list(crowd.threads.values()))


def test_jobs_are_kept_together_while_they_save_checkpoints(make_rig: Callable[..., Rig]) -> None:
    crowd = Crowd()
    rig = make_rig(body=crowd.body, one_processor=True)
    jobs = [rig.dispatch() for _ in range(JOBS)]
    if isinstance(affinity_here(), LinuxAffinity):
        eventually(lambda: kept(crowd) >= COMPANY)
    crowd.compute.set()
    for _ in jobs:
        assert crowd.computing.acquire(timeout=TIMEOUT)
    # Whoever of them does not come again is let go.
    rig.advance(AWAY * 2)
    eventually(lambda: len(rig.system._commits.herd) == 0)
    crowd.end.set()
    for job in jobs:
        rig.wait(job, Status.COMPLETED)

    if sys.platform == "linux":
        assert set(map(frozenset, crowd.threads.values())) == {frozenset(os.sched_getaffinity(0))}


def test_none_is_kept_that_ends(make_rig: Callable[..., Rig]) -> None:
    crowd = Crowd()
    crowd.end.set()
    rig = make_rig(body=crowd.body, one_processor=True)
    jobs = [rig.dispatch() for _ in range(JOBS)]
    eventually(lambda: len(crowd.threads) == JOBS)
    crowd.compute.set()
    for job in jobs:
        rig.wait(job, Status.COMPLETED)
        rig.over(job)

    assert len(rig.system._commits.herd) == 0


def test_nobody_is_kept_if_that_is_not_wanted(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[object] = []
    monkeypatch.setattr(herd.Herd, "_join", lambda self, member: joined.append(self._affinity.keep(1)))
    crowd = Crowd()
    crowd.end.set()
    rig = make_rig(body=crowd.body, one_processor=False)
    jobs = [rig.dispatch() for _ in range(JOBS)]
    eventually(lambda: len(joined) > JOBS)
    crowd.compute.set()
    for job in jobs:
        rig.wait(job, Status.COMPLETED)

    assert set(joined) == {False}
    assert kept(crowd) == 0
