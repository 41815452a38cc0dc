"""Whether the log can be written to, as far as the last commit tells."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from perdure.actors.hooks import ActorHooks
from perdure.store.errors import DiskFull

_TRIED: Final = 256 << 10  # bytes; a commit of some hundred events


class LogHealth(ActorHooks):
    """Remembers how the last commit ended. One of the runtime's hooks."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._failed = ""
        self._full = False

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        """See `ActorHooks.committed`."""
        self._failed = ""

    def commit_failed(self, kind: str) -> None:
        """See `ActorHooks.commit_failed`."""
        if kind == DiskFull.__name__:
            self._full = True
        else:
            self._failed = kind

    @property
    def problem(self) -> str:
        """The class of the error that keeps the log from being written; empty for none.

        A full disk is tried: a small commit may still find room in the log's own file where others do not, and while
        clients stay away there may be none.
        """
        if self._full and self._has_room():
            self._full = False
        return DiskFull.__name__ if self._full else self._failed

    def _has_room(self) -> bool:
        try:
            with tempfile.TemporaryFile(dir=self._data) as file:
                file.write(bytes(_TRIED))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        return True
