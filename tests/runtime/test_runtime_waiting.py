"""Waiting for jobs and watching them, with threads and with asyncio."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.acme import install_acme
from tests.support.gate import Gate
from tests.support.job_history import tags_of
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status
from perdure.runtime.errors import RuntimeClosedError
from perdure.store import UnknownJob
from perdure.store.events import tag_of


def test_wait_has_a_timeout_and_can_be_asked_again(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    for timeout in (0, 0.01):
        with pytest.raises(TimeoutError, match=str(job.job_id)):
            job.wait(timeout)
    arrival.let_go()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert job.wait(0).status is Status.COMPLETED


def test_everyone_who_waits_is_told(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(job.wait, TIMEOUT) for _ in range(8)]
        arrival.let_go()
        assert {future.result().status for future in waiting} == {Status.COMPLETED}


def test_whoever_waits_when_the_runtime_closes_is_told_so(tmp_path: Path) -> None:
    runtime = Runtime.open(tmp_path / "data", settings=RuntimeSettings(kill_grace=0.1, shutdown_grace=0.1))
    install_acme(runtime, tmp_path)
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    waits = threading.Event()

    def wait() -> object:
        waits.set()
        return job.wait(TIMEOUT)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        waits.wait(TIMEOUT)
        runtime.close()
        with pytest.raises(RuntimeClosedError):
            waiting.result()


def test_a_call_that_waits_for_an_actor_has_a_timeout(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    with pytest.raises(TimeoutError):
        job.cancel(timeout=0)
    arrival.let_go()
    assert job.wait(TIMEOUT).finished  # the wish may still be carried out


# --- watch -----------------------------------------------------------------------------------------------------------


def test_watch_gives_each_event_and_ends_with_the_job(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:say")
    events = job.watch()
    assert [tag_of(next(events).event) for _ in range(2)] == ["dispatched", "started"]
    gate.arrival().let_go()
    rest = list(events)
    assert [tag_of(stored.event) for stored in rest] == ["operation", "warning", "completed"]
    assert [stored.sequence for stored in rest] == [3, 4, 5]
    assert [tag_of(stored.event) for stored in job.watch(after=3)] == ["warning", "completed"]
    assert list(job.watch(after=5)) == []
    assert len(list(job.watch(after=-7))) == 5
    with pytest.raises(UnknownJob):
        runtime.watch("00000000-0000-0000-0000-000000000007")


def test_watch_goes_on_over_a_pause(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    seen: list[str] = []
    for stored in job.watch():
        seen.append(tag_of(stored.event))
        if seen[-1] == "items":
            job.pause() if seen.count("items") == 1 else job.cancel()
        elif seen[-1] == "paused":
            job.resume()
    assert seen == tags_of(job)
    assert [tag for tag in seen if tag in ("paused", "resumed", "cancelled")] == ["paused", "resumed", "cancelled"]


def test_watch_ends_when_the_runtime_closes(tmp_path: Path) -> None:
    runtime = Runtime.open(tmp_path / "data", settings=RuntimeSettings(kill_grace=0.1, shutdown_grace=0.1))
    install_acme(runtime, tmp_path)
    job = runtime.dispatch("acme:polite")
    seen: list[str] = []

    def watch() -> None:
        for stored in job.watch():
            seen.append(tag_of(stored.event))

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        eventually(lambda: "items" in seen)
        runtime.close()
        watching.result(TIMEOUT)
    assert seen[:3] == ["dispatched", "started", "items"]


# --- asyncio ---------------------------------------------------------------------------------------------------------


def test_jobs_are_awaited_without_a_thread_each(runtime: Runtime, gate: Gate) -> None:
    async def main() -> list[Status]:
        jobs = [runtime.dispatch("acme:gate") for _ in range(4)]
        waiting = [asyncio.ensure_future(_awaited(job)) for job in jobs]
        for _ in jobs:
            arrival = await asyncio.to_thread(gate.arrival)
            arrival.let_go()
        return [(await task) for task in waiting]

    assert asyncio.run(main()) == [Status.COMPLETED] * 4


async def _awaited(job: JobHandle) -> Status:
    return (await job).status


def test_a_job_that_has_ended_is_awaited_at_once(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:nothing")
    job.wait(TIMEOUT)

    async def main() -> Status:
        async with asyncio.timeout(TIMEOUT):
            return (await job).status

    assert asyncio.run(main()) is Status.COMPLETED


def test_giving_up_on_a_job_leaves_it_alone(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    arrival = gate.arrival()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await job
        task = asyncio.ensure_future(_awaited(job))
        await asyncio.sleep(0)  # let it begin to wait
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert job.status is Status.RUNNING
    arrival.let_go()
    assert job.wait(TIMEOUT).status is Status.COMPLETED


def test_whoever_awaits_when_the_runtime_closes_is_told_so(tmp_path: Path) -> None:
    runtime = Runtime.open(tmp_path / "data", settings=RuntimeSettings(kill_grace=0.1, shutdown_grace=0.1))
    install_acme(runtime, tmp_path)
    job = runtime.dispatch("acme:polite")

    async def main() -> None:
        task = asyncio.ensure_future(_awaited(job))
        await asyncio.sleep(0)  # let it begin to wait
        await asyncio.to_thread(runtime.close)
        with pytest.raises(RuntimeClosedError):
            await task

    asyncio.run(main())


def test_watch_in_an_event_loop(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:say")

    async def main() -> list[str]:
        seen: list[str] = []
        async for stored in job.watch_async():
            seen.append(tag_of(stored.event))
            if seen[-1] == "started":
                arrival = await asyncio.to_thread(gate.arrival)
                arrival.let_go()
        return seen

    assert asyncio.run(main()) == tags_of(job)
