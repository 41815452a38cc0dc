"""A checkpoint: from the job's lane through the log writer and a store in memory to the answer in the job's mail.

Two threads do that in a runtime. Here one does: what the lane tells the writer is handed to it at once, so that neither
a wait nor a change of threads is counted.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pykka._envelope import Envelope

from bench.figure import BenchFailed
from bench.instructions.case import Case, Cases, Steps
from bench.log import JOB_STREAM, begin
from perdure.actors.attempt_journal import AttemptJournal
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.clock import SystemClock
from perdure.actors.hooks import ActorHooks
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LogWriter
from perdure.actors.mailbox import Address
from perdure.actors.messages import Committed, Message, decode_message, encode_message
from perdure.store import MemoryEventStore
from perdure.store.events import CheckpointSaved, Inline

_STATE: Final = b"s" * 100


def cases() -> Cases:
    """One."""
    yield Case(
        key="checkpoint",
        title="checkpoint, from lane to answer, store in memory",
        repeats=50,
        packages=("msgspec", "pykka"),
        prepare=_saving,
    )


class _WriterHere(Address):
    """The log writer's address, on the same thread."""

    def __init__(self) -> None:
        super().__init__("log")
        self.writer: LogWriter | None = None

    def tell(self, message: Message) -> bool:
        if self.writer is None:
            raise BenchFailed("a message came before its writer")
        self.writer.on_message(decode_message(encode_message(message)))
        return True


class _Owner:
    """The reference of the job's actor: what it is told lies in its inbox."""

    def __init__(self, inbox: queue.SimpleQueue[Any]) -> None:
        self._inbox = inbox

    def tell(self, message: Any) -> None:
        self._inbox.put(Envelope(message))


@contextmanager
def _saving(folder: Path) -> Iterator[Steps]:
    store, clock, inbox = MemoryEventStore(), SystemClock(), queue.SimpleQueue[Any]()
    begin(store)
    lanes: dict[str, Lane] = {}
    address = _WriterHere()
    address.writer = LogWriter(store, lanes, ActorHooks(), clock, lambda reason: None)
    owner: Any = _Owner(inbox)
    lane = lanes[JOB_STREAM] = Lane(JOB_STREAM, owner, address, clock)
    journal = AttemptJournal(lane, AttemptMail(inbox))

    def save(count: int) -> None:
        for number in range(count):
            answer = journal.commit(CheckpointSaved(number, number * 100, Inline(_STATE)))
            if not isinstance(answer, Committed):
                raise BenchFailed(f"a checkpoint was not saved: {answer}")

    yield save
