"""A stream that rich draws on."""

from __future__ import annotations

from typing import IO, Final

from rich.console import Console

from perdure.cli.errors import OutputClosed

_UNCUT: Final = 100_000  # columns of what is no terminal: lines are for programs there, and are never cut


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise OutputClosed


def console_on(stream: IO[str]) -> Console:
    """It writes to ``stream``, just what it is given."""
    width = None if stream.isatty() else _UNCUT
    return _Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
