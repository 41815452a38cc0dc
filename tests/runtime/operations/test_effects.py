"""Effects and outcomes are one: whatever runs beside them, whatever stops them."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.support.actor_rig import nudge
from tests.support.bank import ACCOUNTS, METHODS, TOTAL, Nothing, Transfer, made, open_bank
from tests.support.budgeted import PING, Budgeted
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.small_disk import small_disk
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.runtime import (
    AtEdge,
    Budget,
    Budgets,
    JobHandle,
    OperationError,
    Runtime,
    RuntimeSettings,
    Status,
    grant_as_asked,
)
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.store import IllegalTransition, MemoryEventStore, check
from perdure.store.events import ActionAnswered, HostActionAnswered

UNLIMITED: dict[str, Any] = {"rate_limits": {"requests_per_minute": 1_000_000, "concurrent_jobs": 100}}
TRANSFERS = st.builds(Transfer, st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(0, 60))


def transfers_of(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    """The body of a job: makes the transfers in its state, and an audit after each."""
    for transfer in json.loads(state):
        host.call(METHODS[0], json.dumps(transfer).encode())
        assert json.loads(host.call(METHODS[1])) == {"total": TOTAL}


def start(jobs: PythonJobs, transfers: list[Transfer]) -> JobHandle:
    return jobs.start(msgspec.to_builtins(transfers))


@pytest.fixture(params=["memory", "lmdb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Runtime]]:
    """Makes runtimes on stores of their own."""
    numbers = iter(range(10_000))
    with contextlib.ExitStack() as stack:

        def make() -> Runtime:
            if request.param == "memory":
                runtime = Runtime.in_memory(consent=grant_as_asked)
            else:
                runtime = Runtime.open(tmp_path / str(next(numbers)), consent=grant_as_asked)
            return stack.enter_context(runtime)

        yield make


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.lists(TRANSFERS, max_size=6), min_size=2, max_size=6),
    st.lists(st.lists(TRANSFERS, max_size=6), max_size=3),
)
def test_transfers_side_by_side_happen_one_after_the_other(
    opened: Callable[[], Runtime],
    tmp_path_factory: pytest.TempPathFactory,
    by_jobs: list[list[Transfer]],
    by_threads: list[list[Transfer]],
) -> None:
    runtime = opened()
    open_bank(runtime)
    folder = tmp_path_factory.mktemp("jobs")
    jobs = PythonJobs(runtime, folder, transfers_of, methods=list(METHODS), **UNLIMITED)

    def by_hand(transfers: list[Transfer]) -> None:
        for transfer in transfers:
            with contextlib.suppress(OperationError):
                runtime.call(METHODS[0], transfer)
            assert runtime.call(METHODS[1], Nothing()).total == TOTAL

    handles = [start(jobs, transfers) for transfers in by_jobs]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(by_hand, by_threads))
    assert {handle.wait(TIMEOUT).status for handle in handles} == {Status.COMPLETED}

    made(runtime.store)
    assert check(runtime.store).problems == []
    runtime.close()


def test_a_storm_of_conflicts_ends_and_loses_nothing(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        open_bank(runtime)
        jobs = PythonJobs(runtime, tmp_path, transfers_of, methods=list(METHODS), **UNLIMITED)
        handles = [start(jobs, [Transfer("a", "b", 1, f"{number}")]) for number in range(60)]
        for handle in handles:
            assert handle.wait(TIMEOUT).status is Status.COMPLETED
        assert len(made(runtime.store)) == 60
        assert check(runtime.store).problems == []


# --- whatever stops a job --------------------------------------------------------------------------------------------


class Bank(RuleBasedStateMachine):
    """Jobs that make transfers are cancelled, paused, and outlived; each of their effects happens once."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.store, self.keys = MemoryEventStore(), MemoryKeyFiles()
        self.numbers = iter(range(100_000))
        self.known: dict[UUID, list[Transfer]] = {}
        self.open()

    def open(self) -> None:
        options = RuntimeSettings(kill_grace=0.01, shutdown_grace=0.0)
        self.runtime = Runtime.in_memory(
            settings=options, consent=grant_as_asked, store=self.store, keys=self.keys, recover=False
        )
        open_bank(self.runtime)
        self.rig = PythonJobs(self.runtime, self.folder(), transfers_of, methods=list(METHODS), **UNLIMITED)
        self.runtime.recover()

    def folder(self) -> Path:
        self.scratch = tempfile.TemporaryDirectory(prefix="perdure-bank-")
        return Path(self.scratch.name)

    @initialize(target=jobs, transfers=st.lists(TRANSFERS, min_size=1, max_size=8))
    def first(self, transfers: list[Transfer]) -> UUID:
        return self.start(transfers)

    @rule(target=jobs, transfers=st.lists(TRANSFERS, min_size=1, max_size=8))
    def another(self, transfers: list[Transfer]) -> UUID:
        return self.start(transfers)

    def start(self, transfers: list[Transfer]) -> UUID:
        named = [msgspec.structs.replace(one, note=str(next(self.numbers))) for one in transfers]
        job = start(self.rig, named)
        self.known[job.job_id] = named
        return job.job_id

    @rule(transfer=TRANSFERS)
    def by_hand(self, transfer: Transfer) -> None:
        with contextlib.suppress(OperationError):
            self.runtime.call(METHODS[0], transfer)

    @rule(job=jobs, wish=st.sampled_from(("cancel", "pause", "resume", "retry")))
    def control(self, job: UUID, wish: str) -> None:
        with contextlib.suppress(IllegalTransition):
            getattr(self.runtime, wish)(job)

    @rule()
    def next_process(self) -> None:
        self.runtime.close()
        self.scratch.cleanup()
        self.open()

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        assert self.runtime.call(METHODS[1], Nothing()).total == TOTAL

    def has_ended(self, job: UUID) -> bool:
        """Whether it has; if it stopped, which may be a while after it was asked to pause, it goes on."""
        state = self.runtime.job(job).state
        if state.status in (Status.PAUSED, Status.SUSPENDED):
            with contextlib.suppress(IllegalTransition):
                self.runtime.resume(job)
        return state.finished

    def teardown(self) -> None:
        for job in self.known:
            eventually(partial(self.has_ended, job))
            assert self.runtime.job(job).status in (Status.COMPLETED, Status.CANCELLED)
        effects = made(self.store)
        notes = [transfer.note for transfer in effects.values() if transfer.note]
        assert len(set(notes)) == len(notes), "an effect happened twice"
        assert check(self.store).problems == []
        self.runtime.close()
        self.scratch.cleanup()


Bank.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestBank = Bank.TestCase


class Request(msgspec.Struct):
    """A request."""

    text: str = ""


class Done(msgspec.Struct):
    """An answer."""


class Large(msgspec.Struct):
    """Another one."""

    text: str


@pytest.mark.parametrize("moment", ["in the handler", "after the handler"])
@pytest.mark.parametrize("wish", ["cancel", "pause"])
def test_a_job_that_is_killed_in_its_action(tmp_path: Path, moment: str, wish: str) -> None:
    """It has outcome and effect, or neither."""
    begun, go_on = threading.Event(), threading.Event()

    @action("test.write", effect=Effect.TRANSACTIONAL)
    def write(context: CallContext, request: Request) -> Done:
        """Write a row."""
        context.data.put(b"k", b"v")
        context.publish("written", {})
        begun.set()
        if moment == "in the handler":
            assert go_on.wait(TIMEOUT)
        return Done()

    options = RuntimeSettings(kill_grace=0.05, shutdown_grace=0.05)
    with Runtime.open(tmp_path / "data", settings=options, consent=grant_as_asked) as runtime:
        runtime.operations.register(write)
        jobs = PythonJobs(runtime, tmp_path, methods=["action:"])

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            host.call("action:test.write")
            host.block()

        jobs.body = body
        job = jobs.start()
        assert begun.wait(TIMEOUT)
        if moment == "after the handler":
            eventually(lambda: runtime.store.row(b"k") is not None)
        getattr(job, wish)()
        eventually(lambda: job.status in (Status.CANCELLED, Status.PAUSED))
        go_on.set()

        found = [entry.stored.event for entry in job.history() if isinstance(entry.stored.event, ActionAnswered)]
        assert len(found) == (moment == "after the handler")
        assert (runtime.store.row(b"k") is not None) == bool(found)
        assert len(list(runtime.store.streams("library:"))) == len(found)
        assert check(runtime.store).problems == []


# --- a full disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [60_000, 200_000])
def test_an_outcome_that_finds_no_room_holds_its_job_until_there_is_some(
    tmp_path: Path, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    @action("test.spend", effect=Effect.NON_IDEMPOTENT)
    def spend(context: CallContext, request: Request) -> Large:
        """Do what must not be done twice."""
        runs.append(context.effect_key)
        begun.set()
        assert go_on.wait(TIMEOUT)
        return Large("x" * size)

    with small_disk(tmp_path / "disk", 12) as disk:
        options = RuntimeSettings(map_size=1 << 20)
        with Runtime.open(disk.path / "data", settings=options, consent=grant_as_asked) as runtime:
            runtime.operations.register(spend)
            jobs = PythonJobs(runtime, tmp_path, methods=["action:"])

            def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
                assert len(host.call("action:test.spend")) > size

            jobs.body = body
            job = jobs.start()
            assert begun.wait(TIMEOUT)
            disk.fill()
            go_on.set()
            eventually(lambda: "a commit failed" in caplog.text or "cannot be stored yet" in caplog.text)
            assert job.status is Status.RUNNING
            disk.free()

            assert job.wait(TIMEOUT).status is Status.COMPLETED
            assert len(runs) == 1
            assert job.state.attempts == 1
            assert check(runtime.store).problems == []


# --- effect keys -----------------------------------------------------------------------------------------------------


def test_an_action_that_failed_is_tried_again_under_its_key_and_the_next_one_has_another(tmp_path: Path) -> None:
    keys: list[str] = []

    @action("test.flaky", effect=Effect.IDEMPOTENT)
    def flaky(context: CallContext, request: Request) -> Done:
        """Fail at first."""
        keys.append(context.effect_key)
        if len(keys) == 1:
            raise RuntimeError("no luck")
        return Done()

    with Runtime.in_memory(consent=grant_as_asked) as runtime:
        runtime.operations.register(flaky)
        jobs = PythonJobs(runtime, tmp_path, methods=["action:"])

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            for _ in range(3):
                host.call("action:test.flaky")
            host.checkpoint(b"{}")
            host.call("action:test.flaky")

        jobs.body = body
        assert jobs.start().wait(TIMEOUT).status is Status.COMPLETED
    failed, again, second, after_the_checkpoint = keys
    assert failed == again
    assert len({again, second, after_the_checkpoint}) == 3


def test_a_host_s_call_has_the_effect_key_that_it_names(tmp_path: Path) -> None:
    keys: list[str] = []

    @action("test.note", effect=Effect.IDEMPOTENT)
    def note(context: CallContext, request: Request) -> Done:
        """Note its key."""
        keys.append(context.effect_key)
        return Done()

    with Runtime.in_memory(consent=grant_as_asked) as runtime:
        runtime.operations.register(note)
        for key in ("mine", "mine", None, None):
            runtime.call("action:test.note", effect_key=key)
        recorded = [stored.event for stored in runtime.store.read_all()]
    assert keys[:2] == ["mine", "mine"]
    assert len(set(keys[1:])) == 3
    assert [event.effect_key for event in recorded if isinstance(event, HostActionAnswered)] == keys


# --- calls that are held, and the end of the runtime -----------------------------------------------------------------


def test_a_held_call_of_the_host_ends_in_an_answer_in_its_time(tmp_path: Path) -> None:
    with Budgeted(tmp_path, Budgets(requests_per_minute=Budget(limit=1, at_edge=AtEdge.WAIT, wait_ms=120_000))) as acme:
        acme.runtime.call(PING, {"message": "1"}, extension="acme")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(acme.runtime.call, PING, {"message": "2"}, extension="acme", timeout=5.0)
            eventually(lambda: acme.runtime.held_calls() == 1)
            acme.clock.advance(5.0)
            nudge(acme.runtime._system.router)
            error = second.exception(TIMEOUT)
    assert isinstance(error, OperationError)
    assert (error.code, error.retry_after_ms) == ("rate_limited", 60_000)
