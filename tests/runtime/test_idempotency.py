"""A dispatch with an idempotency key happens once, whoever asks for it how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.conftest import GRACE
from tests.support.acme import acme_module, install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobLimits, RetryPolicy, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets
from perdure.runtime.dispatching import Prepared
from perdure.runtime.errors import BudgetExceeded, InvalidKey, InvalidState, KeyReused, UnknownJobType
from perdure.runtime.idempotency import JobRequest
from perdure.store import Effects, JobState, SequenceConflict, StoreFailed, check
from perdure.store.events import Event, JobDispatched, JobKeyed, job_stream

LIBRARY = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")


@pytest.fixture
def acme(runtime: Runtime, tmp_path: Path) -> Runtime:
    install_acme(runtime, tmp_path)
    return runtime


def jobs_of(runtime: Runtime) -> list[JobState]:
    return runtime.jobs(limit=1000).jobs


def test_the_same_key_and_input_give_the_same_job_whatever_became_of_it(acme: Runtime) -> None:
    def ask() -> UUID:
        return acme.dispatch("acme:nothing", {"order": 1}, idempotency_key="order 1").job_id

    first = ask()
    assert ask() == first
    acme.wait(first, TIMEOUT)
    assert ask() == first
    acme.fold_jobs(timedelta(0))
    assert ask() == first
    assert acme.job(first).state.folded_at is not None
    assert [state.job_id for state in jobs_of(acme)] == [first]
    assert jobs_of(acme)[0].idempotency_key == "order 1"
    assert check(acme.store).problems == []


def test_a_failed_and_a_cancelled_job_are_given_too_and_not_run_again(acme: Runtime) -> None:
    failed = acme.dispatch("acme:fail", idempotency_key="f")
    failed.wait(TIMEOUT)
    again = acme.dispatch("acme:fail", idempotency_key="f")
    assert (again.job_id, again.status, again.state.attempts) == (failed.job_id, Status.FAILED, 1)


def test_keys_of_different_extensions_and_different_keys_are_different(acme: Runtime, tmp_path: Path) -> None:

    acme.install(write_extension(tmp_path / "other", acme_module(), extension="other"))
    ids = {
        acme.dispatch("acme:nothing", idempotency_key="a").job_id,
        acme.dispatch("acme:nothing", idempotency_key="b").job_id,
        acme.dispatch("acme:nothing", idempotency_key="A").job_id,
        acme.dispatch("other:nothing", idempotency_key="a").job_id,
        acme.dispatch("acme:nothing").job_id,
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"job_type": "acme:say"}, ("job type",)),
        ({"state": {"order": 2}}, ("state",)),
        ({"state": None}, ("state",)),
        ({"library_id": LIBRARY}, ("library",)),
        ({"limits": None}, ("limits",)),
        ({"limits": JobLimits(fuel=2_000_000)}, ("limits",)),
        ({"retry": RetryPolicy(attempts=4)}, ("retry policy",)),
        ({"state": b"[]", "retry": None}, ("state", "retry policy")),
    ],
)
def test_another_input_is_an_error_that_says_what_differs(
    acme: Runtime, changed: dict[str, Any], differs: tuple[str, ...]
) -> None:
    asked: dict[str, Any] = {
        "job_type": "acme:nothing",
        "state": {"order": 1},
        "limits": JobLimits(fuel=1_000_000),
        "retry": RetryPolicy(attempts=3),
        "idempotency_key": "key",
    }
    first = acme.dispatch(**asked)
    with pytest.raises(KeyReused) as caught:
        acme.dispatch(**asked | changed)
    assert (caught.value.key, caught.value.job_id, caught.value.differs) == ("key", first.job_id, differs)
    for word in differs:
        assert word in str(caught.value)
    assert len(jobs_of(acme)) == 1
    assert acme.dispatch(**asked).job_id == first.job_id


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"b": 1, "a": [1, 2]}, b' {"a": [1,2], "b":1}', True),
        (None, None, True),
        (None, b"null", False),
        ([], {}, False),
        (1, 1.5, False),
        ("a", b'"a"', True),
    ],
)
def test_states_are_compared_by_what_they_say(acme: Runtime, one: object, other: object, same: bool) -> None:
    first = acme.dispatch("acme:nothing", one, idempotency_key="state")
    if same:
        assert acme.dispatch("acme:nothing", other, idempotency_key="state").job_id == first.job_id
    else:
        with pytest.raises(KeyReused):
            acme.dispatch("acme:nothing", other, idempotency_key="state")


def test_no_retry_policy_is_the_policy_of_one_attempt(acme: Runtime) -> None:
    first = acme.dispatch("acme:nothing", idempotency_key="r")
    assert acme.dispatch("acme:nothing", idempotency_key="r", retry=RetryPolicy()).job_id == first.job_id


@pytest.mark.parametrize("key", ["", "x" * 256, " a", "a\n", "a\x00b", "\u200b", 7, b"a", "\ud800"])
def test_a_key_that_cannot_be_one_is_refused(acme: Runtime, key: Any) -> None:
    with pytest.raises(InvalidKey):
        acme.dispatch("acme:nothing", idempotency_key=key)
    with pytest.raises(InvalidKey):
        acme.job_with_key("acme", key)
    assert jobs_of(acme) == []


def test_a_request_that_is_wrong_takes_no_key(acme: Runtime) -> None:
    with pytest.raises(UnknownJobType):
        acme.dispatch("acme:none", idempotency_key="k")
    with pytest.raises(InvalidState):
        acme.dispatch("acme:nothing", b"{", idempotency_key="k")
    assert acme.job_with_key("acme", "k") is None
    job = acme.dispatch("acme:nothing", idempotency_key="k")
    found = acme.job_with_key("acme", "k")
    assert found is not None
    assert found.job_id == job.job_id
    assert acme.job_with_key("other", "k") is None


def test_many_at_once_get_one_job(acme: Runtime, gate: Gate) -> None:
    def ask(number: int) -> UUID:
        return acme.dispatch("acme:gate", idempotency_key=f"key {number % 3}").job_id

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(ask, range(60)))
    assert len(set(ids)) == 3
    assert len(jobs_of(acme)) == 3
    assert [len({ids[place] for place in range(start, 60, 3)}) for start in range(3)] == [1, 1, 1]
    assert check(acme.store).problems == []


def test_the_last_place_is_not_needed_twice(tmp_path: Path) -> None:
    budgets = Budgets(concurrent_jobs=Budget(limit=1, at_edge=AtEdge.REFUSE))
    chosen = RuntimeSettings(budgets=budgets, shutdown_grace=GRACE)
    with Runtime.open(tmp_path / "data", settings=chosen, consent=grant_as_asked) as runtime:
        install_acme(runtime, tmp_path, rate_limits={"concurrent_jobs": 1})
        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(lambda _: runtime.dispatch("acme:spin", idempotency_key="k").job_id, range(16)))
        assert len(ids) == 1
        with pytest.raises(BudgetExceeded):
            runtime.dispatch("acme:spin", idempotency_key="another")
        runtime.cancel(ids.pop())


def test_whoever_finds_the_last_place_taken_by_the_same_key_gets_that_job(acme: Runtime) -> None:
    first: list[UUID] = []

    def append(prepared: Prepared, events: list[Event], effects: Effects) -> None:
        first.append(acme.dispatch("acme:nothing", idempotency_key="k").job_id)
        raise BudgetExceeded("acme", "concurrent_jobs", 1)

    request = JobRequest(job_type="acme:nothing", state=None, library_id=UUID(int=0), limits=None, retry=None)
    assert acme._keyed.dispatch(request, "k", append) == first[0]


def test_the_key_is_on_disk_with_the_dispatch_and_in_one_frame(acme: Runtime) -> None:
    job = acme.dispatch("acme:nothing", idempotency_key="k")
    first, second = (stored.event for stored in acme.store.read(job_stream(job.job_id), until=2))
    assert isinstance(first, JobDispatched)
    assert isinstance(second, JobKeyed)
    assert second.key == "k"
    (write,) = second.writes
    row = acme.store.row(write.key)
    assert row is not None
    assert row.value == write.value


def test_the_next_process_knows_the_key(tmp_path: Path) -> None:
    ids: set[UUID] = set()
    for _ in range(2):
        with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
            if not ids:
                install_acme(runtime, tmp_path)
            ids.add(runtime.dispatch("acme:nothing", {"a": 1}, idempotency_key="k").job_id)
            if len(ids) == 1:
                runtime.wait(next(iter(ids)), TIMEOUT)
    assert len(ids) == 1


def test_a_dispatch_that_was_recorded_and_not_admitted_is_started_by_the_next_one(acme: Runtime) -> None:
    """What a time-out leaves, or the death of the thread that asked."""

    def append(prepared: Prepared, events: list[Event], effects: Effects) -> None:
        acme._system.append(job_stream(prepared.dispatched.job_id), events, 0, None, effects)
        raise TimeoutError

    request = JobRequest(job_type="acme:nothing", state=None, library_id=UUID(int=0), limits=None, retry=None)
    with pytest.raises(TimeoutError):
        acme._keyed.dispatch(request, "k", append)
    assert [state.status for state in jobs_of(acme)] == [Status.QUEUED]
    job = acme.dispatch("acme:nothing", idempotency_key="k")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert len(jobs_of(acme)) == 1


def test_a_commit_that_failed_takes_no_key(acme: Runtime) -> None:
    store = StoreWrapper(acme.store)
    acme._system._commits._store = store
    store.fail_once_with(StoreFailed(Path(), "a bad disk"))
    with pytest.raises(StoreFailed):
        acme.dispatch("acme:nothing", idempotency_key="k")
    assert acme.job_with_key("acme", "k") is None
    assert acme.dispatch("acme:nothing", idempotency_key="k").wait(TIMEOUT).status is Status.COMPLETED


def test_the_extension_need_not_be_there_any_more(acme: Runtime) -> None:
    job = acme.dispatch("acme:nothing", idempotency_key="k")
    job.wait(TIMEOUT)
    eventually(lambda: acme._system.jobs.of("acme") == [])
    acme.uninstall("acme")
    assert acme.dispatch("acme:nothing", idempotency_key="k").job_id == job.job_id
    with pytest.raises(KeyReused):
        acme.dispatch("acme:nothing", [1], idempotency_key="k")


def test_a_fork_has_no_key_and_leaves_the_originals_alone(acme: Runtime) -> None:
    job = acme.dispatch("acme:nothing", idempotency_key="k")
    job.wait(TIMEOUT)
    fork = acme.fork(job.job_id, 3)
    fork.wait(TIMEOUT)
    assert fork.state.idempotency_key is None
    again = acme.dispatch("acme:nothing", idempotency_key="k")
    assert again.job_id == job.job_id
    assert check(acme.store).problems == []


def test_the_id_of_a_folded_job_is_not_given_to_another(acme: Runtime) -> None:
    job = acme.dispatch("acme:nothing")
    job.wait(TIMEOUT)
    acme.fold_jobs(timedelta(0))
    prepared = acme._dispatching.prepare("acme:nothing", None, library_id=UUID(int=0), job_id=job.job_id)
    with pytest.raises(SequenceConflict):
        acme._dispatching.record(prepared, [prepared.dispatched])


def test_dispatches_against_a_model(tmp_path: Path) -> None:
    """Whatever is asked for in whatever order: a key names what it named first."""
    keys, states = st.sampled_from(["a", "b", "c"]), st.sampled_from([None, 1, [1], {"x": 1}])
    kinds = st.sampled_from(["acme:nothing", "acme:fail"])
    with Runtime.in_memory(consent=grant_as_asked) as runtime:
        install_acme(runtime, tmp_path)
        numbers = iter(range(10**6))

        @settings(max_examples=25, deadline=None)
        @given(st.lists(st.tuples(kinds, keys, states), max_size=12))
        def run(asked: list[tuple[str, str, object]]) -> None:
            known: dict[str, tuple[str, object, UUID]] = {}
            example = next(numbers)
            for job_type, key, state in asked:
                full = f"{example} {key}"
                expected = known.get(full)
                if expected is None or expected[:2] == (job_type, state):
                    job_id = runtime.dispatch(job_type, state, idempotency_key=full).job_id
                    assert expected is None or expected[2] == job_id
                    known[full] = (job_type, state, job_id)
                else:
                    with pytest.raises(KeyReused):
                        runtime.dispatch(job_type, state, idempotency_key=full)

        run()
