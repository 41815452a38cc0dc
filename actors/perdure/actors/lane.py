"""A job's way to the log: the part of the log writer's mailbox that belongs to one stream.

A chatty guest reports progress a hundred thousand times a second. A message each would wake the writer each time and
hand the GIL over twice; so buffered events are laid down here, and only the first after a commit wakes the writer,
which then takes all there are (ADR 0003 has the measurement). A durable event wakes it at once; its answer comes to the
owner's mailbox as `Committed` or `CommitFailed`.

One thread posts (the owner's), one takes (the writer's); a deque needs no lock for that.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

import msgspec
import pykka

from perdure.actors.clock import Clock
from perdure.actors.errors import LaneBroken
from perdure.actors.mailbox import Address
from perdure.actors.messages import LaneFlush, LaneReady, Message, encode_message
from perdure.store.event_store import Effects
from perdure.store.failpoints import hit


class Entry(msgspec.Struct, array_like=True):
    """One encoded event; ``token`` is 0 for a buffered one."""

    time: int
    body: bytes
    token: int
    effects: Effects | None = None


class Lane:
    """The lane of ``stream``; answers go to ``owner``."""

    # Beyond this many events the poster waits for a commit: memory is bounded however slow the disk is.
    FULL = 16_384

    def __init__(self, stream: str, owner: pykka.ActorRef[Any], writer: Address, clock: Clock) -> None:
        self.stream = stream
        self._owner = owner
        self._writer = writer
        self._now = clock.now
        self._entries: deque[Entry] = deque()
        self._announced = False
        self._tokens = 0
        self._broken: str | None = None

    # --- the owner's side --------------------------------------------------------------------------------------------

    def post(self, body: bytes) -> None:
        """Lay down a buffered event.

        Raises:
            LaneBroken: the log refused an earlier event, or its writer died.
        """
        self._entries.append(Entry(self._now(), body, 0))
        self._check()
        if not self._announced:
            self._announced = True
            self._writer.tell(LaneReady(self.stream))

    @property
    def full(self) -> bool:
        """Whether the next event should be posted with `post_durable` and waited for."""
        return len(self._entries) >= self.FULL

    def post_durable(self, body: bytes, effects: Effects | None = None) -> int:
        """Lay down a durable event, and what has to happen with it; returns the token that its answer carries.

        Raises:
            LaneBroken: see `post`.
        """
        self._tokens += 1
        hit("append.before_post")
        self._entries.append(Entry(self._now(), body, self._tokens, effects))
        self._check()
        self._announced = True
        self._writer.tell(LaneFlush(self.stream))
        hit("append.after_post")
        return self._tokens

    def _check(self) -> None:
        # After the event was laid down, not before: the lane may break in between, and what is laid down in a broken
        # lane is neither stored nor answered.
        if self._broken is not None:
            raise LaneBroken(self.stream, self._broken)

    # --- the writer's side -------------------------------------------------------------------------------------------

    def take(self) -> list[Entry]:
        """What waits, oldest first; it stays in the lane until `done` or `failed`."""
        # First the flag, then the look: an event laid down in between is either seen here or announces itself.
        self._announced = False
        return list(self._entries) if self._broken is None else []

    def done(self, entries: list[Entry]) -> None:
        """These entries are on disk, or will never be."""
        if self._broken is None:
            popleft = self._entries.popleft
            for _ in entries:
                popleft()

    def failed(self, entries: list[Entry]) -> list[Entry]:
        """These entries could not be stored now. Durable ones leave the lane and are returned; buffered ones stay."""
        popleft = self._entries.popleft
        taken = [popleft() for _ in entries]
        self._entries.extendleft(reversed([entry for entry in taken if not entry.token]))
        return [entry for entry in taken if entry.token]

    def reply(self, message: Message) -> None:
        """Answer the owner; one that is gone needs no answer."""
        with contextlib.suppress(pykka.ActorDeadError):
            self._owner.tell(encode_message(message))

    def break_off(self, reason: str) -> list[Entry]:
        """Close the lane for good; what was in it is returned and will never be stored."""
        self._broken = reason
        left = list(self._entries)
        self._entries.clear()
        return left

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._entries)
