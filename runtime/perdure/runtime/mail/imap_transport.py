"""An IMAP connection over a socket that was checked, with a bound on the time and the bytes of every command.

imaplib reads what a server announces, however much that is, and waits for each line as long as the socket lets it. Here
a command has a deadline for all of it, and a server that sends more than a command can need is cut off.
"""

from __future__ import annotations

import imaplib
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_CHUNK: Final = 256 * 1024
_MAX_LINE: Final = 16 * 1024 * 1024  # a search of a million messages is one line
_BYTES: Final = 1024 * 1024  # what a command may be answered with, unless it says more


class BoundedImap(imaplib.IMAP4):
    """imaplib's client on a given socket. ``seconds`` and ``max_bytes`` of `begin` hold for what comes until the next.

    Nothing of what goes over it is logged, or kept: passwords do. ``too_large``: the server sent more than that.
    """

    def __init__(self, host: str, port: int, connected: socket.socket, seconds: float) -> None:
        self._connected = connected
        self._received = bytearray()
        self.too_large = False
        self.begin(seconds)
        super().__init__(host, port)

    def begin(self, seconds: float, max_bytes: int = _BYTES) -> None:
        """A new command: what it may take."""
        self._deadline = time.monotonic() + seconds
        self._left = max_bytes

    # --- what imaplib does with its connection -----------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """See imaplib; the connection is there already."""
        self.host, self.port = host, port
        self.sock = self._connected

    def read(self, size: int) -> bytes:
        """See imaplib."""
        if size > self._left + len(self._received):
            raise self._too_large()
        while len(self._received) < size:
            self._receive()
        return self._taken(size)

    def readline(self) -> bytes:
        """See imaplib."""
        looked = 0
        while (end := self._received.find(b"\n", looked)) < 0:
            looked = len(self._received)
            if looked > _MAX_LINE:
                raise self._too_large()
            self._receive()
        return self._taken(end + 1)

    def send(self, data: Buffer) -> None:
        """See imaplib."""
        self.sock.settimeout(self._seconds())
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise imaplib.IMAP4.abort("it does not read") from None

    def shutdown(self) -> None:
        """See imaplib. Idempotent."""
        self.sock.close()

    def _mesg(self, message: str, secs: float | None = None) -> None:
        """Nothing is logged."""

    def _log(self, line: str) -> None:
        """Nothing is kept, either."""

    # --- beyond imaplib ----------------------------------------------------------------------------------------------

    def start_tls(self, context: ssl.SSLContext) -> None:
        """STARTTLS (RFC 3501, 6.2.1): what the server said before is forgotten, its capabilities are asked for again.

        Raises:
            imaplib.IMAP4.error: the server does not speak TLS here, or sent something that nobody protected.
            OSError: the handshake failed.
        """
        if "STARTTLS" not in self.capabilities:
            raise imaplib.IMAP4.error("the server offers no STARTTLS")
        kind, _ = self._simple_command("STARTTLS")
        if kind != "OK":
            raise imaplib.IMAP4.error("the server refuses STARTTLS")
        if self._received:  # it would be read as if it had come over TLS
            raise imaplib.IMAP4.abort("the server sent something between STARTTLS and the handshake")
        self.sock.settimeout(self._seconds())
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
        self.untagged_responses.clear()
        self._get_capabilities()

    def log_in(self, username: str, password: str) -> None:
        """LOGIN, for servers that know no AUTHENTICATE PLAIN. Both are of printable ASCII.

        Raises:
            imaplib.IMAP4.error: the server refuses.
        """
        kind, _ = self._simple_command("LOGIN", self._quote(username), self._quote(password))
        if kind != "OK":
            raise imaplib.IMAP4.error("LOGIN refused")
        self.state = "AUTH"

    def readable_within(self, seconds: float) -> bool:
        """Whether there is something to read, now or within so long."""
        if self._received or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(poller.poll(max(0, seconds) * 1_000))

    def _too_large(self) -> imaplib.IMAP4.abort:
        self.too_large = True
        return imaplib.IMAP4.abort("the server sent more than was asked for")

    def _seconds(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise imaplib.IMAP4.abort("its answer takes too long")
        return left

    def _receive(self) -> None:
        self.sock.settimeout(self._seconds())
        try:
            data = self.sock.recv(_CHUNK)
        except TimeoutError:
            raise imaplib.IMAP4.abort("its answer takes too long") from None
        except OSError as error:
            raise imaplib.IMAP4.abort(f"the connection broke: {error.strerror or type(error).__name__}") from None
        if not data:
            raise imaplib.IMAP4.abort("the server closed the connection")
        self._left -= len(data)
        if self._left < 0:
            raise self._too_large()
        self._received += data

    def _taken(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data
