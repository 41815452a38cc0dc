"""The two streams of a command: results go to standard output, everything else to standard error.

With ``--json`` standard output is JSON and nothing else. Without a terminal there are no control characters, no colours
and no cut lines.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

import msgspec

from perdure.cli.errors import OutputClosed
from perdure.cli.terminal_text import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text


class Output:
    """Where a command writes. What draws is loaded when something is drawn: programs want JSON, and not to wait."""

    @functools.cached_property
    def results(self) -> Console:
        """Standard output, for people."""
        return _console(sys.stdout)

    @functools.cached_property
    def notes(self) -> Console:
        """Standard error."""
        return _console(sys.stderr)

    @property
    def live(self) -> bool:
        """Whether bars can be drawn: standard error is a terminal that can move its cursor."""
        return sys.stderr.isatty() and not self.notes.is_dumb_terminal

    def show(self, *renderables: RenderableType) -> None:
        """Print results: tables, or text as it is."""
        from rich.text import Text  # noqa: PLC0415

        for renderable in renderables:
            if self.results.is_terminal:
                self.results.print(renderable, soft_wrap=isinstance(renderable, str | Text))
            elif isinstance(renderable, str | Text):
                self.line(str(renderable))  # a history has many lines, and rich takes its time over each
            else:
                self._show_plain(renderable)

    def _show_plain(self, renderable: RenderableType) -> None:
        """The columns of a table without the blanks that fill its last one."""
        with self.results.capture() as captured:
            self.results.print(renderable)
        for line in captured.get().splitlines():
            self.line(line.rstrip())

    def json(self, value: Any) -> None:
        """One JSON document on a line of its own: the result, or one line of a stream."""
        self.line(msgspec.json.encode(value).decode())

    def line(self, text: str) -> None:
        """One line, as it is, at once: whoever reads a stream gets each line when it happens."""
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputClosed from None

    def note(self, text: str | Text) -> None:
        """A line on standard error; above the bars, if there are any."""
        self.notes.print(text, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line of the command itself on standard error: ``perdure: …``."""
        from rich.text import Text  # noqa: PLC0415

        self.note(Text.assemble(("perdure: ", "bold"), printable(text)))

    def error(self, text: str) -> None:
        """The line that an error ends the command with."""
        from rich.text import Text  # noqa: PLC0415

        self.note(Text.assemble(("perdure: ", "bold red"), printable(text)))

    def flush(self) -> None:
        """Write what is left.

        Raises:
            OutputClosed: nobody reads it.
        """
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputClosed from None

    def forget_results(self) -> None:
        """Nobody reads standard output any more; let Python's last flush not complain about it."""
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, sys.stdout.fileno())
            os.close(sink)

    @contextlib.contextmanager
    def logging(self, tracebacks: Callable[[], bool]) -> Iterator[None]:
        """What the runtime logs goes to standard error, a line each, its tracebacks only when ``tracebacks()``."""
        handler = _NotesHandler(self, tracebacks)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)


class _NotesHandler(logging.Handler):
    def __init__(self, output: Output, tracebacks: Callable[[], bool]) -> None:
        super().__init__(logging.WARNING)
        self._output = output
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        # Called on the runtime's threads too, which must not end because nobody reads what they say.
        with contextlib.suppress(OutputClosed, OSError, ValueError):
            self._output.say(f"{record.levelname.lower()}: {record.getMessage()}")
            if record.exc_info and self._tracebacks():
                import traceback  # noqa: PLC0415  # for nobody but who asked with --debug

                self._output.note("".join(traceback.format_exception(*record.exc_info)).rstrip())


def _console(stream: IO[str]) -> Console:
    from perdure.cli.console import console_on  # noqa: PLC0415

    return console_on(stream)
