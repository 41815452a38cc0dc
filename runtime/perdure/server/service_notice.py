"""What a service manager is told: that the server is ready, that it stops, that it is alive.

The protocol of sd_notify(3): datagrams to the socket that systemd names in ``NOTIFY_SOCKET``; without one, nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping

_HALF = 2  # of the time within which a sign of life is due, as sd_watchdog_enabled(3) recommends


class ServiceNotice:
    """Tells the service manager.

    Args:
        environment: has ``NOTIFY_SOCKET``, and ``WATCHDOG_USEC`` where signs of life are wanted.
        monotonic: seconds.
    """

    def __init__(self, environment: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # Linux's abstract names
            self._address = "\0" + self._address[1:]
        self._monotonic = monotonic
        self._each = self._seconds(environment)
        self._due = monotonic()

    @staticmethod
    def _seconds(environment: Mapping[str, str]) -> float | None:
        """Between two signs of life; None where nobody waits for them from this process."""
        if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return None
        given = environment.get("WATCHDOG_USEC", "")
        return int(given) / 1_000_000 / _HALF if given.isascii() and given.isdigit() and int(given) else None

    def ready(self, status: str) -> None:
        """Clients are let in."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """No more of them."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """A sign of life, if one is due. Call it often, and only while the server serves."""
        now = self._monotonic()
        if self._each is not None and now >= self._due:
            self._due = now + self._each
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.sendto(text.encode(), self._address)
