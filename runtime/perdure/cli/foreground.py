"""Jobs in the foreground: a process that works on the folder until they have ended or somebody stops it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from uuid import UUID

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY, Invocation
from perdure.runtime import on_stop_signals
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.actors.hooks import ActorHooks
    from perdure.cli.any_runtime import AnyRuntime
    from perdure.client.client import Client
    from perdure.runtime import Runtime

# A commit gives the interpreter lock up for its sync and gets it back at the next switch of threads. With a busy guest
# beside it, durable commits fell from 4,084/s to 156/s at Python's 5 ms, and reached 2,483/s at this. The process is
# ours, so it is ours to choose.
SWITCH_INTERVAL: Final = 0.000_05  # seconds
LOCKS_REFRESH: Final = 1.0  # seconds between two questions to a server whether jobs wait for a passphrase
SERVER_ENDED: Final = "the server has ended, and with it the attempts of its jobs; 'perdure resume' lets them go on"
REFRESH: Final = 0.1  # seconds between two looks at the jobs, and at whether somebody wants to stop

MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        min=0,
        max=65_535,
        help="Serve Prometheus metrics on this port of 127.0.0.1; 0 takes a free one and prints it.",
    ),
]


_Look: TypeAlias = tuple[list[JobState], Mapping[UUID, str]]


class Foreground(ABC):
    """A runtime, and a person who may stop waiting for what it does.

    Attributes:
        runtime: where the jobs run.
        served: whether that is a server, whose jobs go on without this process.
    """

    runtime: AnyRuntime
    served: bool

    def __init__(self, invocation: Invocation, stop: threading.Event) -> None:
        self.invocation = invocation
        self._stop = stop

    def follow(self, job_ids: Sequence[UUID]) -> None:
        """Show how jobs go on until each has ended or waits for a person (or a passphrase), or somebody stops us.

        Raises:
            CommandError: the server that runs them has ended.
        """
        from perdure.cli.progress import display_for  # noqa: PLC0415  # bars take a while to load

        left = dict.fromkeys(job_ids)
        looks = self._looks(left)
        with display_for(self.invocation.output, json=self.invocation.json) as display, contextlib.closing(looks):
            for states, locked in looks:
                for state in states:
                    if state.finished or state.status in (Status.PAUSED, Status.ATTENTION) or state.job_id in locked:
                        del left[state.job_id]
                display.update([state for state in states if state.job_id in left], len(job_ids) - len(left))

    @abstractmethod
    def _looks(self, left: Mapping[UUID, None]) -> Generator[_Look]:
        """The jobs that are left, each time that one may have moved, and those that wait for a passphrase."""

    def runs(self, state: JobState) -> bool:
        """Whether the job runs, or will by itself: then it is only waited for."""
        return self.served and state.status in (Status.QUEUED, Status.RUNNING, Status.BACKOFF)

    def go_on(self, state: JobState) -> None:
        """Let a job go on that a process before this one left unfinished; one that waits for a person stays so."""
        if state.status is Status.BACKOFF:
            self.runtime.retry(state.job_id)
        elif state.status in (Status.RUNNING, Status.SUSPENDED) and not self.runs(state):
            self.runtime.resume(state.job_id)


class OwnForeground(Foreground):
    """The folder is this process' own, and the jobs run here."""

    served = False

    def __init__(self, invocation: Invocation, runtime: Runtime, stop: threading.Event) -> None:
        super().__init__(invocation, stop)
        self.runtime: Runtime = runtime

    def _looks(self, left: Mapping[UUID, None]) -> Generator[_Look]:
        while left and not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                # The first one's end ends the wait; that of another is seen a moment later.
                self.runtime.wait(next(iter(left)), REFRESH)
            yield [self.runtime.job(job_id).state for job_id in left], self.runtime.waiting_for_unlock()


class ServedForeground(Foreground):
    """A server has the folder and runs the jobs; what becomes of them is in the log."""

    served = True

    def __init__(self, invocation: Invocation, runtime: Client, stop: threading.Event) -> None:
        super().__init__(invocation, stop)
        self.runtime: Client = runtime

    def _looks(self, left: Mapping[UUID, None]) -> Generator[_Look]:
        asked, locked = -LOCKS_REFRESH, dict[UUID, str]()
        moved = False
        with self.invocation.read() as store:
            while left and not self._stop.is_set():
                # Asked only when nothing moves, because asking takes the lock for a moment, and before the log is
                # read, so that nothing which the server did is missed.
                held = moved or self.invocation.holder() is not None
                position = store.position()
                if held and time.monotonic() - asked >= LOCKS_REFRESH:
                    asked, locked = time.monotonic(), self.runtime.waiting_for_unlock()
                yield [store.job(job_id) for job_id in left], locked
                if left and not held:
                    raise CommandError(SERVER_ENDED, ExitCode.NO_SERVER)
                moved = store.wait(position, REFRESH) > position


class Stopped:
    """Which signal stopped the process, if one did."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.name: str | None = None

    def note(self, name: str) -> None:
        """A signal has come."""
        self.name = name
        self.event.set()

    @property
    def code(self) -> ExitCode | None:
        """The exit code that says so."""
        if self.name is None:
            return None
        return ExitCode.INTERRUPTED if self.name == signal.SIGINT.name else ExitCode.TERMINATED


@contextlib.contextmanager
def foreground(
    invocation: Invocation, stopped: Stopped, metrics_port: int | None = None, *, busy: str = BUSY
) -> Iterator[Foreground]:
    """Where jobs run and are waited for: on the server that works on the folder, else in this process.

    Raises:
        CommandError: another process works on the folder that takes no commands, or the port is in use.
        StoreError: the folder cannot be opened.
    """
    if not invocation.is_served:
        with own_foreground(invocation, stopped, metrics_port, busy=busy) as front:
            yield front
        return
    if metrics_port is not None:
        invocation.output.say("the server runs the jobs and has metrics of its own: --metrics-port is not used")
    with invocation.client() as client, on_stop_signals(stopped.note):
        yield ServedForeground(invocation, client, stopped.event)


@contextlib.contextmanager
def own_foreground(
    invocation: Invocation,
    stopped: Stopped,
    metrics_port: int | None = None,
    *,
    busy: str = BUSY,
    hooks: ActorHooks | None = None,
) -> Iterator[OwnForeground]:
    """Open the folder for jobs to run in this process; at the end those that have not ended are suspended.

    Raises:
        CommandError: another process works on the folder, or the port is in use.
        StoreError: the folder cannot be opened.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        with (
            _metrics(invocation, metrics_port) as counted,
            invocation.own_runtime(hooks or counted, busy=busy) as runtime,
        ):
            with on_stop_signals(stopped.note):
                yield OwnForeground(invocation, runtime, stopped.event)
            if stopped.name is not None:
                grace = runtime.settings.shutdown_grace
                invocation.output.say(f"{stopped.name}: stopping at the next check, within {grace:g} s")
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _metrics(invocation: Invocation, port: int | None) -> Iterator[ActorHooks | None]:
    if port is None:
        yield None
        return
    from perdure.cli.metrics_endpoint import Metrics  # noqa: PLC0415  # most commands need no Prometheus client

    metrics = Metrics()
    with metrics.serve(port) as address:
        invocation.output.say(f"metrics at {address}")
        yield metrics.hooks


def code_for(states: Sequence[JobState]) -> ExitCode:
    """The exit code for jobs that were waited for; the worst of them counts."""
    found = {state.status for state in states}
    if Status.FAILED in found:
        return ExitCode.JOB_FAILED
    if Status.CANCELLED in found:
        return ExitCode.JOB_CANCELLED
    return ExitCode.DONE if found <= {Status.COMPLETED} else ExitCode.JOB_WAITS
