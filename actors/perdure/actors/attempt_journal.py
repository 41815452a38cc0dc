"""What a running attempt states, on its way to the log."""

from __future__ import annotations

from typing import Final, NoReturn

from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.errors import LaneBroken, SystemStopped
from perdure.actors.guest import StopGuest
from perdure.actors.lane import Lane
from perdure.actors.messages import CommitFailed, Committed
from perdure.store.event_store import Effects
from perdure.store.events import (
    BytesCounted,
    CheckpointSaved,
    Event,
    GuestEvent,
    ItemsCounted,
    JobEvent,
    LogWritten,
    ProgressReported,
    WarningAdded,
    encode,
)

# What decoding gives is what the host made, for all values of their fields: whoever commits them need not decode them.
PLAIN: Final[frozenset[type[Event]]] = frozenset(
    {LogWritten, ProgressReported, CheckpointSaved, WarningAdded, ItemsCounted, BytesCounted}
)
STALLED: Final = 0.5  # seconds between tries while the store refuses commits


class AttemptJournal:
    """Lays events down in the attempt's lane, and waits for the disk where that is promised.

    Attributes:
        lost: why nothing more of this attempt can be recorded; None while it can.
        blame: whose fault that is, ``host`` or ``store``.
    """

    def __init__(self, lane: Lane, mail: AttemptMail) -> None:
        self.lost: str | None = None
        self.blame = "host"
        self._lane = lane
        self._mail = mail

    def lay_down(self, event: GuestEvent) -> None:
        """State a buffered event.

        Raises:
            StopGuest: the attempt is lost, or is to be stopped.
        """
        try:
            if self._lane.full:
                # No gap in the log, ever: the guest waits here until there is room for what it did.
                while not isinstance(self.commit(event), Committed):
                    self._mail.pause(STALLED)
            else:
                self._lane.post(encode(event), _plain(event))
        except (LaneBroken, SystemStopped) as error:
            self.lose(str(error))

    def commit(self, event: JobEvent, effects: Effects | None = None) -> Committed | CommitFailed:
        """State a durable event, with its effects, and wait until it is on disk or could not be stored.

        Raises:
            StopGuest: it was refused for more than its effects, so the attempt is lost.
        """
        try:
            answer = self._lane.commit(encode(event), effects, _plain(event))
        except (LaneBroken, SystemStopped) as error:
            self.lose(str(error))
        mail = self._mail
        if not mail.empty():
            mail.read()
        if isinstance(answer, CommitFailed) and answer.refused and not (answer.conflict or answer.unfit):
            self.lose(answer.reason)
        return answer

    def commit_soon(self, event: JobEvent) -> int:
        """Send an event of the attempt's own life to the disk; returns the token for `AttemptMail.committed`.

        Raises:
            LaneBroken, SystemStopped: nothing more can be recorded.
        """
        return self._lane.post_durable(encode(event))

    def lose(self, reason: str, blame: str = "host") -> NoReturn:
        """Nothing more of this attempt can be recorded.

        Raises:
            StopGuest: always.
        """
        self.lost, self.blame = reason, blame
        raise StopGuest from None


def _plain(event: JobEvent) -> JobEvent | None:
    return event if type(event) in PLAIN else None
