"""The jobs that come again at once, several to a commit: their threads are kept on one processor.

Of threads that do little between two commits only one runs at a time, because of the GIL. On several processors each
of them is woken on one that sleeps, finds the lock taken, and sleeps again until it is woken for the lock: 3.8 changes
of thread a checkpoint. On one processor it is 1.4, because whoever is woken waits in that processor's queue until the
one before sleeps (ADR 0028).

It is about threads that hardly compute. One whose guest does is let go: by itself when it comes next, or by `look`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from perdure.actors.affinity import Affinity

COMPANY: Final = 4  # jobs that share a commit: with fewer there is nothing to gain
LITTLE: Final = 0.000_025  # seconds of a processor between two commits, of one who joins
MUCH: Final = 0.000_04  # of one who leaves: two processors would do more
AWAY: Final = 0.02  # seconds since a commit after which a guest is taken to compute
LOOK: Final = 0.02  # seconds between two looks at those that are kept


class Member(Protocol):
    """What a herd wants to know of a job's lane.

    Attributes:
        thread: the native id of the owner's thread while that is kept, else 0. The herd's own.
        company: how many jobs shared the commit of its last event.
        work: seconds of a processor that its owner takes between two commits, of late.
        out_since: when its last event was answered, on the monotonic clock, in seconds; None while it waits for one.
    """

    thread: int
    company: int
    work: float

    @property
    def out_since(self) -> float | None:
        """See above."""


class Herd:
    """The members. Thread-safe.

    Args:
        affinity: how a thread is kept.
        begun: called when there is a first member, so that somebody calls `look`.
    """

    def __init__(self, affinity: Affinity, begun: Callable[[], None]) -> None:
        self._affinity = affinity
        self._begun = begun
        self._lock = threading.Lock()  # also while a thread is let go, so that it cannot end meanwhile
        self._members: dict[Member, None] = {}
        self._watched = False

    def came(self, member: Member, *, quick: bool) -> None:
        """The member has another event; called on its own thread. ``quick``: it was expected."""
        if not member.thread:
            if quick and member.work < LITTLE and member.company >= COMPANY:
                self._join(member)
        elif not quick or member.work > MUCH or member.company == 1:
            self.leave(member)

    def _join(self, member: Member) -> None:
        thread = threading.get_native_id()
        with self._lock:
            if not self._affinity.keep(thread):
                return
            member.thread = thread
            self._members[member] = None
            begins, self._watched = not self._watched, True
        if begins:
            self._begun()

    def leave(self, member: Member) -> None:
        """The member does something else, or ends; before its thread ends. Idempotent."""
        if member.thread:
            with self._lock:
                self._let_go(member)

    def _let_go(self, member: Member) -> None:
        if member in self._members:
            del self._members[member]
            self._affinity.release(member.thread)
            member.thread = 0

    def look(self, now: float) -> bool:
        """Let those go whose guests compute; returns whether there are others, and so whether to look again."""
        with self._lock:
            for member in list(self._members):
                since = member.out_since
                if since is not None and now - since > AWAY:
                    self._let_go(member)
            self._watched = bool(self._members)
            return self._watched

    def __len__(self) -> int:
        return len(self._members)
