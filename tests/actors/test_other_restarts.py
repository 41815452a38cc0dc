"""The router, an extension's actor, the supervisor; and what the program around them does."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from uuid import UUID

import pykka
import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.house import House, Restarts
from tests.support.puppet import Puppets, Stopped
from tests.support.python_guest import PythonOperations
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import Admission, Exit, Hold, OperationCall, SystemStopped
from perdure.actors.messages import Admit, JobDied, OperationDone, Run, encode_message
from perdure.store import Status
from perdure.store import events as ev

MakeRig = Callable[..., Rig]


@pytest.fixture
def house(make_rig: Callable[..., Rig]) -> House:
    return House(make_rig)


# --- the router ------------------------------------------------------------------------------------------------------


class HeldOperations(PythonOperations):
    """Operations whose checks wait for the test."""

    def __init__(self) -> None:
        super().__init__(x=lambda call: b'"ran"')
        self.admitting = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.error: BaseException | None = None

    def admit(self, call: OperationCall) -> Admission | Hold:
        self.admitting.release()
        assert self.go_on.wait(TIMEOUT)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return super().admit(call)


def test_calls_that_die_with_the_router_are_answered_and_the_next_ones_run(make_rig: MakeRig) -> None:
    puppets, hooks, operations = Puppets(), Restarts(), HeldOperations()
    rig = make_rig(puppets, hooks=hooks, operations=operations)
    ids = [rig.dispatch() for _ in range(3)]
    running = [puppets.of(job_id) for job_id in ids]
    operations.error = KeyboardInterrupt()
    calls = [running[0].begin(lambda host: host.call("query:x"))]
    assert operations.admitting.acquire(timeout=TIMEOUT)
    calls += [puppet.begin(lambda host: host.call("query:x")) for puppet in running[1:]]
    eventually(lambda: rig.system.router.depth() == 2)
    operations.go_on.set()

    answers = [call.result(TIMEOUT) for call in calls]

    assert all(b'"code": "unavailable"' in answer for answer in answers)
    eventually(lambda: hooks.restarted == ["router"])
    while_it_is_gone = running[0].do(lambda host: host.call("query:x"))
    assert b'"code": "unavailable"' in while_it_is_gone
    rig.advance(1.0)
    assert running[0].do(lambda host: host.call("query:x")) == b'"ran"'
    running[0].end()
    rig.wait(ids[0], Status.COMPLETED)
    codes = [event.code for event in rig.events(ids[0]) if isinstance(event, ev.OperationAnswered)]
    assert codes == ["unavailable", "unavailable", ""]


def test_a_router_that_dies_too_often_costs_the_jobs_that_call_it(house: House) -> None:
    for _ in range(3):
        house.kill_and_restart("router")
    house.kill("router")
    eventually(lambda: house.rig.system.router.ref is None)
    _, puppet = house.begin()

    with pytest.raises(Stopped):
        puppet.do(lambda host: host.call("query:x"))
    other, quiet = house.begin()
    quiet.end()
    house.rig.wait(other, Status.COMPLETED)


def test_an_answer_to_a_job_that_is_gone_disturbs_nobody(house: House) -> None:
    job_id, puppet = house.begin()
    house.rig.system.jobs.tell(job_id, OperationDone(99, "", b"late"))
    puppet.end()
    house.rig.wait(job_id, Status.COMPLETED)
    house.rig.over(job_id)

    house.rig.system.jobs.tell(job_id, OperationDone(99, "", b"late"))


# --- an extension's actor --------------------------------------------------------------------------------------------


def test_an_extensions_actor_that_dies_is_restarted_with_its_queue(house: House) -> None:
    extension = house.rig.extensions["acme"]
    extension.concurrent_jobs = 1
    running, puppet = house.begin()
    queued = [house.rig.dispatch() for _ in range(3)]
    house.kill("acme")
    while_it_is_gone = house.rig.dispatch()

    house.rig.advance(1.0)

    nudge(house.rig.system.extension_address("acme"))
    assert extension.initialised == 2
    assert house.rig.system.jobs.ids() == [running], "it knows of the one that runs"
    puppet.end()
    for job_id in [*queued, while_it_is_gone]:
        house.puppets.of(job_id).end()
        house.rig.wait(job_id, Status.COMPLETED)
    assert house.rig.job(running).attempts == 1


def test_a_job_that_ends_while_its_extension_has_no_actor_leaves_its_slot(make_rig: MakeRig) -> None:
    puppets, hooks = Puppets(), Restarts()
    rig = make_rig(puppets, hooks=hooks, running_jobs=1)
    first = rig.dispatch()
    puppet = puppets.of(first)
    second = rig.dispatch()
    address = rig.system.extension_address("acme")
    assert address.ref is not None
    address.ref.tell(encode_message(Run()))
    eventually(lambda: hooks.restarted == ["extension"])
    puppet.end()
    rig.over(first)

    rig.advance(1.0)

    puppets.of(second).end()
    rig.wait(second, Status.COMPLETED)


def test_an_extension_that_cannot_be_loaded_after_a_restart_is_tried_again(house: House) -> None:
    extension = house.rig.extensions["acme"]
    errors = [ZeroDivisionError("plugin_init")]

    def fail() -> None:
        if errors:
            raise errors.pop()

    extension.on_initialise = fail
    job_id = house.rig.dispatch(admit=False)
    house.kill_and_restart("acme")
    eventually(lambda: house.hooks.restarted == ["extension"] * 2)

    house.rig.advance(20.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_an_extension_that_was_given_up_can_be_loaded_anew(house: House) -> None:
    for _ in range(3):
        house.kill_and_restart("acme", seconds=5.0)
    house.kill("acme")
    address = house.rig.system.extension_address("acme")
    eventually(lambda: address.ref is None)
    with pytest.raises(SystemStopped):
        address.tell(Admit(UUID(int=1)))

    house.rig.load()

    job_id, puppet = house.begin()
    puppet.end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_an_extension_that_was_unloaded_meanwhile_is_not_restarted(house: House) -> None:
    house.kill("acme")
    house.rig.system._extensions.pop("acme")

    house.rig.advance(60.0)

    assert house.rig.system.loaded() == []


# --- the supervisor --------------------------------------------------------------------------------------------------


def test_the_supervisor_survives_whatever_it_is_sent(house: House, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = house.rig.system.supervisor
    with caplog.at_level(logging.CRITICAL + 1):
        supervisor.tell(Run())
        supervisor.tell(JobDied(UUID(int=1), "no such job", "host"))
        with pytest.raises(LookupError):
            house.rig.control(UUID(int=1), "pause")

    job_id, puppet = house.begin()
    house.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    house.rig.wait(job_id, Status.PAUSED)


# --- from outside ----------------------------------------------------------------------------------------------------


def test_a_job_whose_actor_is_stopped_by_the_embedder_is_suspended(house: House) -> None:
    job_id, puppet = house.begin()
    ref = house.rig.system.jobs.get(job_id)
    assert ref is not None
    stopped: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=lambda: stopped.put(ref.stop(block=True, timeout=TIMEOUT))).start()
    eventually(lambda: puppet.begin(lambda host: host.check_interrupt()).exception(TIMEOUT))

    assert stopped.get(timeout=TIMEOUT) is True
    state = house.rig.wait(job_id, Status.SUSPENDED)
    assert state.attempts == 1
    assert ref not in pykka.ActorRegistry.get_all()


def test_two_systems_in_one_process_do_not_disturb_each_other(make_rig: MakeRig) -> None:
    puppets = Puppets(), Puppets()
    one, two = (
        make_rig(puppets[0]),
        make_rig(puppets[1]),
    )
    first, second = one.dispatch(), two.dispatch()
    one_puppet, two_puppet = puppets[0].of(first), puppets[1].of(second)
    one.store.fail_with(KeyboardInterrupt())
    one_puppet.begin(lambda host: host.checkpoint(b"never"))
    eventually(lambda: one.system.log.ref is None or not one.system.log.ref.is_alive())

    two_puppet.do(lambda host: host.increment_items(4))
    assert two_puppet.do(lambda host: host.checkpoint(b"four"))
    one.store.fail_with(None)
    one.crash()
    two_puppet.end()

    assert two.wait(second, Status.COMPLETED).items == 4
    wait_for_log(two.store, lambda: two.job(second).finished)
