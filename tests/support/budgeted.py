"""A runtime with budgets, on a clock that only a test moves, and what it was told at their edges."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

import msgspec
from tests.support.actor_rig import nudge
from tests.support.manual_clock import ManualClock
from tests.support.python_guest import Body
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import ActorHooks, Budgets, JobHandle, Runtime, RuntimeSettings, Status
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.store import MemoryEventStore
from perdure.store.events import AnyEvent, BudgetReached, JobRecovered, JobResumed

PING = "query:test.ping"
HELLO = b'{"message": "hello"}'
METHODS = ["query:", "action:"]


class Note(msgspec.Struct):
    text: str = ""


@action("test.note", effect=Effect.TRANSACTIONAL)
def note(context: CallContext, request: Note) -> Note:
    """Give back what came."""
    return request


class Edges(ActorHooks):
    """Notes each edge: extension, budget, response."""

    def __init__(self) -> None:
        self.met: list[tuple[str, str, str]] = []

    def budget_reached(self, extension: str, budget: str, response: str) -> None:
        self.met.append((extension, budget, response))


class Budgeted:
    """One process: a runtime in memory whose extension ``acme`` runs jobs in Python.

    One that is made with ``predecessor`` opens the log that the other left behind.
    """

    def __init__(
        self,
        folder: Path,
        budgets: Budgets,
        body: Body | None = None,
        *,
        predecessor: Budgeted | None = None,
        running_jobs: int = 8,
        kill_grace: float = 5.0,
    ) -> None:
        self.clock: ManualClock = predecessor.clock if predecessor is not None else ManualClock()
        self.store: MemoryEventStore = (
            predecessor.store if predecessor is not None else MemoryEventStore(self.clock.now)
        )
        self.edges = Edges()
        settings = RuntimeSettings(
            budgets=budgets, running_jobs=running_jobs, kill_grace=kill_grace, shutdown_grace=0.2
        )
        self.runtime = Runtime.in_memory(
            settings=settings, hooks=self.edges, clock=self.clock, store=self.store, recover=False
        )
        self.runtime.operations.register(note)
        limits = {
            "requests_per_minute": budgets.requests_per_minute.limit,
            "concurrent_jobs": budgets.concurrent_jobs.limit,
        }
        self.jobs = PythonJobs(self.runtime, folder, body, methods=METHODS, rate_limits=limits)
        self.runtime.recover()

    def start(self, body: Body) -> JobHandle:
        self.jobs.body = body
        return self.jobs.start()

    def run(self, body: Body) -> JobHandle:
        job = self.start(body)
        job.wait(TIMEOUT)
        return job

    def advance(self, seconds: float) -> None:
        """Let time pass; returns when router and supervisor have done what was due."""
        actors = (self.runtime._system.supervisor, self.runtime._system.router)
        for actor in actors:
            nudge(actor)
        self.clock.advance(seconds)
        for actor in (*actors, *actors):
            nudge(actor)

    def reach(self, budget: str, response: str) -> None:
        """Return when the extension has come to this edge."""
        eventually(lambda: ("acme", budget, response) in self.edges.met)

    def becomes(self, job: JobHandle, status: Status) -> None:
        eventually(lambda: job.status is status and self.runtime._system.jobs.get(job.job_id) is None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.runtime.close()


class Meeting:
    """Lets guests say that they are there, and holds them until the test lets them go."""

    def __init__(self) -> None:
        self.there = 0
        self._go = threading.Event()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self.there += 1
        assert self._go.wait(TIMEOUT)

    def let_go(self) -> None:
        self._go.set()


def reached(job: JobHandle) -> list[BudgetReached]:
    """The edges that are in the job's history."""
    return [entry.stored.event for entry in job.history() if isinstance(entry.stored.event, BudgetReached)]


def resumed(job: JobHandle) -> list[str]:
    """Why it was queued again, each time."""
    events = (entry.stored.event for entry in job.history())
    return [event.cause for event in events if isinstance(event, JobRecovered | JobResumed)]


def facts(job: JobHandle) -> list[AnyEvent]:
    """Its history."""
    return [entry.stored.event for entry in job.history()]
