"""A checkpoint: from the job's lane through its commit in a store in memory to the answer.

The job is alone, so it commits on its own thread (`perdure.actors.group_commit`): no change of threads is counted.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.figure import BenchFailed
from bench.instructions.case import Case, Cases, Steps
from bench.log import JOB_STREAM, begin
from perdure.actors.attempt_journal import AttemptJournal
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.clock import SystemClock
from perdure.actors.group_commit import GroupCommit
from perdure.actors.hooks import ActorHooks
from perdure.actors.lane import Lane
from perdure.actors.mailbox import Address
from perdure.actors.messages import Committed
from perdure.store import MemoryEventStore
from perdure.store.events import CheckpointSaved, Inline

_STATE: Final = b"s" * 100


def cases() -> Cases:
    """One."""
    yield Case(
        key="checkpoint",
        title="checkpoint, from lane to answer, store in memory",
        repeats=50,
        packages=("msgspec",),
        prepare=_saving,
    )


class _Owner:
    """Stands for the references of the job's actor and of the log writer, of which neither is told anything."""

    def tell(self, message: Any) -> None:
        raise BenchFailed("the job did not commit by itself")


@contextmanager
def _saving(folder: Path) -> Iterator[Steps]:
    store, clock, inbox = MemoryEventStore(), SystemClock(), queue.SimpleQueue[Any]()
    begin(store)
    lanes: dict[str, Lane] = {}
    owner: Any = _Owner()
    writer = Address("log")
    writer.set(owner)
    commits = GroupCommit(store, lanes, writer, ActorHooks(), clock)
    lane = lanes[JOB_STREAM] = Lane(JOB_STREAM, owner, writer, commits, clock)
    journal = AttemptJournal(lane, AttemptMail(inbox))

    def save(count: int) -> None:
        for number in range(count):
            answer = journal.commit(CheckpointSaved(number, number * 100, Inline(_STATE)))
            if not isinstance(answer, Committed):
                raise BenchFailed(f"a checkpoint was not saved: {answer}")

    yield save
