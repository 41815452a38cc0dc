"""The turns of an attempt that is led by the log, see `perdure.actors.replay.gate`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import pykka

from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.messages import PauseJob, SuspendJob, TurnDue, encode_message
from perdure.actors.replay.gate import ReplayGate, Turn

_COMPUTES: Final = 0.0002  # seconds between two calls of a guest that leaves the interpreter to others in between
_TURN_DUE: Final = encode_message(TurnDue())


class AttemptTurn:
    """For the attempt's own thread, which takes its mail while it waits.

    Args:
        gate: where the turns are given.
        mail: the attempt's.
        owner: the attempt's actor, which is told when a turn has come.
        after: how many calls the run had made before those that the guest is led through.
    """

    def __init__(self, gate: ReplayGate, mail: AttemptMail, owner: pykka.ActorRef[Any], after: int) -> None:
        self._gate = gate
        self._mail = mail
        self._owner = owner
        self._turn: Turn | None = None
        self._call = after  # the last one that was answered before this turn

    @property
    def called_off(self) -> bool:
        """Whether a guest that has not begun need not begin: it would be led a long way only to be stopped there.

        A cancel is no reason: the guest may want to clean up.
        """
        return self._mail.killed is not None or isinstance(self._mail.wanted, PauseJob | SuspendJob)

    def take(self, is_due: Callable[[], bool]) -> bool:
        """Wait for the first turn; False if the attempt need not begin any more.

        That is so when somebody wants the job to stop, and when ``is_due`` says no, which is asked now and then.
        """
        self._turn = turn = self._gate.enter(self._wake)
        self._mail.read()
        while not turn.admitted:
            if self._mail.killed is not None or self._mail.wanted is not None or not is_due():
                return False
            self._wait(turn)
        return True

    def take_again(self) -> None:
        """Wait for another turn, or until the attempt is `called_off`."""
        self._turn = turn = self._gate.enter(self._wake)
        self._mail.read()
        while not turn.admitted and not self.called_off:
            self._wait(turn)

    def give_back(self) -> None:
        """It needs no turn any more; idempotent."""
        if self._turn is not None:
            self._gate.leave(self._turn)
            self._turn = None

    def check(self, call: int) -> None:
        """At host call ``call`` of the run: if the turn is over, wait for another one.

        Raises:
            StopGuest: the attempt was killed meanwhile.
        """
        turn = self._turn
        if turn is None or not turn.over:
            return
        self._turn = None
        if self._gate.lasts(turn) > (call - self._call) * _COMPUTES:
            return  # the interpreter has not much of it
        self._call = call
        self._turn = turn = self._gate.enter(self._wake)
        while not turn.admitted:
            self._wait(turn)
            self._mail.go_on()

    def _wait(self, turn: Turn) -> None:
        self._mail.wait(self._gate.patience(turn))
        if not turn.admitted:
            self._gate.press()

    def _wake(self) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            self._owner.tell(_TURN_DUE)
