"""A job's way to the log: the part of the log writer's mailbox that belongs to one stream.

A chatty guest reports progress a hundred thousand times a second. A message each would wake the writer each time and
hand the GIL over twice; so buffered events are laid down here, and only the first of all lanes wakes the writer, which
then takes all there are (ADR 0003 has the measurement). A durable event that its owner waits for is committed by the
owner itself if nobody else commits (`perdure.actors.group_commit`); the answer to one that it does not wait for comes
to its mailbox as `Committed` or `CommitFailed`.

One thread posts (the owner's), one takes (whoever has the turn to commit); a deque needs no lock for that.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import pykka

from perdure.actors.clock import Clock
from perdure.actors.errors import LaneBroken, SystemStopped
from perdure.actors.mailbox import Address
from perdure.actors.messages import CommitFailed, Committed, LaneFlush, LaneReady, encode_message
from perdure.store.event_store import Effects
from perdure.store.events import Event
from perdure.store.failpoints import hit

_RECENT: Final = 8  # commits that the average of work is about


class Entry(msgspec.Struct, array_like=True):
    """One encoded event, and the event itself if it need not be decoded; ``token`` is 0 for a buffered one."""

    time: int
    body: bytes
    token: int
    effects: Effects | None = None
    event: Event | None = None


class Commits(Protocol):
    """What a lane knows of `perdure.actors.group_commit.GroupCommit`."""

    buffered: deque[str]
    lingering: bool

    def come(self, lane: Lane, now: float) -> None:
        """The lane has a durable event, and its owner will wait."""

    def leave(self, lane: Lane) -> None:
        """The lane's owner has no such event in the next moment."""

    def wake_next(self) -> None:
        """Wake one of those whose events are on disk."""


class Lane:
    """The lane of ``stream``; answers go to ``owner``.

    Attributes:
        pause: seconds between the last answer that the owner waited for and its next such event.
        work: seconds of a processor that it takes in between, as a moving average.
        company: how many lanes shared the commit of the last one.
        thread: see `perdure.actors.herd.Member`.
    """

    # Beyond this many events the poster waits for a commit: memory is bounded however slow the disk is.
    FULL = 16_384

    def __init__(
        self, stream: str, owner: pykka.ActorRef[Any], writer: Address, commits: Commits, clock: Clock
    ) -> None:
        self.stream = stream
        self._owner = owner
        self._writer = writer
        self._commits = commits
        self._monotonic = clock.monotonic
        self._now = clock.now
        self._worked = clock.worked
        self._entries: deque[Entry] = deque()
        self._announced = False
        self._tokens = 0
        self.pause = self.work = math.inf
        self.company = self.thread = 0
        self._work_before = -math.inf
        self._answered = -math.inf
        self._awaited: set[int] = set()  # the token of the event that the owner waits for in `commit`, until answered
        self._answer: Committed | CommitFailed | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self._broken: str | None = None

    # --- the owner's side --------------------------------------------------------------------------------------------

    def post(self, body: bytes, event: Event | None = None) -> None:
        """Lay down a buffered event; ``event`` is what ``body`` holds, from whoever encoded it.

        Raises:
            LaneBroken: the log refused an earlier event, or its writer died.
        """
        self._entries.append(Entry(self._now(), body, 0, None, event))
        # After the event was laid down, not before: the lane may break in between, and what is laid down in a broken
        # lane is not stored.
        if self._broken is not None:
            raise LaneBroken(self.stream, self._broken)
        if not self._announced:
            self._announced = True
            commits = self._commits
            commits.buffered.append(self.stream)
            if not commits.lingering:
                commits.lingering = True
                self._writer.tell(LaneReady(self.stream))

    @property
    def full(self) -> bool:
        """Whether the next event should be laid down with `commit`."""
        return len(self._entries) >= self.FULL

    def post_durable(self, body: bytes, effects: Effects | None = None) -> int:
        """Lay down a durable event, and what has to happen with it; returns the token that its answer carries.

        Raises:
            LaneBroken: see `post`.
        """
        token = self._lay_down(body, effects)
        self._commits.leave(self)
        self._writer.tell(LaneFlush(self.stream))
        hit("append.after_post")
        return token

    def commit(
        self, body: bytes, effects: Effects | None = None, event: Event | None = None
    ) -> Committed | CommitFailed:
        """Lay down a durable event, and what has to happen with it; returns when it is on disk or could not be stored.

        ``event`` is what ``body`` holds, from whoever encoded it.

        Raises:
            LaneBroken: see `post`.
            SystemStopped: nothing is written any more.
        """
        token = self._tokens + 1
        now = self._monotonic()
        self.pause = now - self._answered
        if self.company > 1:  # who is alone need not know
            work = self._worked() - self._work_before
            self.work = self.work + (work - self.work) / _RECENT if self.work < math.inf else work
        commits = self._commits
        self._awaited.add(token)
        try:
            self._lay_down(body, effects, event)
            hit("append.after_post")
            commits.come(self, now)
        except (LaneBroken, SystemStopped):
            self._awaited.discard(token)  # nobody sleeps here who could be woken, and wake the next
            raise
        self._asleep.acquire()
        commits.wake_next()
        self._answered = self._monotonic()
        if self.company > 1:
            self._work_before = self._worked()
        answer, self._answer = self._answer, None
        if answer is None:
            raise AssertionError("whoever wakes the owner has answered it")
        return answer

    def _lay_down(self, body: bytes, effects: Effects | None, event: Event | None = None) -> int:
        self._tokens += 1
        hit("append.before_post")
        self._entries.append(Entry(self._now(), body, self._tokens, effects, event))
        if self._broken is not None and self._entries:
            raise LaneBroken(self.stream, self._broken)  # as above; if it is gone, whoever broke the lane answers it
        self._announced = True
        return self._tokens

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

    def reply(self, answer: Committed | CommitFailed) -> Callable[[], None] | None:
        """Answer the owner. If it waits in `commit`, it has still to be woken by what is returned; None if it need not.

        One that is gone needs no answer.
        """
        with contextlib.suppress(KeyError):  # it waits for another one, or was answered when the lane broke
            self._awaited.remove(answer.token)
            self._answer = answer
            return self._asleep.release
        with contextlib.suppress(pykka.ActorDeadError):
            self._owner.tell(encode_message(answer))
        return None

    def break_off(self, reason: str) -> list[Entry]:
        """Close the lane for good; what was in it is returned and will never be stored."""
        self._broken = reason
        left: list[Entry] = []
        with contextlib.suppress(IndexError):
            while True:  # one by one: each is either here, or seen by its owner as not taken
                left.append(self._entries.popleft())
        return left

    @property
    def out_since(self) -> float | None:
        """When the last event that the owner waited for was answered; None while it waits for one."""
        return None if self._awaited or self._answer is not None else self._answered

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._entries)
