"""The mail of a running attempt: read at each host call, and whenever the attempt waits for something."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, Final

from perdure.actors.guest import StopGuest
from perdure.actors.messages import (
    AnyMessage,
    CancelJob,
    CommitFailed,
    Committed,
    KillJob,
    MoveJob,
    OperationAdmitted,
    OperationDone,
    PauseJob,
    RoomDue,
    SuspendJob,
    decode_message,
)

STOPPED: Final = "stopped"  # what killed an attempt whose actor was told to stop by Pykka


class AttemptMail:
    """What has come for the attempt so far. For the attempt's own thread.

    Attributes:
        wanted: what the guest was asked to do, if anything.
        moving: where the job is to go on with another version of its module.
        killed: why the guest is to be stopped at once: ``grace``, ``timeout``, `STOPPED`; else None.
        operation: the last answer to an operation call.
        admitted: the last action that waits for its intent to be on disk.
        rung: the token of the last `RoomDue`.
        stops: Pykka's own stop messages, for whoever ends the actor.
        empty: says whether there is nothing to read; the inbox's own method, because each host call asks.
        asked_to_end: called when ``wanted`` or ``killed`` is set; ``held``: calls that have begun may end.

    Args:
        inbox: the actor's.
    """

    def __init__(self, inbox: Any) -> None:
        self.wanted: PauseJob | SuspendJob | CancelJob | None = None
        self.moving: MoveJob | None = None
        self.killed: str | None = None
        self.operation: OperationDone | None = None
        self.admitted: OperationAdmitted | None = None
        self.rung = 0
        self.stops: list[Any] = []
        self.empty: Callable[[], bool] = inbox.empty
        self.asked_to_end: Callable[[bool], None] = lambda held: None
        self._inbox = inbox
        self._answers: dict[int, Committed | CommitFailed] = {}

    def note(self, message: AnyMessage) -> None:
        """Take a message."""
        if isinstance(message, Committed | CommitFailed):
            self._answers[message.token] = message
        elif isinstance(message, OperationDone):
            self.operation = message
        elif isinstance(message, OperationAdmitted):
            self.admitted = message
        elif isinstance(message, RoomDue):
            self.rung = message.token
        elif isinstance(message, MoveJob):
            self.moving = message
        elif isinstance(message, PauseJob | SuspendJob | CancelJob):
            # A cancel stands whatever comes after it; a shutdown must not turn a person's pause into its own.
            if self.wanted is None or isinstance(message, CancelJob):
                self.wanted = message
            # Before a pause a call that has begun may end.
            self.asked_to_end(not isinstance(self.wanted, CancelJob))
        elif isinstance(message, KillJob):
            self.killed = self.killed or message.cause
            self.asked_to_end(False)

    def wait(self, timeout: float | None = None) -> None:
        """Take the next message, waiting for it at most ``timeout`` seconds."""
        try:
            envelope = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return
        if isinstance(envelope.message, bytes):
            self.note(decode_message(envelope.message))
        else:
            self.killed = self.killed or STOPPED
            self.stops.append(envelope)

    def read(self) -> None:
        """Take all messages that are there."""
        while not self.empty():
            self.wait()

    @property
    def restarting(self) -> bool:
        """Whether the guest is to be stopped at its next call, for a restart with another version."""
        return self.moving is not None and self.moving.restart

    def go_on(self) -> None:
        """Go on, if the guest is not to be stopped.

        Raises:
            StopGuest: it is.
        """
        if self.killed is not None:
            raise StopGuest

    def pause(self, seconds: float) -> None:
        """Let a moment pass; messages are taken in the meantime. Raises as `go_on`."""
        self.wait(seconds)
        self.go_on()

    def committed(self, token: int) -> Committed | CommitFailed:
        """Wait for the answer to the durable event with this token."""
        while (answer := self._answers.pop(token, None)) is None:
            self.wait()
        return answer
