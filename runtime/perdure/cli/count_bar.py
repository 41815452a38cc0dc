"""How far a command is that does one thing to many: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from perdure.cli.output import Output

LINE_SECONDS: Final = 5.0  # without a terminal: a line at least this often


class CountBar:
    """A context manager; it shows nothing if it is ``quiet``.

    Args:
        output: where it is shown, on standard error.
        doing: what is done: ``rehearsing``.
        done: the same in the past.
        unit: what is counted, in the plural.
    """

    def __init__(
        self,
        output: Output,
        doing: str,
        done: str,
        unit: str,
        *,
        quiet: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._words = done, unit
        self._quiet = quiet
        self._clock = clock
        self._said = clock()
        self._progress: Progress | None = None
        if output.live and not quiet:
            columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
            self._progress = Progress(
                *columns, TimeRemainingColumn(), console=output.notes, transient=True, auto_refresh=False
            )
            self._task = self._progress.add_task("", total=None)

    def update(self, count: int, total: int) -> None:
        """So many are done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=count, total=total)
            self._progress.refresh()
        elif not self._quiet and self._clock() - self._said >= LINE_SECONDS:
            self._said = self._clock()
            done, unit = self._words
            self._output.note(f"{count:,} of {total:,} {unit} {done}")

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
