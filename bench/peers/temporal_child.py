"""Temporal takes its turn: ``python3 -m bench.peers.temporal_child``, started by `bench.peers.turn`.

The server is a process of its own, worker and client are this one. The gate that workflows wait at is an activity, too:
its answer is stored as a step's is, so it is counted as one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.peers.counts import Counts
from bench.peers.meter import Meter
from bench.peers.processes import end_group, free_port, start_group
from bench.peers.rows import Subject
from bench.peers.turn import VALUE, TurnFailed, median_ms, take_turn

_QUEUE: Final = "bench"
_LONG: Final = timedelta(seconds=200)
_ROOM: Final = 200  # of each kind of task at once, and workflows kept: more than there are


class Gate:
    """Where workflows wait, in an activity; how many have come."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.arrived = 0


_gate = Gate()


@activity.defn
async def pass_gate() -> str:
    _gate.arrived += 1
    await _gate.opened.wait()
    return VALUE


@activity.defn
async def step(number: int) -> str:
    return VALUE


@workflow.defn
class Steps:
    @workflow.run
    async def run(self, count: int, local: bool) -> int:
        await workflow.execute_activity(pass_gate, start_to_close_timeout=_LONG)
        call = workflow.execute_local_activity if local else workflow.execute_activity
        for number in range(count):
            await call(step, number, start_to_close_timeout=_LONG)
        return count


@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> int:
        return 1


@asynccontextmanager
async def _client(folder: Path, program: str) -> AsyncIterator[Client]:
    port = free_port()
    options = ["--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    file = folder / "temporal.db"
    pragmas = [word for pragma in ("journal_mode=WAL", "synchronous=FULL") for word in ("--sqlite-pragma", pragma)]
    command = [program, "server", "start-dev", *options, "--db-filename", str(file), *pragmas]
    server = start_group(command, folder / "server.errors", folder / "server.output")
    try:
        until = time.monotonic() + 60
        while True:
            try:
                client = await Client.connect(f"127.0.0.1:{port}")
                await client.count_workflows("")
                break
            except (RPCError, RuntimeError) as error:  # the second: nobody listens
                if server.poll() is not None or time.monotonic() > until:
                    last = (folder / "server.errors").read_text(errors="replace")[-300:]
                    raise TurnFailed(f"Temporal's server does not answer: {error}; {last}") from error
                await asyncio.sleep(0.05)
        yield client
    finally:
        end_group(server)


class _Runner:
    def __init__(self, client: Client, folder: Path, local: bool) -> None:
        self._client = client
        self._folder = folder
        self._local = local
        self._started = 0

    async def start(self, run: Any, *arguments: Any) -> Any:
        self._started += 1
        name = f"bench-{self._started}"
        return await self._client.start_workflow(run, args=arguments, id=name, task_queue=_QUEUE)

    async def run(self, jobs: int, each: int) -> Meter:
        """From the gate's opening to the last workflow's result."""
        _gate.opened.clear()
        _gate.arrived = 0
        handles = [await self.start(Steps.run, each, self._local) for _ in range(jobs)]
        until = time.monotonic() + 120
        while _gate.arrived < jobs:
            if time.monotonic() > until:
                raise TurnFailed(f"{_gate.arrived} of {jobs} workflows are at the gate after 120 s")
            await asyncio.sleep(0.005)
        with Meter(self._folder) as meter:
            _gate.opened.set()
            results = await asyncio.gather(*(handle.result() for handle in handles))
        if set(results) != {each}:
            raise TurnFailed("a workflow did not do its steps")
        return meter

    async def starts(self, count: int) -> dict[str, float]:
        """Times of workflows that do nothing, one after the other."""
        returns, results = [], []
        for _ in range(count):
            began = time.monotonic()
            handle = await self.start(Nothing.run)
            returns.append(time.monotonic() - began)
            await handle.result()
            results.append(time.monotonic() - began)
        return {"start_returns": median_ms(returns), "start_result": median_ms(results)}


async def _measured(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    space = done = 0
    async with _client(folder, words["program"]) as client:
        worker = Worker(
            client,
            task_queue=_QUEUE,
            workflows=[Steps, Nothing],
            activities=[step, pass_gate],
            workflow_runner=UnsandboxedWorkflowRunner(),  # the faster one
            max_cached_workflows=_ROOM,
            max_concurrent_workflow_tasks=_ROOM,
            max_concurrent_activities=_ROOM,
            max_concurrent_local_activities=_ROOM,
        )
        async with worker:
            runner = _Runner(client, folder, words["local"])
            await runner.run(2, 5)
            for jobs, each in counts.steps.items():
                meter = await runner.run(jobs, each)
                steps = jobs * (each + 1)  # and the gate
                found |= meter.of_steps(jobs, steps)
                space, done = space + meter.space, done + steps
            found |= await runner.starts(counts.starts)
    return {**found, "disk": space / done}


def _steps(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    return asyncio.run(_measured(folder, counts, words))


if __name__ == "__main__":
    take_turn({Subject.STEPS: _steps})
