"""A short switch interval of the interpreter while something lasts.

A thread that wants the GIL asks whoever has it to give it up only after the switch interval, 5 ms
(`sys.setswitchinterval`). A commit gives it up and wants it back a dozen times, so beside a busy Python thread it takes
long. The interval is the whole process's, so this is for embedders who ask for it (ADR 0027).
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType

# The interval is one for the process, whatever runtimes there are in it.
_changing = threading.Lock()
_inside = 0
_before = 0.0
_shortest = 0.0


class ShortInterval:
    """A context with a switch interval of ``seconds``, if that is not None and shorter than the present one.

    At its end the interval is what it was, unless somebody else has set another one meanwhile. Thread-safe; contexts of
    several threads may overlap.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        global _inside, _before, _shortest  # noqa: PLW0603  # what is changed is the process's, too
        if self._seconds is None:
            return
        with _changing:
            if _inside == 0:
                _before = sys.getswitchinterval()
                if self._seconds < _before:
                    sys.setswitchinterval(self._seconds)
                _shortest = sys.getswitchinterval()
            _inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _inside  # noqa: PLW0603  # as above
        if self._seconds is None:
            return
        with _changing:
            _inside -= 1
            if _inside == 0 and sys.getswitchinterval() == _shortest != _before:
                sys.setswitchinterval(_before)
