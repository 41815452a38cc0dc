"""An orderly end: what runs is suspended, and the next process goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from tests.support.actor_rig import Rig
from tests.support.crash import Crash
from tests.support.job_events import completed, started
from tests.support.puppet import Stopped
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT

from perdure.actors import ActorRestarted, Exit, Interrupt, SystemStopped
from perdure.store import Status, StoreClosed
from perdure.store import events as ev
from perdure.store.events import job_stream

MakeRig = Callable[..., Rig]


@pytest.fixture
def crash(make_rig: MakeRig) -> Crash:
    return Crash(make_rig)


def test_a_shutdown_suspends_what_runs_and_the_next_process_goes_on(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    puppet.do(lambda host: host.checkpoint(b"here"))
    closing = threading.Thread(target=crash.rig.shutdown)
    closing.start()
    while puppet.do(lambda host: host.check_interrupt()) is Interrupt.CONTINUE:
        pass
    puppet.do(lambda host: host.checkpoint(b"there"))
    puppet.end(Exit.INTERRUPTED)
    closing.join(TIMEOUT)
    assert crash.rig.status(job_id) is Status.SUSPENDED
    [suspended] = [event for event in crash.rig.events(job_id) if isinstance(event, ev.JobSuspended)]
    assert (suspended.reason, suspended.forced) == ("the runtime closed", False)

    rig = crash.again()

    puppet = crash.puppets.of(job_id)
    assert puppet.state == b"there"
    puppet.end()
    rig.wait(job_id, Status.COMPLETED)


def test_a_guest_that_does_not_listen_is_stopped_by_the_shutdown(crash: Crash) -> None:
    job_id, _ = crash.begin()

    crash.rig.shutdown(grace=0.05)

    assert crash.rig.status(job_id) is Status.SUSPENDED
    end = crash.rig.events(job_id)[-1]
    assert isinstance(end, ev.JobSuspended)
    assert end.forced


def test_a_shutdown_takes_what_is_buffered_to_the_log(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    for _ in range(100):
        puppet.do(lambda host: host.increment_items())

    crash.rig.shutdown(grace=0.0)

    assert crash.rig.job(job_id).items == 100


def test_a_pause_that_a_person_asked_for_outlives_a_shutdown(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    crash.rig.control(job_id, "pause")
    closing = threading.Thread(target=crash.rig.shutdown)
    closing.start()
    puppet.end(Exit.INTERRUPTED)
    closing.join(TIMEOUT)

    rig = crash.again()

    assert rig.status(job_id) is Status.PAUSED


def test_nothing_starts_during_a_shutdown(crash: Crash) -> None:
    first, puppet = crash.begin()
    crash.rig.extensions["acme"].concurrent_jobs = 1
    second = crash.rig.dispatch(admit=False)
    closing = threading.Thread(target=crash.rig.shutdown)
    closing.start()
    while puppet.do(lambda host: host.check_interrupt()) is Interrupt.CONTINUE:
        pass
    crash.rig.admit(second)
    puppet.end(Exit.INTERRUPTED)
    closing.join(TIMEOUT)

    assert crash.rig.status(second) is Status.QUEUED
    rig = crash.again()
    for job_id in (first, second):
        crash.puppets.of(job_id).end()
        rig.wait(job_id, Status.COMPLETED)


def test_a_shutdown_cleans_every_extension_up_once(crash: Crash) -> None:
    _, puppet = crash.begin()
    puppet.end()

    crash.rig.shutdown()
    crash.rig.shutdown()

    assert crash.rig.extensions["acme"].cleaned == 1


def test_the_last_word_is_said_when_nothing_else_will_be(crash: Crash) -> None:
    job_id, _ = crash.begin()
    position: list[int] = []

    crash.rig.system.shutdown(0.0, "closed", last=lambda: position.append(crash.rig.store.position()))

    assert position == [crash.rig.store.position()]
    assert crash.rig.status(job_id) is Status.SUSPENDED


def test_a_system_that_is_shut_down_says_so(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    puppet.end()
    crash.rig.wait(job_id, Status.COMPLETED)

    crash.rig.shutdown()

    for use in (
        lambda: crash.rig.dispatch(admit=False),
        lambda: crash.rig.control(job_id, "pause"),
        lambda: crash.rig.system.load("acme", "1", "m", 1.0),
    ):
        with pytest.raises(SystemStopped) as caught:
            use()
        assert not isinstance(caught.value, ActorRestarted)


def test_a_shutdown_on_a_full_disk_ends_and_loses_nothing_that_was_acknowledged(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    puppet.do(lambda host: host.checkpoint(b"kept"))
    crash.rig.store.fail_with(StoreClosed())

    crash.rig.shutdown(grace=0.0)

    with pytest.raises(Stopped):
        puppet.do(lambda host: host.increment_items())
    assert crash.rig.status(job_id) is Status.RUNNING
    rig = crash.again()
    crash.puppets.of(job_id).end()
    assert rig.wait(job_id, Status.COMPLETED).checkpoints == 1


def test_an_end_that_could_not_be_recorded_when_the_system_closed_is_done_again(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    failed = threading.Event()

    def fail(requests: Sequence[object]) -> None:
        failed.set()
        raise StoreClosed

    crash.rig.store.before = fail
    puppet.end()
    assert failed.wait(TIMEOUT)

    crash.rig.shutdown(grace=TIMEOUT)

    assert crash.rig.status(job_id) is Status.RUNNING
    rig = crash.again()
    crash.puppets.of(job_id).end()
    assert rig.wait(job_id, Status.COMPLETED).attempts == 2


def test_a_wrapper_that_was_cut_lets_nothing_through(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)
    job_id = rig.dispatch(admit=False)
    wrapper = rig.store
    assert isinstance(wrapper, StoreWrapper)
    wrapper.cut()

    with pytest.raises(StoreClosed):
        rig.system.append(job_stream(job_id), [started(), completed()])
    assert rig.tags(job_id) == ["dispatched"]
