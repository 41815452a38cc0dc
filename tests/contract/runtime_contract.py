"""What a program may rely on, whether it has a `Runtime`, a `Client` or an `AsyncClient`.

``runtime`` is the runtime itself, ``subject`` what the test is about: both have the same jobs, so they have to say the
same of them, and refuse the same with the same errors.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from tests.support.gate import Gate
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobLimits, RetryPolicy, Runtime, Status
from perdure.runtime.job_handle import JobHandle

NOBODY = UUID("018f0000-0000-7000-8000-000000000000")
LIBRARY = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")

# What is refused, and why, by name; each is asked of both.
REFUSED: dict[str, Callable[[Any], Any]] = {
    "a job that is not there": lambda runtime: runtime.job(NOBODY),
    "a job id that is none": lambda runtime: runtime.job("nonsense"),
    "to wait for nobody": lambda runtime: runtime.wait(NOBODY, 1),
    "to watch nobody": lambda runtime: list(runtime.watch(NOBODY)),
    "nobody's history": lambda runtime: list(runtime.history(NOBODY)),
    "nobody's past": lambda runtime: runtime.state_at(NOBODY, 1),
    "to pause nobody": lambda runtime: runtime.pause(NOBODY),
    "to retry nobody": lambda runtime: runtime.retry(str(NOBODY)),
    "an extension that is not there": lambda runtime: runtime.dispatch("nobody:job"),
    "a job type that is not there": lambda runtime: runtime.dispatch("acme:nonsense"),
    "a job type that is none": lambda runtime: runtime.dispatch("nonsense"),
    "a state that is no JSON": lambda runtime: runtime.dispatch("acme:nothing", b"{"),
    "a state too large": lambda runtime: runtime.dispatch(
        "acme:nothing", {"text": "x" * 1000}, limits=JobLimits(checkpoint_bytes=100)
    ),
    "limits that are none": lambda runtime: runtime.dispatch("acme:nothing", limits=JobLimits(fuel=-1)),
    "a retry policy that is none": lambda runtime: runtime.dispatch("acme:nothing", retry=RetryPolicy(attempts=0)),
    "a key that is none": lambda runtime: runtime.dispatch("acme:nothing", idempotency_key="k" * 256),
    "a page of nothing": lambda runtime: runtime.jobs(limit=0),
    "to fork nobody": lambda runtime: runtime.fork(NOBODY),
    "nobody's doubt": lambda runtime: runtime.doubt(NOBODY),
    "to resolve nobody's doubt": lambda runtime: runtime.resolve(NOBODY, "again"),
    "to verify nobody": lambda runtime: runtime.verify(NOBODY),
}

# Of a job that has completed.
REFUSED_OF_A_JOB: dict[str, Callable[[Any, UUID], Any]] = {
    "an event that it has not": lambda runtime, job: runtime.state_at(job, 1000),
    "an event that nobody has": lambda runtime, job: runtime.state_at(job, 0),
    "to pause it": lambda runtime, job: runtime.pause(job),
    "to resume it": lambda runtime, job: runtime.resume(job),
    "to cancel it": lambda runtime, job: runtime.cancel(job),
    "to retry it": lambda runtime, job: runtime.retry(job),
    "to resolve what is in no doubt": lambda runtime, job: runtime.resolve(job, "again"),
    "a fork behind its end": lambda runtime, job: runtime.fork(job, 1000),
}


def refusal(work: Callable[[], Any]) -> tuple[type[Exception], str, dict[str, str]]:
    """What an error says, for programs and people."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is what the test compares
        work()
    error = caught.value
    return type(error), str(error), {name: str(value) for name, value in vars(error).items()}


class RuntimeContract:
    """Bind it with a fixture ``subject``."""

    LIMITED_PAGES: ClassVar = (1, 2, 3)

    def test_a_job_from_its_dispatch_to_its_end(self, subject: Any, runtime: Runtime, gate: Gate) -> None:
        job = subject.dispatch(
            "acme:gate",
            {"target": 3},
            library_id=LIBRARY,
            limits=JobLimits(fuel=10**9),
            retry=RetryPolicy(attempts=2, initial_ms=10),
        )
        assert isinstance(job, JobHandle)
        arrival = gate.arrival()
        assert arrival.job_id == job.job_id
        assert (job.status, job.attempts, job.items) == (Status.RUNNING, 1, 0)
        assert (job.state.retry.attempts, job.state.library_id) == (2, LIBRARY)
        assert job.timings == runtime.job(job.job_id).timings
        arrival.let_go()
        state = job.wait(TIMEOUT)
        assert (state.status, state.items) == (Status.COMPLETED, 1)
        assert state == runtime.job(job.job_id).state == subject.job(str(job.job_id)).state
        assert job.wait(TIMEOUT) == state  # it has ended

    def test_an_event_loop_waits_for_a_job(self, subject: Any, runtime: Runtime, gate: Gate) -> None:
        job = subject.dispatch("acme:gate")
        arrival = gate.arrival()

        async def both() -> Any:
            waiting = asyncio.ensure_future(job)
            await asyncio.sleep(0)
            arrival.let_go()
            return await asyncio.wait_for(waiting, TIMEOUT)

        assert asyncio.run(both()) == runtime.job_state(job.job_id)

    def test_nobody_waits_longer_than_they_want(self, subject: Any, gate: Gate) -> None:
        job = subject.dispatch("acme:gate")
        gate.arrival()
        with pytest.raises(TimeoutError, match=rf"^job {job.job_id} has not ended within 0\.05 s$"):
            job.wait(0.05)
        gate.open()
        job.wait(TIMEOUT)

    def test_a_job_is_watched_while_it_runs(self, subject: Any, runtime: Runtime, gate: Gate) -> None:
        job = subject.dispatch("acme:say")
        arrival = gate.arrival()
        seen: list[Any] = []

        def watch() -> None:
            seen.extend(job.watch())

        watching = threading.Thread(target=watch)
        watching.start()
        arrival.let_go()
        watching.join(TIMEOUT)
        assert seen == list(runtime.watch(job.job_id))
        assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
        assert list(job.watch(after=3)) == seen[3:]
        assert list(job.watch(after=-5)) == seen
        assert list(job.watch(after=1000)) == []

    def test_a_watch_can_be_left(self, subject: Any, gate: Gate) -> None:
        job = subject.dispatch("acme:gate")
        gate.arrival()
        events = job.watch()
        first = next(events)
        assert first.sequence == 1
        events.close()
        gate.open()
        job.wait(TIMEOUT)

    def test_what_happened_to_a_job(self, subject: Any, runtime: Runtime, done: UUID) -> None:
        entries = list(runtime.history(done))
        assert list(subject.history(done)) == entries
        assert list(subject.history(str(done), 2, 4)) == entries[1:4]
        assert list(subject.history(done, first=-3)) == entries
        assert list(subject.history(done, first=4)) == entries[3:]
        for sequence in (1, 3, len(entries)):
            assert subject.state_at(done, sequence) == runtime.state_at(done, sequence)

    def test_a_job_is_controlled(self, subject: Any, runtime: Runtime) -> None:
        job = subject.dispatch("acme:polite")
        eventually(lambda: job.items == 1)
        assert job.pause() in (Status.RUNNING, Status.PAUSED)
        eventually(lambda: job.status is Status.PAUSED)
        assert refusal(job.pause) == refusal(lambda: runtime.pause(job.job_id))
        assert subject.resume(job.job_id) in (Status.QUEUED, Status.RUNNING)
        eventually(lambda: job.attempts == 2 and job.items == 2)
        job.cancel()
        assert job.wait(TIMEOUT).status is Status.CANCELLED
        job.retry()
        eventually(lambda: job.attempts == 3)
        subject.cancel(str(job.job_id))
        assert job.wait(TIMEOUT).status is Status.CANCELLED

    def test_lists_of_jobs(self, subject: Any, runtime: Runtime, done: UUID) -> None:
        for limit in self.LIMITED_PAGES:
            assert subject.jobs(limit=limit) == runtime.jobs(limit=limit)
        everything = runtime.jobs(limit=5000)
        assert subject.jobs(limit=5000) == everything
        before = everything.jobs[0].job_id
        assert subject.jobs(before=before) == runtime.jobs(before=before)
        for filters in (
            {"statuses": frozenset({Status.COMPLETED, Status.FAILED})},
            {"extension": "acme"},
            {"extension": "nobody"},
            {"job_type": "nothing"},
            {"parent": done},
            {"forked_from": done},
        ):
            assert subject.jobs(**filters) == runtime.jobs(**filters), filters
        assert subject.jobs_by_status() == runtime.jobs_by_status()

    def test_a_key_is_a_job(self, subject: Any, runtime: Runtime) -> None:
        key = f"order/{uuid4()}?&#"
        assert subject.job_with_key("acme", key) is None
        job = subject.dispatch("acme:nothing", {"order": 7}, idempotency_key=key)
        assert subject.dispatch("acme:nothing", {"order": 7}, idempotency_key=key).job_id == job.job_id
        assert subject.job_with_key("acme", key).job_id == job.job_id

        def other(runtime: Any) -> Any:
            return runtime.dispatch("acme:nothing", {"order": 8}, idempotency_key=key)

        assert refusal(lambda: other(subject)) == refusal(lambda: other(runtime))
        job.wait(TIMEOUT)

    def test_a_job_is_forked(self, subject: Any, runtime: Runtime, done: UUID) -> None:
        fork = subject.fork(done, 1, state={"target": 9}, paused=True)
        assert fork.status is Status.PAUSED
        assert [state.job_id for state in subject.jobs(forked_from=done, limit=1).jobs] == [fork.job_id]
        assert fork.history is not None
        fork.resume()
        assert fork.wait(TIMEOUT).status is Status.COMPLETED
        assert runtime.job_state(fork.job_id).forked_from == done

    @pytest.mark.parametrize("what", REFUSED)
    def test_what_is_refused(self, subject: Any, runtime: Runtime, what: str) -> None:
        work = REFUSED[what]
        assert refusal(lambda: work(subject)) == refusal(lambda: work(runtime))

    @pytest.mark.parametrize("what", REFUSED_OF_A_JOB)
    def test_what_is_refused_of_a_job(self, subject: Any, runtime: Runtime, done: UUID, what: str) -> None:
        work = REFUSED_OF_A_JOB[what]
        assert refusal(lambda: work(subject, done)) == refusal(lambda: work(runtime, done))

    def test_there_is_nothing_in_doubt(self, subject: Any, done: UUID) -> None:
        assert subject.doubt(done) is None

    def test_a_job_is_verified(self, subject: Any, runtime: Runtime, done: UUID) -> None:
        assert subject.verify(done).verdict == runtime.verify(done).verdict


def public_methods(kind: type) -> set[str]:
    """The names of what it offers."""
    return {
        name
        for name in itertools.chain.from_iterable(vars(base) for base in kind.__mro__ if base is not object)
        if not name.startswith("_")
    }
