"""One actor an extension: its queue, its slots, and those that all extensions share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.job_events import MODULE
from tests.support.puppet import Puppets
from tests.support.python_guest import PythonExtension, PythonGuests, PythonHost
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import ExtensionBusy, GuestSpec
from perdure.actors.messages import Forget
from perdure.actors.recovery import requeue
from perdure.store import ExtensionState, Status
from perdure.store import events as ev
from perdure.store.events import JobType, extension_stream

MakeRig = Callable[..., Rig]


class Shift:
    """Jobs that run until they are let go, and how many ran at most."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.order: list[UUID] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._go = threading.Semaphore(0)

    def body(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.order.append(spec.job_id)
        self.started.release()
        assert self._go.acquire(timeout=TIMEOUT)
        with self._lock:
            self._now -= 1

    def wait_started(self, jobs: int) -> None:
        for _ in range(jobs):
            assert self.started.acquire(timeout=TIMEOUT)

    def let_go(self, jobs: int = 1) -> None:
        for _ in range(jobs):
            self._go.release()


def in_line(rig: Rig, extension: str) -> UUID:
    """Dispatch a job that finds no slot; its extension stands in line when this returns."""
    job_id = rig.dispatch(extension=extension)
    nudge(rig.system.extension_address(extension))
    return job_id


# --- limits ----------------------------------------------------------------------------------------------------------


def test_an_extension_runs_no_more_jobs_at_once_than_it_may(make_rig: MakeRig) -> None:
    shift = Shift()
    rig = make_rig(body=shift.body, extensions={"acme": PythonExtension(concurrent_jobs=3)})
    jobs = [rig.dispatch() for _ in range(10)]
    shift.wait_started(3)
    nudge(rig.system.extension_address("acme"))
    assert len(rig.system.jobs.ids()) == 3

    shift.let_go(10)

    for job_id in jobs:
        rig.wait(job_id, Status.COMPLETED)
    assert shift.most == 3


def test_all_extensions_together_run_no_more_jobs_than_the_runtime_may(make_rig: MakeRig) -> None:
    shift = Shift()
    extensions = {name: PythonExtension() for name in ("acme", "bolt", "coil")}
    rig = make_rig(body=shift.body, extensions=extensions, running_jobs=4)
    jobs = [rig.dispatch(extension=name) for _ in range(5) for name in extensions]
    shift.wait_started(4)
    assert len(rig.system.jobs.ids()) == 4

    shift.let_go(15)

    for job_id in jobs:
        rig.wait(job_id, Status.COMPLETED)
    assert shift.most == 4


def test_jobs_of_one_extension_run_in_the_order_of_their_dispatch(make_rig: MakeRig) -> None:
    shift = Shift()
    rig = make_rig(body=shift.body, extensions={"acme": PythonExtension(concurrent_jobs=1)})
    jobs = [rig.dispatch() for _ in range(10)]
    shift.let_go(10)
    rig.wait(jobs[-1], Status.COMPLETED)

    assert shift.order == jobs


def test_a_busy_extension_does_not_keep_the_others_from_their_turn(make_rig: MakeRig) -> None:
    shift = Shift()
    extensions = {name: PythonExtension() for name in ("acme", "bolt")}
    rig = make_rig(body=shift.body, extensions=extensions, running_jobs=1)
    many = [rig.dispatch(extension="acme") for _ in range(20)]
    shift.wait_started(1)
    few = rig.dispatch(extension="bolt")
    nudge(rig.system.extension_address("bolt"))

    shift.let_go(2)

    shift.wait_started(2)
    # Acme asked first, when its second job found no slot.
    assert few in shift.order[:3]
    shift.let_go(20)
    rig.wait(few, Status.COMPLETED)
    rig.wait(many[-1], Status.COMPLETED)


def test_a_slot_that_nobody_wants_any_more_goes_to_the_next(make_rig: MakeRig) -> None:
    shift = Shift()
    extensions = {name: PythonExtension() for name in ("acme", "bolt", "coil")}
    rig = make_rig(body=shift.body, extensions=extensions, running_jobs=1)
    first = rig.dispatch(extension="acme")
    shift.wait_started(1)
    second, third = in_line(rig, "bolt"), in_line(rig, "coil")
    rig.control(second, "cancel")

    shift.let_go(2)

    rig.wait(first, Status.COMPLETED)
    rig.wait(third, Status.COMPLETED)


def test_a_slot_for_an_extension_that_stopped_admitting_goes_to_the_next(make_rig: MakeRig) -> None:
    shift = Shift()
    extensions = {name: PythonExtension() for name in ("acme", "bolt", "coil")}
    rig = make_rig(body=shift.body, extensions=extensions, running_jobs=1)
    rig.dispatch(extension="acme")
    shift.wait_started(1)
    second, third = in_line(rig, "bolt"), in_line(rig, "coil")
    assert rig.system.stop_admitting("bolt", TIMEOUT) == ()
    rig.system.unload("bolt", TIMEOUT)

    shift.let_go(2)

    rig.wait(third, Status.COMPLETED)
    assert rig.status(second) is Status.QUEUED
    assert "bolt" not in rig.system.loaded()


def test_slots_are_given_back_however_a_job_ends(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets, running_jobs=1)
    for end in (
        lambda job_id, puppet: puppet.end(),
        lambda job_id, puppet: puppet.fail(),
        lambda job_id, puppet: rig.control(job_id, "cancel") and puppet.end(),
    ):
        job_id = rig.dispatch()
        end(job_id, puppets.of(job_id))  # type: ignore[no-untyped-call]  # the table reads better so
        rig.over(job_id)
    rig.idle()

    last = rig.dispatch()
    puppets.of(last).end()
    rig.wait(last, Status.COMPLETED)


# --- admission -------------------------------------------------------------------------------------------------------


def test_a_job_that_is_admitted_twice_runs_once(make_rig: MakeRig) -> None:
    shift = Shift()
    rig = make_rig(body=shift.body, extensions={"acme": PythonExtension(concurrent_jobs=1)})
    first, second = rig.dispatch(), rig.dispatch()
    rig.admit(first)
    rig.admit(second)
    shift.let_go(2)
    rig.wait(second, Status.COMPLETED)
    rig.idle()

    assert shift.order == [first, second]
    assert rig.tags(second) == ["dispatched", "started", "completed"]


def test_a_job_that_has_ended_cannot_be_admitted(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)
    job_id = rig.dispatch()
    rig.wait(job_id, Status.COMPLETED)

    rig.admit(job_id)

    rig.idle()
    assert rig.tags(job_id) == ["dispatched", "started", "completed"]


def test_a_job_that_is_not_waiting_can_be_forgotten(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)

    rig.system.extension_address("acme").tell(Forget(UUID(int=1)))

    rig.wait(rig.dispatch(), Status.COMPLETED)


def test_a_job_waits_until_its_extension_is_loaded(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)
    rig.extensions["bolt"] = PythonExtension()
    job_id = rig.dispatch(extension="bolt")
    nudge(rig.system.extension_address("bolt"))
    assert rig.status(job_id) is Status.QUEUED

    install(rig, "bolt")
    rig.load("bolt")

    rig.wait(job_id, Status.COMPLETED)


def install(rig: Rig, extension: str) -> None:
    installed = ev.ExtensionInstalled(extension, "1", b"{}", MODULE, 8)
    rig.system.append(extension_stream(extension), [installed])


def test_many_threads_that_reach_for_an_extension_find_one_actor(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)
    barrier = threading.Barrier(8)
    found: list[object] = []

    def reach() -> None:
        barrier.wait(TIMEOUT)
        found.append(rig.system.extension_address("bolt").ref)

    threads = [threading.Thread(target=reach) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)

    assert len({id(ref) for ref in found}) == 1
    assert None not in found


# --- loading and unloading -------------------------------------------------------------------------------------------


def test_a_load_says_which_job_types_there_are_and_records_it(make_rig: MakeRig) -> None:
    types = (JobType("a", "execute_a", True), JobType("b", "execute_b", False))
    rig = make_rig(body=lambda host, state, spec: None, extensions={"acme": PythonExtension(*types)})

    assert rig.system.load("acme", "2", "m" * 64, TIMEOUT) == types

    loaded = list(rig.store.read(extension_stream("acme")))[-1].event
    assert loaded == ev.ExtensionLoaded("2", "m" * 64, types)


def test_a_module_that_is_refused_leaves_the_one_before_in_its_place(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)

    def refuse() -> None:
        raise LookupError("no such export")

    rig.extensions["acme"].on_initialise = refuse
    position = rig.store.position()
    with pytest.raises(LookupError, match="no such export"):
        rig.load()

    assert rig.store.position() == position
    rig.wait(rig.dispatch(), Status.COMPLETED)


def test_an_extension_with_running_jobs_is_busy(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)

    with pytest.raises(ExtensionBusy) as caught:
        rig.system.unload("acme", TIMEOUT)

    assert caught.value.jobs == (job_id,)
    assert rig.system.loaded() == ["acme"]
    assert rig.extensions["acme"].cleaned == 0
    puppet.end()
    rig.wait(job_id, Status.COMPLETED)
    rig.over(job_id)
    rig.system.unload("acme", TIMEOUT)
    assert rig.extensions["acme"].cleaned == 1


def test_an_extension_that_stopped_admitting_finishes_what_runs_and_starts_nothing(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    running = rig.dispatch()
    puppet = puppets.of(running)

    assert rig.system.stop_admitting("acme", TIMEOUT) == (running,)
    queued = rig.dispatch()
    puppet.end()

    rig.wait(running, Status.COMPLETED)
    assert rig.system.jobs.wait_ended([running], TIMEOUT)
    rig.system.unload("acme", TIMEOUT)
    assert rig.status(queued) is Status.QUEUED


def test_an_unload_is_recorded_and_the_next_load_lets_its_jobs_go_on(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)
    puppet.do(lambda host: host.checkpoint(b"here"))
    running = rig.system.stop_admitting("acme", TIMEOUT)
    rig.system.suspend_jobs(running, "the extension was unloaded")
    assert puppet.do(lambda host: host.check_interrupt()) == 1
    puppet.end()  # it does not mind: it completes
    rig.wait(job_id, Status.COMPLETED)
    rig.over(job_id)
    rig.system.unload("acme", TIMEOUT)
    state = rig.store.state(extension_stream("acme"))
    assert isinstance(state, ExtensionState)
    assert not state.enabled
    rig.system.unload("acme", TIMEOUT)  # nothing is there: nothing happens

    rig.load()

    job_id = rig.dispatch()
    puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)


def test_jobs_that_do_not_stop_for_an_unload_are_stopped_and_queued_by_the_next_load(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets, kill_grace=2.0)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)
    puppet.do(lambda host: host.checkpoint(b"here"))
    rig.system.suspend_jobs(rig.system.stop_admitting("acme", TIMEOUT), "the extension was unloaded")
    assert not rig.system.jobs.wait_ended([job_id], 0.0)
    rig.advance(2.0)
    assert rig.system.jobs.wait_ended([job_id], TIMEOUT)
    assert rig.status(job_id) is Status.SUSPENDED
    rig.system.unload("acme", TIMEOUT)

    rig.load()
    requeue(rig.system, [rig.job(job_id)])

    puppets.of(job_id).end()
    state = rig.wait(job_id, Status.COMPLETED)
    assert (state.checkpoints, state.superseded) == (1, [])


def test_a_running_job_keeps_the_guest_it_started_with(make_rig: MakeRig) -> None:
    guests = PythonGuests(lambda host, state, spec: None)
    rig = make_rig(guests)
    puppets = Puppets()
    rig.system.guests = puppets
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)
    rig.system.guests = guests

    rig.load()

    puppet.do(lambda host: host.increment_items(3))
    puppet.end()
    assert rig.wait(job_id, Status.COMPLETED).items == 3


# --- what can be measured --------------------------------------------------------------------------------------------


def test_the_depths_of_all_mailboxes_are_known(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)
    rig.store.block()
    puppet.begin(lambda host: host.checkpoint(b""))
    assert rig.store.blocked.acquire(timeout=TIMEOUT)

    depths = rig.system.mailbox_depths()

    assert set(depths) == {"log", "lanes", "router", "supervisor", "extension", "job"}
    assert depths["lanes"] == 1
    rig.store.unblock()
    eventually(lambda: not any(rig.system.mailbox_depths().values()))
    puppet.end()
    wait_for_log(rig.store, lambda: rig.status(job_id) is Status.COMPLETED)
