"""Forks: new jobs that go on from a point of another one's past, which stays as it is."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import UNSET
from tests.runtime.conftest import GRACE, patient
from tests.support.acme import acme_module, install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate, at_gate
from tests.support.job_history import events_of, tags_of
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat
from tests.support.travellers import World, alike, bodies, guest_events, travellers
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit, GuestResult, GuestSpec
from perdure.runtime import (
    DEFAULT_LIBRARY,
    AtEdge,
    Budget,
    BudgetExceeded,
    Budgets,
    ExtensionDisabled,
    ForkRefused,
    Grant,
    InvalidState,
    JobHandle,
    LibraryDenied,
    ModuleError,
    NoSuchCall,
    NoSuchSequence,
    RetryPolicy,
    Runtime,
    RuntimeSettings,
    Status,
    UnknownExtension,
    UnknownJobType,
    grant_as_asked,
)
from perdure.store import LmdbEventStore, UnknownJob, check
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    ForkBegun,
    Inline,
    JobForked,
    JobInDoubt,
    JobRecovered,
    JobResumed,
    JobStarted,
    LogWritten,
    OperationAnswered,
    Recorded,
    Sealed,
    WarningAdded,
    job_stream,
)


@pytest.fixture
def world(runtime: Runtime) -> World:
    return World(runtime)


@pytest.fixture
def jobs(runtime: Runtime, world: World, tmp_path: Path) -> PythonJobs:
    return travellers(runtime, tmp_path)


def ended(job: JobHandle) -> JobHandle:
    job.wait(TIMEOUT)
    return job


def completed(job: JobHandle) -> JobHandle:
    assert ended(job).status is Status.COMPLETED, job.error
    return job


def is_running(job: JobHandle) -> bool:
    return job.status is Status.RUNNING


def plain_bytes(recorded: Recorded) -> bytes:
    assert isinstance(recorded, Inline)
    return recorded.data


def sequence_of(job: JobHandle, tag: str, number: int = 0) -> int:
    return [entry.stored.sequence for entry, name in zip(job.history(), tags_of(job), strict=True) if name == tag][
        number
    ]


# --- where it goes on ------------------------------------------------------------------------------------------------


def test_a_fork_from_any_event_does_what_the_original_did(runtime: Runtime, jobs: PythonJobs, world: World) -> None:
    job = completed(jobs.start())
    before = bodies(job)
    events = guest_events(job)
    # Of an effect that the original had intended the fork has an intent of its own behind it.
    twice = {place + 3: place for place, event in enumerate(events) if isinstance(event, ActionIntended)}
    for sequence in range(1, job.state.sequence):
        fork = completed(runtime.fork(job.job_id, sequence))
        made = [entry.stored for entry in fork.history()]
        forked = made[sequence].event
        assert isinstance(made[0].event, ForkBegun)
        assert made[0].event.parent == job.job_id
        original = [entry.stored for entry in job.history()]
        assert forked == JobForked(job.job_id, sequence, original[sequence - 1].hash, job.job_id, False, 0, False)
        # The same, but for who it says it is where its first run begins anew.
        did = [event for place, event in enumerate(alike(guest_events(fork))) if place != twice.get(sequence)]
        assert did[sequence == 1 :] == alike(events)[sequence == 1 :], sequence
        assert fork.state.items == job.state.items
        assert fork.state.forked_from == job.job_id
    assert bodies(job) == before
    assert check(runtime.store).problems == []


def test_what_the_original_did_before_the_point_is_not_done_again(
    runtime: Runtime, jobs: PythonJobs, world: World
) -> None:
    job = completed(jobs.start())
    assert world.names() == [("write", 0), ("send", 0), ("write", 1), ("send", 1)]
    world.did.clear()
    fork = completed(runtime.fork(job.job_id, sequence_of(job, "checkpoint")))
    assert world.names() == [("write", 1), ("send", 1)]
    # They are the fork's own effects, under names of its own: nobody mistakes them for the original's.
    keys = {event.effect_key for event in events_of(job, ActionAnswered)}
    assert keys.isdisjoint({event.effect_key for event in events_of(fork, ActionAnswered)})
    copies = list(events_of(fork, ActionAnswered))[:2]
    assert [event.writes for event in copies] == [(), ()]


def test_a_guest_that_is_led_on_is_who_it_was(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start())
    fork = completed(runtime.fork(job.job_id, sequence_of(job, "checkpoint")))
    again = completed(runtime.fork(fork.job_id, sequence_of(fork, "items", 1)))
    anew = completed(runtime.fork(job.job_id, 1))
    for one, name in ((fork, job), (again, job), (anew, anew)):
        assert [event.message for event in events_of(one, LogWritten)] == [f"I am {name.job_id}"]
    assert again.state.forked_from == fork.job_id
    assert again.state.guest_id == job.job_id
    # It took over that its original is a fork itself, and how that one was queued.
    assert tags_of(again).count("forked") == 2
    assert check(runtime.store).problems == []


def test_a_fork_of_a_run_that_failed_begins_at_its_checkpoint_and_does_nothing_twice(
    runtime: Runtime, jobs: PythonJobs, world: World
) -> None:
    job = ended(jobs.start({"round": 12, "rounds": 14}))
    assert job.status is Status.FAILED
    world.did.clear()
    fork = ended(runtime.fork(job.job_id))
    assert fork.status is Status.FAILED  # it is the same guest
    assert world.did == []
    assert len(events_of(fork, ActionReused)) == 2
    resumed = events_of(fork, JobResumed)[-1]
    assert resumed == JobResumed(sequence_of(job, "checkpoint"), "fork")
    # In its new run it is itself.
    assert [event.message for event in events_of(fork, LogWritten)][-1] == f"I am {fork.job_id}"
    assert fork.state.failures == 1


def test_a_fork_has_all_its_attempts_before_it(runtime: Runtime, jobs: PythonJobs) -> None:
    job = runtime.dispatch("acme:run", {"round": 13, "rounds": 14}, retry=RetryPolicy(attempts=2, initial_ms=1))
    assert ended(job).state.attempts == 2
    fork = ended(runtime.fork(job.job_id))
    assert fork.state.attempts == 4
    assert fork.state.failures == 2


def test_a_running_job_is_forked_as_far_as_it_is_on_disk(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    fork = runtime.fork(job.job_id)
    assert fork.job_id != job.job_id
    assert job.status is Status.RUNNING
    for one in (fork, job):
        eventually(partial(is_running, one))
        one.cancel()
        assert ended(one).status is Status.CANCELLED


@patient
def test_a_paused_job_is_forked(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    fork = runtime.fork(job.job_id)
    # Its guest ended its run itself: the fork begins another one, at the checkpoint.
    eventually(lambda: fork.status is Status.RUNNING)
    assert [event.cause for event in events_of(fork, JobResumed)] == ["fork"]
    fork.cancel()
    ended(fork)
    assert job.status is Status.PAUSED


def test_a_cancelled_job_is_forked(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    gate.arrival()
    job.cancel()
    assert ended(job).status is Status.CANCELLED
    fork = runtime.fork(job.job_id)
    gate.arrival().let_go()
    assert completed(fork).items == 1


def test_a_doubt_is_a_doubt_in_the_fork_too(runtime: Runtime, jobs: PythonJobs, world: World) -> None:
    jobs.body = mailing
    world.holding = True
    job = jobs.start()
    eventually(lambda: world.names() == [("mail", 1)])
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    world.let_go()
    job.resume()
    assert job.status is Status.ATTENTION
    fork = runtime.fork(job.job_id)
    assert fork.status is Status.ATTENTION
    assert len(events_of(fork, JobInDoubt)) == 2
    assert runtime.fork(job.job_id, paused=True).status is Status.ATTENTION
    runtime.resolve(fork.job_id, "succeeded", answer={"n": 5})
    assert completed(fork).items == 5
    assert world.names() == [("mail", 1)]  # the original's, before its guest was stopped
    # Before the intent, the fork does it itself.
    again = completed(runtime.fork(job.job_id, sequence_of(job, "intent") - 1))
    assert again.items == 2
    assert world.names() == [("mail", 1), ("mail", 1)]


def mailing(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
    told = json.loads(host.call("action:world.mail", b'{"n": 1}'))
    host.increment_items(told["n"])
    return None


# --- what is changed -------------------------------------------------------------------------------------------------


def test_another_answer(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start())
    fork = completed(runtime.fork(job.job_id, answer=(2, {"n": 40})))
    assert (job.items, fork.items) == (6, 43)
    assert [json.loads(plain_bytes(event.answer)) for event in events_of(fork, OperationAnswered)] == [
        {"n": 40},
        {"n": 3},
    ]
    forked = events_of(fork, JobForked)[0]
    assert (forked.answer, forked.sequence) == (2, sequence_of(job, "operation"))


@patient
def test_another_answer_to_an_action_and_to_a_check_for_interrupts(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    call = next(event for event in guest_events(job) if hasattr(event, "answer")).call
    fork = runtime.fork(job.job_id, answer=(call, 0))
    eventually(lambda: fork.status is Status.RUNNING and len(events_of(fork, JobStarted)) == 2)
    fork.cancel()
    assert ended(fork).status is Status.CANCELLED
    with pytest.raises(InvalidState):
        runtime.fork(job.job_id, answer=(call, 7))


def test_an_answer_that_is_a_failure_has_its_code(runtime: Runtime, jobs: PythonJobs) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        answer = json.loads(host.call("query:world.ask"))
        return GuestResult(Exit.FAILED, host.fuel) if "error" in answer else None

    jobs.body = body
    job = completed(jobs.start())
    fork = ended(runtime.fork(job.job_id, answer=(1, b'{"error": "gone", "code": "not_found"}')))
    assert fork.status is Status.FAILED
    assert events_of(fork, OperationAnswered)[0].code == "not_found"


def test_another_answer_where_a_secret_was_is_sealed(runtime: Runtime, jobs: PythonJobs) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.increment_items(len(json.loads(host.call("query:world.login"))["token"]))

    jobs.body = body
    job = completed(jobs.start())
    fork = completed(runtime.fork(job.job_id, answer=(1, {"token": "correct horse"})))
    assert (job.items, fork.items) == (7, 13)
    answer = events_of(fork, OperationAnswered)[0].answer
    assert isinstance(answer, Sealed)
    assert b"horse" not in answer.shown
    assert not any(b"horse" in body for body in bodies(fork))


@pytest.mark.parametrize("at", ["checkpoint", "items"])
def test_another_state(runtime: Runtime, jobs: PythonJobs, world: World, at: str) -> None:
    job = completed(jobs.start())
    fork = completed(
        runtime.fork(job.job_id, sequence_of(job, at, 0 if at == "checkpoint" else 1), state={"rounds": 4})
    )
    assert fork.items == 3 + 4 * 3
    assert events_of(fork, JobForked)[0].state
    assert events_of(job, JobForked) == []


def test_another_first_state(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start({"rounds": 3}))
    fork = completed(runtime.fork(job.job_id, 3, state={"rounds": 1}))
    assert (job.items, fork.items) == (9, 3)


def test_another_state_for_a_job_that_has_completed(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start())
    assert completed(runtime.fork(job.job_id, state={"round": 2, "rounds": 3})).items == 9


# --- another module --------------------------------------------------------------------------------------------------


def test_another_module_that_does_the_same_up_to_there(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    completed(job)
    file = tmp_path / "new.wasm"
    file.write_bytes(acme_module("two"))
    fork = completed(runtime.fork(job.job_id, sequence_of(job, "operation"), module=file))
    assert [event.message for event in events_of(fork, WarningAdded)] == ["two"]
    assert fork.state.module != job.state.module
    assert events_of(fork, JobForked)[0].module
    assert [event.message for event in events_of(job, WarningAdded)] == ["one"]
    # The rest of it is its original's as well as any fork's.
    assert completed(runtime.fork(fork.job_id, sequence_of(fork, "warning"))).state.module == fork.state.module


def test_another_module_that_does_something_else_fails_before_it_does_anything(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    completed(job)
    at = sequence_of(job, "operation")
    wat = RuntimeWat()
    count = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    wat.job("say", f"{count} {at_gate(wat)} (i32.const 0)")
    folder = write_extension(tmp_path / "other", wat.module(), version="2.0.0")
    fork = ended(runtime.fork(job.job_id, at, module=folder))
    assert fork.status is Status.FAILED
    assert fork.error is not None
    assert fork.error.kind == "diverged"
    assert fork.error.data["call"] == 1
    assert fork.error.data["came"]["function"] == "increment_items"
    assert fork.state.version == "2.0.0"
    assert len(guest_events(fork)) == 1


def test_another_module_at_a_checkpoint_has_nothing_to_repeat(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = ended(runtime.dispatch("acme:twice"))
    assert job.status is Status.FAILED
    wat = RuntimeWat()
    wat.job("twice", f"{wat.call('job_add_warning', wat.job_id, wat.text('new'))} (i32.const 0)")
    file = tmp_path / "new.wasm"
    file.write_bytes(wat.module())
    at = sequence_of(job, "checkpoint")
    fork = completed(runtime.fork(job.job_id, at, module=str(file)))
    assert [event.message for event in events_of(fork, WarningAdded)] == ["new"]
    # Behind it there is something; and where the run had ended there is nothing any more.
    assert ended(runtime.fork(job.job_id, at + 1, module=file)).error is not None
    assert completed(runtime.fork(job.job_id, module=file)).items == 1


def test_the_version_that_is_installed_now(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    completed(job)
    new = acme_module("two")
    written = write_extension(tmp_path / "acme", new, version="1.1.0", permissions={"methods": ["query:test."]})
    runtime.install(written, consent=grant_as_asked)
    at = sequence_of(job, "operation")
    assert [e.message for e in events_of(completed(runtime.fork(job.job_id, at)), WarningAdded)] == ["one"]
    fork = completed(runtime.fork(job.job_id, at, module="1.1.0"))
    assert [e.message for e in events_of(fork, WarningAdded)] == ["two"]
    assert fork.state.version == "1.1.0"


def test_modules_that_cannot_be_used(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = completed(runtime.dispatch("acme:nothing"))
    rubbish = tmp_path / "rubbish.wasm"
    rubbish.write_bytes(b"no wasm")
    without = RuntimeWat()
    without.job("other", "(i32.const 0)")
    other = tmp_path / "other.wasm"
    other.write_bytes(without.module())
    foreign = write_extension(tmp_path / "foreign", acme_module(), extension="foreign")
    for module, error in (
        (rubbish, ModuleError),
        (other, UnknownJobType),
        (foreign, ForkRefused),
        ("9.9.9", ForkRefused),
        (tmp_path / "nowhere.wasm", ForkRefused),
    ):
        with pytest.raises(error):
            runtime.fork(job.job_id, 2, module=module)
    assert len(runtime.jobs().jobs) == 1


# --- what is refused -------------------------------------------------------------------------------------------------


def test_points_that_are_not_there(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start())
    with pytest.raises(ForkRefused):
        runtime.fork(job.job_id)
    with pytest.raises(UnknownJob):
        runtime.fork(UUID(int=7))
    for sequence in (0, -1, 10**20, job.state.sequence + 1):
        with pytest.raises(NoSuchSequence):
            runtime.fork(job.job_id, sequence)
    for call in (0, -1, 1, 5, 99):  # 1 writes to the log, 5 counts: they have no answers
        with pytest.raises(NoSuchCall):
            runtime.fork(job.job_id, answer=(call, {}))
    with pytest.raises(NoSuchCall):
        runtime.fork(job.job_id, 1, answer=(2, {}))
    for state in (b"{", b"\xff", object()):
        with pytest.raises(InvalidState):
            runtime.fork(job.job_id, 5, state=state)
        with pytest.raises(InvalidState):
            runtime.fork(job.job_id, answer=(2, state))
    with pytest.raises(ForkRefused):
        runtime.fork(job.job_id, 5, state={}, answer=(2, {}))
    assert [one.job_id for one in runtime.jobs().jobs] == [job.job_id]


def test_what_the_extension_may_do_today_counts(runtime: Runtime, gate: Gate) -> None:
    job = completed(runtime.dispatch("acme:nothing"))
    runtime.unload("acme")
    with pytest.raises(ExtensionDisabled):
        runtime.fork(job.job_id, 1)
    runtime.load("acme")
    completed(runtime.fork(job.job_id, 1))
    runtime.uninstall("acme")
    with pytest.raises(UnknownExtension):
        runtime.fork(job.job_id, 1)


def test_the_library_has_to_be_allowed_today(runtime: Runtime, world: World, tmp_path: Path) -> None:
    library = UUID(int=9)
    methods = ["query:world."]
    jobs = PythonJobs(runtime, tmp_path, lambda host, state, spec: None, libraries=[str(library)], methods=methods)
    job = completed(jobs.start(library_id=library))
    assert completed(runtime.fork(job.job_id, 2)).state.library_id == library != DEFAULT_LIBRARY
    runtime.grant("acme", Grant(methods=tuple(methods), libraries=(str(DEFAULT_LIBRARY),)), by="test")
    with pytest.raises(LibraryDenied):
        runtime.fork(job.job_id, 2)


def test_a_fork_is_a_job_of_the_budget(tmp_path: Path) -> None:
    budgets = Budgets(concurrent_jobs=Budget(limit=1, at_edge=AtEdge.REFUSE))
    settings = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE, budgets=budgets)
    with Runtime.open(tmp_path / "data", settings=settings) as runtime, Gate(runtime) as gate:
        install_acme(runtime, tmp_path, rate_limits={"concurrent_jobs": 1})
        job = runtime.dispatch("acme:gate")
        arrived = gate.arrival()
        with pytest.raises(BudgetExceeded):
            runtime.fork(job.job_id, 1)
        assert len(runtime.jobs().jobs) == 1
        arrived.let_go()
        completed(job)
        fork = runtime.fork(job.job_id, 1)
        gate.arrival().let_go()
        completed(fork)


# --- others ----------------------------------------------------------------------------------------------------------


def test_a_fork_that_waits(runtime: Runtime, jobs: PythonJobs, world: World) -> None:
    job = completed(jobs.start())
    world.did.clear()
    at = sequence_of(job, "items")
    for state in (UNSET, {"rounds": 1}):
        fork = runtime.fork(job.job_id, at, paused=True, state=state)
        assert fork.status is Status.PAUSED
        assert world.did == []
        fork.resume()
        completed(fork)
        world.did.clear()


def test_forks_are_found_by_their_original(runtime: Runtime, jobs: PythonJobs) -> None:
    job = completed(jobs.start())
    forks = [completed(runtime.fork(job.job_id, sequence)).job_id for sequence in (3, 4)]
    nobody = completed(runtime.fork(forks[0], 3)).job_id
    assert [one.job_id for one in runtime.jobs(forked_from=job.job_id).jobs] == forks[::-1]
    assert [one.job_id for one in runtime.jobs(forked_from=forks[0]).jobs] == [nobody]


def test_a_fork_outlives_its_process(tmp_path: Path) -> None:
    settings = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        World(runtime)
        job = completed(travellers(runtime, tmp_path).start())
        fork = runtime.fork(job.job_id, sequence_of(job, "items"), paused=True)
    with Runtime.open(tmp_path / "data", settings=settings) as runtime:
        World(runtime)
        travellers(runtime, None)
        assert runtime.job(fork.job_id).status is Status.PAUSED
        runtime.resume(fork.job_id)
        assert completed(runtime.job(fork.job_id)).items == 6
        assert [event.cause for event in events_of(runtime.job(fork.job_id), JobRecovered)] == ["fork", "resume"]
        assert isinstance(runtime.store, LmdbEventStore)
        assert runtime.store.head(job_stream(fork.job_id)) is not None
