"""A job at the edge of each budget, with each response."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.budgeted import HELLO, PING, Budgeted, facts, reached, resumed
from tests.support.job_events import plain
from tests.support.python_guest import Body, PythonHost
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestResult, GuestSpec, Interrupt
from perdure.runtime import AtEdge, Budget, Budgets, JobHandle, Status
from perdure.store import load_payload
from perdure.store.events import BudgetReached, JobSuspended, LimitUse, OperationAnswered

REFUSE, WAIT, SUSPEND = AtEdge.REFUSE, AtEdge.WAIT, AtEdge.SUSPEND
HOUR = 3_661.0


def limit(number: int, at_edge: AtEdge, wait_ms: int = 600_000) -> Budget:
    return Budget(limit=number, at_edge=at_edge, wait_ms=wait_ms)


def pings(count: int, answers: list[dict[str, Any]], *, save: bool = False) -> Body:
    """Ping so many times, whatever the answers are; with ``save`` a checkpoint after each.

    Answers that the log gives once more are left out.
    """

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(int(state or b"0"), count):
            told_before, answer = host.led_calls, json.loads(host.call(PING, HELLO))
            if host.led_calls == told_before:
                answers.append(answer)
            if save:
                host.checkpoint(str(number + 1).encode())

    return body


def codes(answers: list[dict[str, Any]]) -> list[str]:
    return [answer.get("code", "ok") for answer in answers]


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_request_that_is_refused(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(2, REFUSE))) as acme:
        job = acme.run(pings(3, answers))

        assert codes(answers) == ["ok", "ok", "rate_limited"]
        assert answers[-1]["retry_after_ms"] == 60_000
        budget, answered = facts(job)[-3:-1]
        assert budget == BudgetReached(3, 30, "requests_per_minute", 2, 60_000, "refuse")
        assert isinstance(answered, OperationAnswered)
        assert (answered.call, answered.code) == (3, "rate_limited")
        assert json.loads(load_payload(acme.store.blobs, plain(answered.answer))) == answers[-1]
        assert acme.edges.met == [("acme", "requests_per_minute", "refuse")]
        assert job.status is Status.COMPLETED


def test_a_request_that_waits_blocks_nobody_else(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(2, WAIT))) as acme:
        job = acme.start(pings(3, answers))
        acme.reach("requests_per_minute", "wait")
        assert acme.runtime.call(PING, {"message": "host"}).echo == "Pong: host"
        acme.advance(59.9)
        assert len(answers) == 2

        acme.advance(0.1)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert codes(answers) == ["ok"] * 3
        assert [event.response for event in reached(job)] == ["wait"]


def test_a_request_that_cannot_wait_so_long_is_refused(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(1, WAIT, 59_999))) as acme:
        job = acme.run(pings(2, answers))

        assert codes(answers) == ["ok", "rate_limited"]
        assert [event.response for event in reached(job)] == ["refuse"]


def test_a_job_that_waits_can_be_paused_and_goes_on(tmp_path: Path) -> None:
    answers: list[str] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for _ in range(2):
            answers.append(json.loads(host.call(PING, HELLO)).get("code", "ok"))
            if host.check_interrupt() is Interrupt.PAUSE:
                host.checkpoint(b"paused")
                return

    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(1, WAIT))) as acme:
        job = acme.start(body)
        acme.reach("requests_per_minute", "wait")

        job.pause()

        # No time passes here: it is told at once that its call will not be, and ends as it likes.
        acme.becomes(job, Status.COMPLETED)
        assert answers == ["ok", "unavailable"]
        assert job.state.checkpoints == 1


@pytest.mark.parametrize(
    "budgets", [Budgets(requests_per_minute=limit(1, WAIT)), Budgets(events_per_second=limit(1, WAIT))]
)
def test_a_job_that_waits_can_be_cancelled(tmp_path: Path, budgets: Budgets) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult:
        while host.check_interrupt() is Interrupt.CONTINUE:
            host.call(PING, HELLO)
            host.log(1, "again")
        return GuestResult(Exit.INTERRUPTED, host.fuel)

    with Budgeted(tmp_path, budgets, kill_grace=0.1) as acme:
        job = acme.start(body)
        name = "requests_per_minute" if budgets.requests_per_minute.limit == 1 else "events_per_second"
        acme.reach(name, "wait")

        job.cancel()
        acme.advance(0.2)

        acme.becomes(job, Status.CANCELLED)


def test_a_request_at_which_the_job_is_suspended(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(2, SUSPEND))) as acme:
        job = acme.start(pings(5, answers, save=True))
        acme.becomes(job, Status.SUSPENDED)
        assert codes(answers) == ["ok", "ok"], "it does not see the call that is not made"
        (event,) = reached(job)
        assert (event.retry_after_ms, event.response) == (60_000, "suspend")
        suspended = facts(job)[-1]
        assert isinstance(suspended, JobSuspended)
        assert "requests_per_minute" in suspended.reason

        acme.advance(59.999)
        assert job.status is Status.SUSPENDED
        acme.advance(0.001)
        acme.becomes(job, Status.SUSPENDED)
        acme.advance(60)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert codes(answers) == ["ok"] * 5, "each call once: it went on where it was"
        assert resumed(job) == ["budget", "budget"]


def test_a_job_that_is_suspended_goes_on_in_the_next_process_when_there_is_room(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    budgets = Budgets(requests_per_minute=limit(2, SUSPEND))
    with Budgeted(tmp_path, budgets) as first:
        job_id = first.start(pings(3, answers, save=True)).job_id
        first.becomes(first.runtime.job(job_id), Status.SUSPENDED)
    first.clock.advance(20)
    with Budgeted(tmp_path, budgets, pings(3, answers, save=True), predecessor=first) as second:
        job = second.runtime.job(job_id)
        second.advance(39)
        assert job.status is Status.SUSPENDED, "it would only come to the same edge"
        second.advance(1)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert resumed(job) == ["budget"]
        assert codes(answers) == ["ok"] * 3


def test_a_suspended_job_can_be_resumed_and_cancelled_by_a_person(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []
    with Budgeted(tmp_path, Budgets(requests_per_minute=limit(1, SUSPEND))) as acme:
        job = acme.start(pings(2, answers, save=True))
        acme.becomes(job, Status.SUSPENDED)
        job.resume()
        acme.becomes(job, Status.SUSPENDED)
        assert len(reached(job)) == 2

        job.cancel()

        assert job.status is Status.CANCELLED
        acme.advance(120)
        assert job.status is Status.CANCELLED


# --- bytes -----------------------------------------------------------------------------------------------------------


def saving(count: int, saved: list[bool]) -> Body:
    """So many checkpoints of ten bytes."""

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(int(state or b"0"), count):
            told_before, answer = host.led_calls, host.checkpoint(b"%010d" % (number + 1))
            if host.led_calls == told_before:
                saved.append(answer)

    return body


def test_a_checkpoint_that_is_refused(tmp_path: Path) -> None:
    saved: list[bool] = []
    with Budgeted(tmp_path, Budgets(bytes_per_hour=limit(20, REFUSE))) as acme:
        job = acme.run(saving(3, saved))

        assert saved == [True, True, False]
        (event,) = reached(job)
        assert (event.budget, event.limit, event.response) == ("bytes_per_hour", 20, "refuse")
        assert 3_540_000 <= event.retry_after_ms <= 3_660_000
        assert job.state.checkpoints == 2


def test_a_checkpoint_that_waits(tmp_path: Path) -> None:
    saved: list[bool] = []
    with Budgeted(tmp_path, Budgets(bytes_per_hour=limit(20, WAIT))) as acme:
        acme.run(saving(1, saved))
        acme.advance(3_400)  # ten minutes more would be too long to wait
        job = acme.start(saving(2, saved))
        acme.reach("bytes_per_hour", "wait")

        acme.advance(300)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert saved == [True] * 3


def test_a_checkpoint_at_which_the_job_is_suspended(tmp_path: Path) -> None:
    saved: list[bool] = []
    with Budgeted(tmp_path, Budgets(bytes_per_hour=limit(20, SUSPEND))) as acme:
        job = acme.start(saving(3, saved))
        acme.becomes(job, Status.SUSPENDED)
        acme.advance(HOUR)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert saved == [True] * 3


def test_an_action_that_would_write_too_much(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for text in ("a" * 30, "b" * 80, ""):
            answers.append(json.loads(host.call("action:test.note", json.dumps({"text": text}).encode())))
        answers.append(json.loads(host.call(PING, b'{"message": "' + b"c" * 200 + b'"}')))

    with Budgeted(tmp_path, Budgets(bytes_per_hour=limit(100, REFUSE))) as acme:
        acme.run(body)

        assert codes(answers) == ["ok", "rate_limited", "ok", "ok"], "what a query says is not written for anybody"
        assert answers[1]["retry_after_ms"] > 0
        used = {state.budget: state.used for state in acme.runtime.budgets("acme")}
        assert used["bytes_per_hour"] == len('{"text": ""}') * 2 + 30 + len('{"text":""}') * 2 + 30


# --- fuel ------------------------------------------------------------------------------------------------------------


def working(count: int, done: list[int]) -> Body:
    """Calls of the host, each of which costs ten units, with a checkpoint after every fifth."""

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(int(state or b"0"), count):
            host.increment_items()
            done.append(number)
            if number % 4 == 3:
                host.checkpoint(str(number + 1).encode())

    return body


ONE = limit(1, WAIT)


def test_fuel_that_is_refused_fails_the_job(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(fuel_per_hour=limit(1_000, REFUSE), concurrent_jobs=ONE)) as acme:
        job = acme.run(working(500, done))

        assert job.status is Status.FAILED
        assert job.error is not None
        assert (job.error.kind, job.error.blame) == ("out_of_fuel", "guest")
        assert job.error.limit == LimitUse("fuel_per_hour", 1_000, 1_000, "fuel")
        assert job.error.data["retry_after_ms"] > 3_500_000
        assert 900 < job.fuel <= 1_000
        (event,) = reached(job)
        assert (event.budget, event.response) == ("fuel_per_hour", "refuse")
        used = {state.budget: state.used for state in acme.runtime.budgets("acme")}
        assert 900 < used["fuel_per_hour"] <= 1_000  # type: ignore[operator]  # it has a limit


def test_fuel_that_is_waited_for(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(fuel_per_hour=limit(1_000, WAIT), concurrent_jobs=ONE)) as acme:
        acme.run(working(60, done))
        acme.advance(3_400)
        job = acme.start(working(60, done))
        acme.reach("fuel_per_hour", "wait")
        acme.advance(300)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert len(done) == 120


def test_fuel_for_want_of_which_the_job_is_suspended(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(fuel_per_hour=limit(1_000, SUSPEND), concurrent_jobs=ONE)) as acme:
        job = acme.start(working(150, done))
        acme.becomes(job, Status.SUSPENDED)
        before = len(done)
        assert 60 < before < 100
        acme.advance(HOUR)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert sorted(set(done)) == list(range(150))
        assert resumed(job) == ["budget"]


def test_a_job_that_finds_no_fuel_at_all_does_not_begin(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(fuel_per_hour=limit(1_000, SUSPEND), concurrent_jobs=ONE)) as acme:
        first = acme.start(working(150, done))
        acme.becomes(first, Status.SUSPENDED)
        before = len(done)

        second = acme.start(working(1, done))

        acme.becomes(second, Status.SUSPENDED)
        assert len(done) == before
        first.cancel()
        acme.advance(HOUR)
        assert second.wait(TIMEOUT).status is Status.COMPLETED


def test_fuel_of_a_job_is_a_limit_of_the_job(tmp_path: Path) -> None:
    with Budgeted(tmp_path, Budgets(fuel_per_job=limit(5_000, REFUSE))) as acme:
        seen: list[GuestSpec] = []
        job = acme.run(lambda host, state, spec: seen.append(spec))

        assert job.status is Status.COMPLETED
        assert seen[0].fuel == 5_000


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_that_are_refused_fail_the_job(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(events_per_second=limit(50, REFUSE))) as acme:
        job = acme.run(working(60, done))

        assert job.status is Status.FAILED
        assert job.error is not None
        assert job.error.kind == "event_rate"
        assert job.error.limit == LimitUse("events_per_second", 50, 51, "events/s")
        assert len(done) == 50
        assert [event.budget for event in reached(job)] == ["events_per_second"]


def test_events_that_wait(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(events_per_second=limit(50, WAIT))) as acme:
        job = acme.start(working(60, done))
        acme.reach("events_per_second", "wait")
        assert len(done) == 50
        acme.advance(1.05)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert len(reached(job)) == 1


def test_events_for_which_the_job_is_suspended(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(events_per_second=limit(50, SUSPEND))) as acme:
        job = acme.start(working(60, done))
        acme.becomes(job, Status.SUSPENDED)
        acme.advance(1.05)

        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert job.items == 60


def test_the_events_of_all_jobs_are_counted_together(tmp_path: Path) -> None:
    done: list[int] = []
    with Budgeted(tmp_path, Budgets(events_per_second=limit(50, REFUSE))) as acme:
        jobs: list[JobHandle] = [acme.run(working(20, done)) for _ in range(3)]

        assert [job.status for job in jobs] == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]
        assert len(done) == 50
