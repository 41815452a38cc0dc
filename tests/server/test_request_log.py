"""What clients ask for is in the log with their names; and what they ask for twice is done once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clerk import Clerk
from tests.support.manual_clock import ManualClock
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.api import jobs as api
from perdure.api import tokens
from perdure.api.errors import BadRequest
from perdure.runtime import Runtime
from perdure.runtime.access.request_keys import LIFETIME
from perdure.server.engine.request_log import MAX_KEPT, checked_key
from perdure.store.events import RequestAccepted, RequestAnswered, RequestKeysForgotten, access_stream, job_stream

NOWHERE = UUID(int=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def clerk(tmp_path: Path, clock: ManualClock) -> Iterator[Clerk]:
    with Runtime.in_memory(clock=clock) as runtime:
        yield Clerk(runtime, tmp_path)


@pytest.fixture
def running(clerk: Clerk, tmp_path: Path) -> PythonJobs:
    return PythonJobs(clerk.runtime, tmp_path, lambda host, state, spec: None)


def told(clerk: Clerk, stream: str) -> list[Any]:
    return [stored.event for stored in clerk.runtime.store.read(stream)]


def test_a_request_is_in_the_log_before_and_after(clerk: Clerk, running: PythonJobs) -> None:
    job = running.start()
    job.wait(TIMEOUT)
    status, problem = clerk.ask(api.PAUSE, job_id=job.job_id)
    assert (status, problem["code"]) == (409, "IllegalTransition")
    accepted, answered = told(clerk, access_stream(job_stream(job.job_id)))
    assert isinstance(accepted, RequestAccepted)
    assert isinstance(answered, RequestAnswered)
    assert (accepted.client, accepted.name, accepted.action) == ("token:00000001", "a clerk", "jobs.pause")
    assert (accepted.request, 409, "IllegalTransition") == (answered.request, answered.status, answered.problem)
    assert problem["instance"] == accepted.request.urn


def test_a_stranger_makes_no_streams(clerk: Clerk) -> None:
    before = set(clerk.runtime.store.streams())
    assert clerk.ask(api.PAUSE, job_id=uuid4())[0] == 404
    assert clerk.ask(api.DISPATCH, job_type=f"{'x' * 200}:run")[0] == 404
    assert clerk.ask(api.DISPATCH, job_type="\x1b]0;:run")[0] in (404, 422)
    assert set(clerk.runtime.store.streams()) - before <= {access_stream("")}


def test_twice_with_a_key_is_once(clerk: Clerk, running: PythonJobs) -> None:
    first = clerk.ask(api.DISPATCH, "k", job_type="acme:run", state={"a": 1, "b": 2})
    assert first[0] == 201
    assert clerk.ask(api.DISPATCH, '"k"', job_type="acme:run", state={"b": 2, "a": 1}) == first
    assert clerk.ask(api.DISPATCH, None, job_type="acme:run", state={"a": 1, "b": 2})[1]["job_id"] != first[1]["job_id"]
    other = clerk.ask(api.DISPATCH, "k", "token:00000002", job_type="acme:run")
    assert other[0] == 201
    assert len(clerk.runtime.jobs().jobs) == 3


def test_a_refusal_is_kept_too(clerk: Clerk) -> None:
    first = clerk.call("till.put", "k", amount=-1)
    assert first[0] >= 400
    assert clerk.call("till.put", "k", amount=-1) == first
    assert len([event for event in told(clerk, access_stream("")) if isinstance(event, RequestAccepted)]) == 1


def test_a_key_of_another_request(clerk: Clerk) -> None:
    assert clerk.call("till.put", "k", amount=1)[0] == 200
    status, problem = clerk.call("till.put", "k", amount=2)
    assert (status, problem["code"], problem["data"]["reason"]) == (409, "KeyConflict", "reused")
    assert clerk.total == 1


def test_a_request_that_is_worked_on(clerk: Clerk, running: PythonJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow(*args: object, **named: object) -> None:
        began.set()
        assert may_end.wait(TIMEOUT)
        raise ValueError("no")

    monkeypatch.setattr(clerk.runtime, "call", slow)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(clerk.call("till.put", "k")))
    asking.start()
    assert began.wait(TIMEOUT)
    assert clerk.call("till.put", "k")[1]["data"]["reason"] == "busy"
    assert clerk.call("till.put", "k", amount=5)[1]["data"]["reason"] == "reused"
    may_end.set()
    asking.join()
    assert clerk.call("till.put", "k") == answers[0]


def test_a_refusal_that_says_try_again_is_not_kept(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    from perdure.api.errors import TooMany

    with monkeypatch.context() as patched:
        patched.setattr(clerk.runtime, "call", lambda *args, **named: (_ for _ in ()).throw(TooMany("things")))
        assert clerk.call("till.put", "k")[0] == 429
    assert clerk.call("till.put", "k")[0] == 200
    assert clerk.total == 1


def test_an_answer_with_a_secret_is_not_kept(clerk: Clerk) -> None:
    status, issued = clerk.ask(tokens.ISSUE, "k", name="ci", scopes=["read"])
    assert status == 201
    again = clerk.ask(tokens.ISSUE, "k", name="ci", scopes=["read"])
    assert (again[0], again[1]["data"]["reason"]) == (409, "done")
    assert len(clerk.runtime.tokens()) == 1
    secret = issued["text"].rpartition("_")[2].encode()
    for stored in clerk.runtime.store.read_all():
        assert secret not in stored.body


def test_what_is_kept_is_sealed(clerk: Clerk) -> None:
    assert clerk.call("till.put", "k", amount=4711)[1]["answer"] == {"total": 4711}
    rows = clerk.runtime.store.rows(b"access.key\0")
    assert len(rows) == 1
    assert b"4711" not in rows[0].value


def test_a_large_answer_is_not_kept(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(clerk.runtime, "call", lambda *args, **named: "x" * MAX_KEPT)
        assert clerk.call("till.put", "k")[0] == 200
    assert clerk.call("till.put", "k")[1]["data"]["reason"] == "done"


def test_a_key_lasts_a_day(clerk: Clerk, clock: ManualClock) -> None:
    assert clerk.call("till.put", "old")[0] == 200
    clock.advance(LIFETIME / 2_000_000)
    assert clerk.call("till.put", "new")[0] == 200
    assert clerk.runtime.forget_request_keys() == 0
    clock.advance(LIFETIME / 2_000_000)
    assert clerk.call("till.put", "new")[0] == 200
    assert clerk.total == 2
    assert clerk.runtime.forget_request_keys() == 1
    assert isinstance(told(clerk, access_stream(""))[-1], RequestKeysForgotten)
    assert len(clerk.runtime.store.rows(b"access.key\0")) == 1
    clock.advance(LIFETIME / 1_000_000)
    assert clerk.call("till.put", "new", amount=2)[0] == 200  # its day is over, whether it is forgotten or not
    assert clerk.total == 4


def test_control_under_a_key(clerk: Clerk, running: PythonJobs) -> None:
    job = running.start()
    job.wait(TIMEOUT)
    first = clerk.ask(api.RETRY, "k", job_id=job.job_id)
    assert clerk.ask(api.RETRY, "k", job_id=job.job_id) == first
    assert clerk.ask(api.PAUSE, "k", job_id=job.job_id)[1]["data"]["reason"] == "reused"
    assert clerk.ask(api.PAUSE, "other", job_id=NOWHERE)[0] == 404


@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\'), min_size=1, max_size=255
    )
)
def test_keys_with_quotes_and_without(key: str) -> None:
    assert checked_key(key) == checked_key(f'"{key}"') == key


@pytest.mark.parametrize("key", ["", " ", '""', "a\x00b", "a\nb", "ä", "\x7f", "k" * 256])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(BadRequest):
        checked_key(key)
