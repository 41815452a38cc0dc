"""A replay: a recorded call is taken from the job's events, and what the guest asks now is compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from bench.figure import BenchFailed
from bench.instructions.case import Case, Cases, Steps
from bench.log import JOB_STREAM, begin, progress
from perdure.actors.guest import GuestHost
from perdure.actors.replay.recorded_calls import RecordedCall, recorded_calls
from perdure.actors.replay.replay_host import ReplayHost
from perdure.store import MemoryEventStore
from perdure.store.events import Recorded

_RECORDED: Final = 4_000
_BEFORE: Final = 2  # events of the stream before the first call


def cases() -> Cases:
    """One."""
    yield Case(key="replay", title="replay one recorded call", repeats=300, packages=("msgspec",), prepare=_replaying)


class _Silent:
    """The `ReplayWatch` that says nothing."""

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        pass

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        raise BenchFailed("the recorded calls have ended")


def _no_answers(recorded: Recorded) -> NoReturn:
    raise BenchFailed("progress has no answer")


def _no_outcome(sequence: int) -> NoReturn:
    raise BenchFailed("there is no action")


@contextmanager
def _replaying(folder: Path) -> Iterator[Steps]:
    store = MemoryEventStore(lambda: 1_700_000_000_000_000)
    begin(store)
    events = [progress(number) for number in range(1, _RECORDED + 1)]
    store.append(JOB_STREAM, events)
    calls = recorded_calls(store.read(JOB_STREAM, after=_BEFORE), _no_outcome)
    host = ReplayHost(calls, _no_answers, _Silent(), exact=True)
    host.begin()

    def replay(count: int) -> None:
        for event in events[host.calls : host.calls + count]:
            host.report_progress(event.fuel, event.progress, event.message)
        if host.divergence is not None:
            raise BenchFailed(f"the replay diverged: {host.divergence}")

    yield replay
