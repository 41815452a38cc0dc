"""SIGINT and SIGTERM end a runtime in an orderly way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def on_stop_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Call ``stop`` with the signal's name, once, on a thread of its own, for SIGINT or SIGTERM; main thread only.

    A second signal while the first is being carried out has the effect it would have had without this. A handler runs
    between two instructions of the main thread, which may hold any lock; hence the thread.
    """
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(number: int, _frame: FrameType | None) -> None:
        restore()
        threading.Thread(target=stop, args=(signal.Signals(number).name,), name="perdure-stop", daemon=True).start()

    for number in previous:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
