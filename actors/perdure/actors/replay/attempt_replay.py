"""An attempt that takes up a run: the guest is led by the log to where it was broken off, then served as any other."""

from __future__ import annotations

from collections.abc import Callable

from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.guest import GuestHost
from perdure.actors.job_host import JobHost
from perdure.actors.replay.attempt_turn import AttemptTurn
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.store.events import CheckpointSaved


class AttemptReplay:
    """The `ReplayWatch` of a running attempt.

    Args:
        host: who serves the guest when the log has ended.
        mail: the attempt's; a kill is obeyed at each call.
        turn: the attempt's, which is given back when the log has ended.
        go_live: told, with the number of calls answered and the fuel consumed, that from here on the guest's work is
            new; raises `StopGuest` if there is no fuel for it.
    """

    def __init__(
        self, host: JobHost, mail: AttemptMail, turn: AttemptTurn, go_live: Callable[[int, int], None]
    ) -> None:
        self._host = host
        self._mail = mail
        self._turn = turn
        self._go_live = go_live

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        """See `ReplayWatch.replayed`."""
        mail = self._mail
        if not mail.empty():
            mail.read()
        mail.go_on()
        self._turn.check(call)
        if recorded is None:
            return
        asked = recorded.asked
        if asked is not None and not recorded.code and asked.method.startswith("action:"):
            self._host.operations.repeated(asked)
        elif isinstance(recorded.event, CheckpointSaved):
            self._host.operations.effects.saved(recorded.sequence)

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        """See `ReplayWatch.live`."""
        self._turn.give_back()
        self._host.calls = calls
        self._go_live(calls, fuel)
        if open_call is not None and open_call.intended:
            self._host.operations.begun = open_call.call
        return self._host
