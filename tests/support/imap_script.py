"""An IMAP server on loopback that says what a test wants it to say: for servers that are broken, or bad."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Reply = Callable[["Conversation", bytes], None]


class Conversation:
    """One connection; ``lines`` are the commands that came, without their tags."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connection = connection
        self.over = over
        self.lines: list[bytes] = []
        self.tag = b""
        self.file = connection.makefile("rb")

    def say(self, *lines: bytes) -> None:
        """Lines as they are."""
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def okay(self, *lines: bytes) -> None:
        """Lines, and the command's good end."""
        self.say(*lines, self.tag + b" OK done")

    def okay_and(self, more: bytes) -> None:
        """The command's good end, and something behind it in the same packet."""
        self.connection.sendall(self.tag + b" OK done\r\n" + more)

    def read(self) -> bytes:
        return self.file.readline()

    def hang(self) -> None:
        """Until the test is over."""
        self.over.wait(60)

    def flood(self, data: bytes) -> None:
        """The same for ever, or until nobody listens any more."""
        while not self.over.is_set():
            self.connection.sendall(data)


class ImapScript:
    """``replies`` by command; what is not there is answered with OK, as a server with an empty INBOX would."""

    def __init__(self, greeting: bytes = b"* OK ready", capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN") -> None:
        self.greeting = greeting
        self.capabilities = capabilities
        self.replies: dict[bytes, Reply] = {}
        self.conversations: list[Conversation] = []
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, name="imap-script")]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._over.is_set():
                connection.close()
                return
            conversation = Conversation(connection, self._over)
            self.conversations.append(conversation)
            thread = threading.Thread(target=self._talk, args=(conversation,), name="imap-script")
            self._threads.append(thread)
            thread.start()

    def _talk(self, conversation: Conversation) -> None:
        with contextlib.suppress(OSError), conversation.connection, conversation.file:
            if self.greeting:
                conversation.say(self.greeting)
            else:
                conversation.hang()
            while line := conversation.read():
                conversation.tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
                conversation.lines.append(rest)
                word = rest.split(b" ")[0].upper()
                word = b" ".join(rest.upper().split(b" ")[:2]) if word == b"UID" else word
                self.replies.get(word, self._usual)(conversation, rest)

    def _usual(self, conversation: Conversation, line: bytes) -> None:
        word = line.split(b" ")[0].upper()
        if word == b"CAPABILITY":
            conversation.okay(b"* CAPABILITY " + self.capabilities)
        elif word == b"AUTHENTICATE":
            conversation.say(b"+ ")
            conversation.lines.append(conversation.read().rstrip())
            conversation.okay()
        elif word in (b"SELECT", b"EXAMINE"):
            conversation.okay(b"* 1 EXISTS", b"* OK [UIDVALIDITY 7] ok", b"* OK [UIDNEXT 2] ok", b"* FLAGS (\\Seen)")
        elif line.upper().startswith(b"UID SEARCH"):
            conversation.okay(b"* SEARCH 1")
        else:
            conversation.okay()

    def close(self) -> None:
        self._over.set()
        for conversation in self.conversations:
            with contextlib.suppress(OSError):
                conversation.connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def imap_script(greeting: bytes = b"* OK ready", capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN") -> Iterator[ImapScript]:
    """A server until the end of the block."""
    server = ImapScript(greeting, capabilities)
    try:
        yield server
    finally:
        server.close()
