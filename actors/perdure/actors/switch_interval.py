"""A short switch interval of the interpreter while something lasts.

A thread that wants the GIL asks whoever has it to give it up only after the switch interval, 5 ms
(`sys.setswitchinterval`). A commit gives it up and wants it back a dozen times, a host call once, so beside a busy
Python thread jobs are slow. The interval is the whole process's, so this is for embedders who ask for it (ADR 0027).
"""

from __future__ import annotations

import sys
import threading

# The interval is one for the process, whatever runtimes there are in it.
_changing = threading.Lock()
_lasting = 0
_before = 0.0
_short = 0.0


class ShortInterval:
    """A switch interval of ``seconds``, if that is not None and shorter than the present one.

    When all that began has ended the interval is what it was, unless somebody has set another one meanwhile. The first
    that begins decides. Thread-safe.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def begin(self) -> None:
        """Something begins for which it is to be short."""
        global _lasting, _before, _short  # noqa: PLW0603  # what is changed is the process's, too
        if self._seconds is None:
            return
        with _changing:
            if _lasting == 0:
                _before = sys.getswitchinterval()
                if self._seconds < _before:
                    sys.setswitchinterval(self._seconds)
                _short = sys.getswitchinterval()
            _lasting += 1

    def end(self) -> None:
        """Something of it ends; once for each `begin`."""
        global _lasting  # noqa: PLW0603  # as above
        if self._seconds is None:
            return
        with _changing:
            _lasting -= 1
            if _lasting == 0 and sys.getswitchinterval() == _short != _before:
                sys.setswitchinterval(_before)
