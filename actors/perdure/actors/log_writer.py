"""The actor that writes the log: what others ask it to append, what is only buffered, what came during a commit.

`perdure.actors.group_commit` is the commit itself. This actor waits for messages and for the time: events that are only
buffered are written with the next commit, or `LINGER` after the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from perdure.actors.clock import Clock
from perdure.actors.group_commit import Asked, GroupCommit
from perdure.actors.herd import LOOK
from perdure.actors.mailbox import DEFERRED, MailboxActor
from perdure.actors.messages import AnyMessage, Append, JobsKept, LaneFlush, LaneReady, LanesWait
from perdure.store.event_store import AppendRequest

LINGER: Final = 0.015  # seconds a buffered event waits at most for company; the promise is 20 ms
RETRY: Final = 0.25  # seconds until buffered events are tried again after a failed commit
MOST: Final = 512  # messages taken into one commit at the most


class LogWriter(MailboxActor):
    """Writes what nobody writes for himself.

    Args:
        commits: they outlive it; the next log writer goes on with them.
        streams: those that have a lane.
    """

    def __init__(
        self, commits: GroupCommit, streams: Callable[[], list[str]], clock: Clock, died: Callable[[str], None]
    ) -> None:
        super().__init__("log", died)
        self._commits = commits
        self._streams = streams
        self._clock = clock
        self._asked: list[Asked] = []
        self._due: float | None = None  # when what is buffered is to be written
        self._since = 0.0  # since when those wait
        self._watch: float | None = None  # when to look after those who wait for others to come
        self._look = clock.monotonic() if len(commits.herd) else None  # when to look at those that are kept together
        self._urgent = False
        self._taken = 0

    def on_message(self, message: AnyMessage) -> object:
        """Note what is to be written; write when the mailbox is empty or the time has come."""
        answer: object = None
        if isinstance(message, LaneFlush):
            self._commits.ready.append(message.stream)
            self._urgent = True
        elif isinstance(message, LaneReady):
            self._commits.buffered.append(message.stream)
            if self._due is None:
                self._due = self._clock.monotonic() + LINGER
        elif isinstance(message, LanesWait):
            self._keep_watch()
        elif isinstance(message, JobsKept):
            self._look = self._clock.monotonic() + LOOK
        elif isinstance(message, Append):
            request = AppendRequest(message.stream, message.bodies, message.times, message.expected, message.effects)
            self._asked.append((request, self.defer()))
            self._urgent = True
            answer = DEFERRED
        else:
            raise TypeError(f"the log writer got {type(message).__name__}")
        self._taken += 1
        if self._urgent:
            if self._taken >= MOST or self.actor_inbox.empty():
                self._write()
        elif self._due is not None and self._clock.monotonic() >= self._due:
            self._write()
        return answer

    def wakeup(self) -> float | None:
        """Until buffered events are due, or somebody has waited long enough, or may compute."""
        nearest = self._nearest()
        return nearest - self._clock.monotonic() if nearest is not None else None

    def _nearest(self) -> float | None:
        return min((time for time in (self._due, self._watch, self._look) if time is not None), default=None)

    def on_wakeup(self) -> None:
        """The nearest of these times has come."""
        nearest = self._nearest()
        if nearest is None or nearest == self._due:
            self._write()
        elif nearest == self._watch:
            self._look_after()
        else:
            now = self._clock.monotonic()
            self._look = now + LOOK if self._commits.herd.look(now) else None

    def _keep_watch(self) -> None:
        self._commits.watched = True
        self._since = self._commits.since
        self._watch = self._since + self._commits.patience

    def _look_after(self) -> None:
        """Write for those who have waited long enough."""
        self._watch = None
        self._commits.watched = False  # before the look: whoever comes after it, says so
        if not self._commits.ready:
            return
        if self._commits.since == self._since:
            self._commits.expected.clear()  # they do something else; nobody waits for them again
            self._write()
        else:
            self._keep_watch()  # those who waited then were answered; these came later

    def _write(self, *, last: bool = False) -> None:
        asked, self._asked = self._asked, []
        self._urgent, self._due, self._taken = False, None, 0
        commits = self._commits
        if commits.defect is not None:
            defect, commits.defect = commits.defect, None
            raise defect
        commits.lingering = False  # whoever lays something down from now on, says so
        stored = commits.write(asked, last=last)
        while stored and commits.ready and not commits.expected:  # what came while the turn was taken
            stored = commits.write()
        if not stored and commits.buffered:
            self._due = self._clock.monotonic() + RETRY
        if commits.ready and self._watch is None:
            self._keep_watch()

    def on_stop(self) -> None:
        """Write what is left."""
        self._commits.ready.extend(self._streams())
        self._write(last=True)
