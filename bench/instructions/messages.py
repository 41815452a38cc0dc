"""A message between actors: encoded by one, decoded by the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.instructions.case import Case, Cases, Steps
from bench.log import JOB_STREAM, progress
from perdure.actors.messages import Append, Committed, decode_message, encode_message
from perdure.store.events import encode


def cases() -> Cases:
    """A question and its answer."""
    yield Case(
        key="messages",
        title="a question and its answer, encoded and decoded",
        repeats=1_000,
        packages=("msgspec",),
        prepare=_messages,
    )


@contextmanager
def _messages(folder: Path) -> Iterator[Steps]:
    question = Append(JOB_STREAM, [encode(progress(1))], [1_700_000_000_000_000])
    answer = Committed(7, 42)

    def exchange(count: int) -> None:
        for _ in range(count):
            decode_message(encode_message(question))
            decode_message(encode_message(answer))

    yield exchange
