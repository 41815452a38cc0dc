"""On which processors threads may run: `sched_setaffinity(2)` of Linux, and nothing elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final, Protocol

_PROCESSOR: Final = 36  # of what stands behind the name in a thread's `stat`: field 39 of proc_pid_stat(5)


class Affinity(Protocol):
    """Keeps threads on one processor, the same for all. Threads are named by their native ids."""

    def keep(self, thread: int) -> bool:
        """Let a thread of this process run on that processor only; False if that cannot be."""

    def release(self, thread: int) -> None:
        """Let a thread that is kept run where it could before."""


class NoAffinity:
    """Threads run where they like."""

    def keep(self, thread: int) -> bool:
        """See `Affinity.keep`."""
        return False

    def release(self, thread: int) -> None:
        """See `Affinity.release`."""


class LinuxAffinity:
    """The processor is the one that the first thread runs on when it is kept. Not thread-safe."""

    def __init__(self) -> None:
        self._before: dict[int, set[int]] = {}
        self._processor = -1

    def keep(self, thread: int) -> bool:
        """See `Affinity.keep`."""
        try:
            allowed = os.sched_getaffinity(thread)
            if not self._before:
                here = processor_of(thread)
                self._processor = here if here in allowed else min(allowed)
            if self._processor not in allowed:
                return False  # the program has put it elsewhere
            os.sched_setaffinity(thread, {self._processor})
        except OSError:
            return False
        self._before[thread] = allowed
        return True

    def release(self, thread: int) -> None:
        """See `Affinity.release`."""
        before = self._before.pop(thread, None)
        if before is not None:
            try:
                os.sched_setaffinity(thread, before)
            except OSError:  # none of them is there any more: where the process may run
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(thread, os.sched_getaffinity(os.getpid()))


def processor_of(thread: int) -> int:
    """The processor that a thread of this process runs on, or ran on last.

    Raises:
        OSError: there is no such thread, or no ``/proc``.
    """
    stat = Path(f"/proc/self/task/{thread}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[_PROCESSOR])


def affinity_here() -> Affinity:
    """What this machine can do: nothing where there is one processor, or where threads need not take turns."""
    takes_turns = getattr(sys, "_is_gil_enabled", lambda: True)()
    if sys.platform == "linux" and takes_turns and len(os.sched_getaffinity(0)) > 1:
        return LinuxAffinity()
    return NoAffinity()
