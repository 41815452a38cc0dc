"""What a command itself ends with."""

from __future__ import annotations

from perdure.cli.exit_codes import ExitCode


class CommandError(Exception):
    """What a command itself has found; ``code`` is the exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        self.code = code
        super().__init__(message)


class OutputClosed(Exception):
    """Whoever read the output went away: nothing more can be said."""
