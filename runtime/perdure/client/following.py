"""Following a stream of events over connections that break: a server that is started again is the same server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from perdure.api.errors import ServerUnreachable
from perdure.api.watching import HEARTBEAT

SILENCE: Final = 3 * HEARTBEAT  # seconds without a byte after which nobody is taken to be there
SLACK: Final = 0.5  # seconds; what a timeout may be late by
PATIENCE: Final = 60.0  # seconds that a server may be away, as long as it may take to start
_FIRST, _LONGEST = 0.05, 1.0  # seconds between tries


class Following:
    """Says how long to listen, and what to do when a connection has ended.

    Args:
        address: the server's, for errors.
        clock: seconds, that only go forward.
        timeout: seconds until whoever asked gives up; None: never.
        patience: seconds for which a server may be away.
        what: what is waited for, for the error.
    """

    def __init__(
        self,
        address: str,
        clock: Callable[[], float],
        *,
        timeout: float | None = None,
        patience: float = PATIENCE,
        what: str = "it",
    ) -> None:
        self._address, self._clock, self._timeout, self._patience, self._what = address, clock, timeout, patience, what
        self._deadline = None if timeout is None else clock() + timeout
        self._pause = _FIRST
        self._away_since: float | None = None

    def check(self) -> None:
        """Make sure that there is time left.

        Raises:
            TimeoutError: there is none.
        """
        if self._deadline is not None and self._clock() >= self._deadline:
            raise TimeoutError(f"{self._what} has not ended within {self._timeout} s")

    @property
    def silence(self) -> float:
        """How many seconds to listen to one connection without hearing anything."""
        return SILENCE if self._deadline is None else max(0.001, min(SILENCE, self._deadline - self._clock()))

    def heard(self) -> None:
        """The server said something."""
        self._pause, self._away_since = _FIRST, None

    def broken(self, reason: str) -> float:
        """A connection has ended, or did not come about; returns how many seconds to wait before the next try.

        Raises:
            TimeoutError: there is no time left.
            ServerUnreachable: the server has been away for too long.
        """
        self.check()
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since >= self._patience:
            raise ServerUnreachable(self._address, reason)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST)
        return pause if self._deadline is None else max(0.0, min(pause, self._deadline - now))
