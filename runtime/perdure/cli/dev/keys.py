"""Keys as they are pressed, from a terminal; without a terminal there are none."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

_LOOK: Final = 0.2  # seconds between two looks at whether to end


def can_press(stdin: Any = None) -> bool:
    """Whether somebody can press keys: standard input is this process's own terminal."""
    stream = sys.stdin if stdin is None else stdin
    try:
        descriptor = stream.fileno()
        # In the background the terminal is somebody else's, and reading from it would stop the process.
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[None]:
    """Call ``pressed`` with each key, on a thread of its own, until the end; main thread only.

    Ctrl-C still interrupts. The terminal is put back at the end, also after a stop (Ctrl-Z) and going on.
    """
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    over = threading.Event()

    def take(_number: int = 0, _frame: FrameType | None = None) -> None:
        with contextlib.suppress(termios.error, OSError):
            tty.setcbreak(descriptor, termios.TCSANOW)

    thread = threading.Thread(target=_read, args=(descriptor, pressed, over), name="perdure-keys", daemon=True)
    continued = signal.signal(signal.SIGCONT, take)  # the shell has set the terminal as it likes it
    take()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGCONT, continued)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read(descriptor: int, pressed: Callable[[str], None], over: threading.Event) -> None:
    while not over.is_set():
        try:
            if not select.select([descriptor], [], [], _LOOK)[0]:
                continue
            data = os.read(descriptor, 64)
        except OSError:
            return  # the terminal is gone
        if not data:
            return
        # An arrow or the like comes as several characters after an escape: none of them is meant by itself.
        text = data.decode(errors="ignore")
        for key in "" if text.startswith("\x1b") else text:
            pressed(key)
