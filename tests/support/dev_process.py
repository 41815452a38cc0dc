"""`perdure dev` in a process of its own, as a person meets it at a terminal, or a program through a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import TIMEOUT

_LONGEST = 3 * TIMEOUT  # it starts compilers, beside all the other tests
_CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


class DevProcess:
    """What it writes on standard error, without control characters; ``raw`` is with them."""

    def __init__(self, child: subprocess.Popen[bytes], descriptor: int) -> None:
        self.child = child
        self._descriptor = descriptor
        self._pid = os.pidfd_open(child.pid)  # readable when the child has ended
        self.raw = b""
        self._at = 0  # what was waited for stands before this
        self.open = True

    @property
    def text(self) -> str:
        """All of it."""
        return _CONTROL.sub("", self.raw.decode(errors="replace")).replace("\r", "")

    def until(self, words: str, timeout: float = _LONGEST) -> str:
        """Read on until there is ``words``, behind what was waited for before; returns what stands before it."""
        deadline = time.monotonic() + timeout
        while (found := self.text.find(words, self._at)) < 0:
            assert self.open, f"it ended, and did not say {words!r}:\n{self.text}"
            assert self._read(deadline - time.monotonic()), f"not within {timeout} s: {words!r} in:\n{self.text}"
        before, self._at = self.text[self._at : found], found + len(words)
        return before

    def close(self) -> None:
        """End it if it has not ended."""
        self.child.kill()
        os.close(self._pid)

    def press(self, key: str) -> None:
        """Press a key; only with a terminal."""
        os.write(self._descriptor, key.encode())

    def kill(self) -> None:
        """As `kill -9` does."""
        self.child.kill()
        self.child.wait()

    def end(self, number: signal.Signals | None = None) -> int:
        """Wait for its end, after a signal if there is one; returns the exit code."""
        if number is not None:
            self.child.send_signal(number)
        deadline = time.monotonic() + _LONGEST
        while self.open:
            assert self._read(deadline - time.monotonic()), f"it goes on:\n{self.text}"
        return self.child.wait(TIMEOUT)

    def _read(self, seconds: float) -> bool:
        """Whether there was anything within the time: more text, or the end of it."""
        ready = select.select([self._descriptor, self._pid], [], [], max(0.0, seconds))[0]
        if not ready:
            return False
        # A terminal has no end: this process has it open, too. All that was written is there when the child has gone.
        data = os.read(self._descriptor, 65_536) if self._descriptor in ready else b""
        self.raw += data
        self.open = bool(data)
        return True


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "perdure.cli", "dev", *(str(word) for word in words)]


def _environment() -> dict[str, str]:
    dropped = ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "PERDURE_DATA")
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, "TERM": "xterm"}


@contextlib.contextmanager
def piped(folder: Path, *words: object) -> Iterator[DevProcess]:
    """Without a terminal; killed at the end if it has not ended."""
    with subprocess.Popen(
        _command(folder, *words),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None
        process = DevProcess(child, child.stdout.fileno())
        try:
            yield process
        finally:
            process.close()


@contextlib.contextmanager
def at_terminal(folder: Path, *words: object) -> Iterator[DevProcess]:
    """At a terminal of 100 columns, of which it is the foreground process."""
    host, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(terminal)
    try:
        with subprocess.Popen(
            # A session with this terminal as the controlling one: so it is in the foreground, and Ctrl-C works.
            [sys.executable, "-c", _LEADER, *_command(folder, *words)],
            env=_environment(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as child:
            process = DevProcess(child, host)
            try:
                yield process
                if child.poll() is not None:
                    assert termios.tcgetattr(terminal) == before, "the terminal was not put back"
            finally:
                process.close()
    finally:
        os.close(host)
        os.close(terminal)


_LEADER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
