"""What a guest logs outside of a job: lines of the program's own log."""

from __future__ import annotations

import logging
from typing import Final

_log = logging.getLogger("perdure.extension")
_LEVELS: Final = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_MAX_LINES: Final = 100  # of one instance
_MAX_CHARACTERS: Final = 2_000


class ProgramLog:
    """The lines of one instance of an extension; too many are dropped."""

    def __init__(self, extension: str) -> None:
        self._extension = extension
        self._lines = 0

    def write(self, level: int, message: str) -> None:
        """Write a line; level 0 debug, 1 info, 2 warn, 3 error."""
        self._lines += 1
        if self._lines > _MAX_LINES:
            return
        if self._lines == _MAX_LINES:
            message = f"{message} (further lines are dropped)"
        # Escaped: a guest could otherwise forge lines, or send commands to the terminal that shows them.
        shown = message[:_MAX_CHARACTERS].encode("unicode_escape").decode("ascii")
        _log.log(_LEVELS[level], "%s: %s", self._extension, shown)
