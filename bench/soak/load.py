"""The load of a soak: jobs that arrive at a pace, and beside them everything that a host does now and then."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.figure import BenchFailed
from bench.gate import TIMEOUT
from bench.guests import EXTENSION, WORK, compiled, write_extension
from bench.operations import touching_operations
from perdure.actors.several_hooks import SeveralHooks
from perdure.metrics import PrometheusHooks
from perdure.runtime import ActorHooks, JobHandle, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

STEPS: Final = 10  # of a job: each a progress event, a query, an action with its intent, a checkpoint
AT_ONCE: Final = 64  # jobs at full load: as many as may run at once, so that later moments hardly need more memory
_FEW: Final = 16  # unfinished ones where their number matters, and not their pace
_MOST: Final = 200  # jobs that may be unfinished; what would be more is not dispatched
_FULL: Final = 0.05  # of the time: full load, to know how much that is
_FAILING: Final = 25  # one of so many jobs traps
_PATIENCE: Final = 0.2  # seconds that a patient job waits at each turn
_DAY: Final = 86_400


class Counts(ActorHooks):
    """How many jobs have begun and ended, and what is told of their ends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.dispatched = 0
        self.ended: dict[str, int] = {}

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        with self._changed:
            self.ended[status] = self.ended.get(status, 0) + 1
            self._changed.notify_all()

    def dispatch(self, how: Callable[[], object]) -> None:
        """Count a dispatch."""
        with self._changed:
            self.dispatched += 1
        how()

    @property
    def all_ended(self) -> int:
        """Jobs that have ended in any way."""
        return sum(self.ended.values())

    @property
    def unfinished(self) -> int:
        """Jobs that have been dispatched and have not ended."""
        return self.dispatched - self.all_ended

    def await_unfinished(self, most: int, stop: threading.Event) -> None:
        """Until no more than that are unfinished."""
        with self._changed:
            while self.unfinished > most and not stop.is_set():
                self._changed.wait(0.5)


class _Nothing(msgspec.Struct):
    pass


class Load:
    """Jobs on one runtime. ``shed`` counts those that were not dispatched, because too many were unfinished."""

    def __init__(self, runtime: Runtime, counts: Counts, extension: Path) -> None:
        self.runtime = runtime
        self.counts = counts
        self.shed = 0
        self.turns = 0
        self.full_rates: list[float] = []  # jobs a second at full load, each time that it was measured
        self._extension = extension
        self._numbers = itertools.count(1)
        self._patient: JobHandle | None = None
        self._failed: list[BaseException] = []

    def jobs(self, number: int) -> None:
        """So many jobs, a few at a time; returns when all have ended."""
        never = threading.Event()
        for _ in range(number):
            self._dispatch_next()
            self.counts.await_unfinished(_FEW, never)
        self.counts.await_unfinished(0 if self._patient is None else 1, never)

    @contextmanager
    def running(self, load: float, again: float, pause: float) -> Iterator[None]:
        """Have ``load`` of the jobs arrive that it can do, and something else happen every ``pause`` seconds.

        How many that are is measured every ``again`` seconds, as a machine is not always equally fast:
        a twentieth of the time is full load.

        Raises:
            BenchFailed: something went wrong meanwhile.
        """
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._guarded, args=(work, stop), name=f"soak {name}")
            for name, work in (
                ("arrivals", lambda: self._arrive(load, again, stop)),
                ("visits", lambda: self._visit(pause, stop)),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if self._failed:
            raise BenchFailed(f"the load broke: {self._failed[0]!r}") from self._failed[0]

    def check(self) -> None:
        """Raise `BenchFailed` if the load is broken."""
        if self._failed:
            raise BenchFailed(f"the load broke: {self._failed[0]!r}") from self._failed[0]

    def _guarded(self, work: Callable[[], None], stop: threading.Event) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # told by `running`, on the thread that waits
            self._failed.append(error)
            stop.set()

    def _dispatch_next(self) -> None:
        failing = not next(self._numbers) % _FAILING
        name, state = ("fails", None) if failing else ("mixture", {"left": STEPS})
        self.counts.dispatch(lambda: self.runtime.dispatch(f"{EXTENSION}:{name}", state))

    def _arrive(self, load: float, again: float, stop: threading.Event) -> None:
        while not stop.is_set():
            self.full_rates.append(self._rate(again * _FULL, stop))
            self._arrive_at(load * self.full_rates[-1], again * (1 - _FULL), stop)

    def _rate(self, seconds: float, stop: threading.Event) -> float:
        """Jobs that end in a second while `AT_ONCE` are kept unfinished, one at least."""
        began = time.monotonic()
        before = self.counts.all_ended
        while (time.monotonic() - began < seconds or self.counts.all_ended == before) and not stop.is_set():
            self._dispatch_next()
            self.counts.await_unfinished(AT_ONCE, stop)
        return (self.counts.all_ended - before) / (time.monotonic() - began)

    def _arrive_at(self, rate: float, seconds: float, stop: threading.Event) -> None:
        due = time.monotonic()
        end = due + seconds
        while due < end and not stop.wait(max(0.0, due - time.monotonic())):
            if self.counts.unfinished < _MOST:
                self._dispatch_next()
            else:
                self.shed += 1
            # What a slow moment left behind is made up for, but not more than a second of it.
            due = max(due + 1 / rate, time.monotonic() - 1)

    # --- now and then ------------------------------------------------------------------------------------------------

    def _visit(self, pause: float, stop: threading.Event) -> None:
        for visit in itertools.cycle(self.visits()):
            if stop.wait(pause):
                break
            visit()
            self.turns += 1
        if self._patient is not None:
            self._cancel()

    def visits(self) -> tuple[Callable[[], object], ...]:
        """What a host does now and then, in an order in which each finds what it needs."""
        return (
            self._start_patient, self._list, self._pause, self._reload,
            self._resume, self._read, self._install, self._cancel,
        )  # fmt: skip

    def _start_patient(self) -> None:
        self.counts.dispatch(self._dispatch_patient)

    def _dispatch_patient(self) -> None:
        self._patient = self.runtime.dispatch(f"{EXTENSION}:patient")

    def _pause(self) -> None:
        if self._patient is not None:
            self._patient.pause(TIMEOUT)
            # At its next look; only then can it be resumed.
            deadline = time.monotonic() + TIMEOUT
            while self._patient.status is not Status.PAUSED and time.monotonic() < deadline:
                time.sleep(_PATIENCE / 10)

    def _resume(self) -> None:
        if self._patient is not None:
            self._patient.resume(TIMEOUT)

    def _cancel(self) -> None:
        if self._patient is not None:
            self._patient.cancel(TIMEOUT)
            self._patient.wait(TIMEOUT)
            self._patient = None

    def _reload(self) -> None:
        self.runtime.reload(EXTENSION)

    def _install(self) -> None:
        self.runtime.install(self._extension, consent=grant_as_asked)
        self.runtime.reload(EXTENSION)

    def _list(self) -> None:
        page = self.runtime.jobs(limit=100)
        for state in page.jobs[:3]:
            list(self.runtime.history(state.job_id))
        self.runtime.inspect(EXTENSION)

    def _read(self) -> None:
        """Read the log's end, not all of it, and watch a job for a moment: readers that leave early."""
        store = self.runtime.store
        list(itertools.islice(store.read_all(after=max(0, store.position() - 1_000)), 500))
        if self._patient is not None:
            next(self._patient.watch())


@query("bench.gate", timeout=60)
def _gate(context: CallContext, request: _Nothing) -> _Nothing:
    """A gate that opens by itself."""
    time.sleep(_PATIENCE)
    return request


@contextmanager
def loaded(folder: Path, keep_seconds: float) -> Iterator[Load]:
    """A runtime as a host has one: with metrics, and with jobs folded ``keep_seconds`` after their end."""
    settings = RuntimeSettings(
        retention={"*": keep_seconds / _DAY}, retention_interval=max(1.0, keep_seconds / 2), seal_interval=60.0
    )
    counts = Counts()
    extension = write_extension(folder, EXTENSION, compiled(WORK))
    with PrometheusHooks() as prometheus:
        hooks = SeveralHooks((prometheus, counts))
        with Runtime.open(folder / "data", settings=settings, hooks=hooks) as runtime:
            runtime.operations.register(*touching_operations(), _gate)
            runtime.install(extension, consent=grant_as_asked)
            runtime.load(EXTENSION)
            load = Load(runtime, counts, extension)
            yield load
            load.counts.await_unfinished(0, threading.Event())
        wrong = set(counts.ended) - {Status.COMPLETED.value, Status.FAILED.value, Status.CANCELLED.value}
        if wrong or not counts.ended.get(Status.COMPLETED.value):
            raise BenchFailed(f"jobs ended as {counts.ended}")
