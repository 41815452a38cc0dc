"""What people see while jobs run: bars on a terminal, a line now and then elsewhere, nothing with ``--json``."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from perdure.cli.event_text import error_text
from perdure.cli.output import Output
from perdure.cli.pace import Pace, PaceMeter
from perdure.cli.status_styles import STYLES
from perdure.cli.terminal_text import counted, percent, printable, size, time_left
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

LINE_SECONDS: Final = 5.0  # without a terminal: a line at least this often …
LINE_STEP: Final = 0.1  # … and whenever this much more is done
_WITH_MESSAGES: Final = 5  # with more bars than this, what the guests say is left out
_LEAST: Final = (0, 5, 12, 9, 13)  # columns of a bar's texts, so that it does not move while the numbers grow


class Display(Protocol):
    """Shows how jobs go on; a context manager."""

    def update(self, states: list[JobState], ended: int) -> None:
        """This is how the jobs are that have not ended; ``ended`` have."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display_for(output: Output, *, json: bool, clock: Callable[[], float] = time.monotonic) -> Display:
    """The display that suits where the output goes."""
    if json:
        return NoDisplay()
    return BarDisplay(output, clock) if output.live else LineDisplay(output, clock)


class NoDisplay:
    """Shows nothing."""

    def update(self, states: list[JobState], ended: int) -> None:
        """See `Display.update`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Meters:
    """The pace of each of several jobs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._meters: dict[UUID, PaceMeter] = {}

    def pace(self, state: JobState) -> Pace:
        """Note where the job is; returns its pace."""
        return self._meters.setdefault(state.job_id, PaceMeter()).update(state, self.clock())


class LineDisplay:
    """A plain line for a job every so often."""

    def __init__(self, output: Output, clock: Callable[[], float]) -> None:
        self._output = output
        self._meters = Meters(clock)
        self._said: dict[UUID, tuple[float, float, Status]] = {}  # when, how far, what it was

    def update(self, states: list[JobState], ended: int) -> None:
        """See `Display.update`."""
        for state in states:
            pace, now = self._meters.pace(state), self._meters.clock()
            when, far, status = self._said.get(state.job_id, (now - LINE_SECONDS, 0.0, state.status))
            due = now - when >= LINE_SECONDS or abs(state.progress - far) >= LINE_STEP or status is not state.status
            if due and state.status is not Status.QUEUED:
                self._said[state.job_id] = (now, state.progress, state.status)
                self._output.note(f"{state.job_type} {state.job_id}: {progress_text(state, pace)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class BarDisplay:
    """A bar for each running job, which is gone when the job has ended."""

    def __init__(self, output: Output, clock: Callable[[], float]) -> None:
        self._meters = Meters(clock)
        # Drawn by `update` alone: a thread that draws would compete with the jobs for the interpreter.
        self._live = Live(
            console=output.notes,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def update(self, states: list[JobState], ended: int) -> None:
        """See `Display.update`."""
        rows = [(state, self._meters.pace(state)) for state in states]
        self._live.update(Bars(rows, ended), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Text(""))
        self._live.stop()


class Bars:
    """As many bars as the screen has lines for; those that run come first."""

    def __init__(self, rows: list[tuple[JobState, Pace]], ended: int) -> None:
        self._ended = ended
        self._rows = sorted(rows, key=lambda row: row[0].status is not Status.RUNNING)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        messages = len(self._rows) <= _WITH_MESSAGES
        room = max(1, (options.size.height - 2) // (2 if messages else 1))
        shown, hidden = self._rows[:room], self._rows[room:]
        several = len(self._rows) + self._ended > 1
        lines = [_cells(state, pace, with_id=several) for state, pace in shown]
        widths = [
            max((least, *(cell.cell_len for cell in column))) for least, *column in zip(_LEAST, *lines, strict=True)
        ]
        bar = max(8, min(40, options.max_width - sum(widths) - 2 * len(widths)))
        for (state, _), cells in zip(shown, lines, strict=True):
            yield _line(state, cells, widths, bar)
            if messages:
                yield Text(f"  {_remarks(state)}", style="dim", no_wrap=True, overflow="ellipsis")
        footer = [f"… and {counted(len(hidden), 'more job')}"] if hidden else []
        footer += [f"{self._ended} of {counted(len(self._rows) + self._ended, 'job')} ended"] if self._ended else []
        if footer:
            yield Text(", ".join(footer), style="dim")


def _line(state: JobState, cells: tuple[Text, ...], widths: list[int], bar: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=widths[0])
    grid.add_column(width=bar)
    for width in widths[1:]:
        grid.add_column(no_wrap=True, min_width=width, justify="right")
    running = state.status is Status.RUNNING
    middle = (
        ProgressBar(total=1.0, completed=state.progress, width=bar)
        if running
        else Text(str(state.status), STYLES[state.status])
    )
    grid.add_row(cells[0], middle, *cells[1:])
    return grid


def _cells(state: JobState, pace: Pace, *, with_id: bool) -> tuple[Text, ...]:
    left = time_left(pace.left) if pace.left is not None and state.status is Status.RUNNING else ""
    return (
        # Ids of one minute begin alike; their ends differ.
        Text.assemble(printable(state.job_type), (f" …{str(state.job_id)[-4:]}" if with_id else "", "dim")),
        Text(percent(state.progress), "bold"),
        Text(_done(state)),
        Text(_rate(pace)),
        Text(left, "cyan"),
    )


def _done(state: JobState) -> str:
    if state.items or not state.bytes:
        return counted(state.items, "item")
    return size(state.bytes)


def _rate(pace: Pace) -> str:
    if pace.items is not None:
        return f"{pace.items:,.0f}/s"
    return f"{size(pace.bytes)}/s" if pace.bytes is not None else ""


def _remarks(state: JobState) -> str:
    parts = [printable(state.message)] if state.message else []
    if state.status is Status.BACKOFF and state.error is not None:
        parts.append(f"to be tried again after {error_text(state.error)}")
    parts.append(counted(state.warnings, "warning"))
    parts.append(counted(state.checkpoints, "checkpoint"))
    return " · ".join(parts)


def progress_text(state: JobState, pace: Pace) -> str:
    """Where a job is, as a plain line."""
    parts = [str(state.status), percent(state.progress), _done(state)]
    if (rate := _rate(pace)) and state.status is Status.RUNNING:
        parts.append(rate)
    if pace.left is not None and state.status is Status.RUNNING:
        parts.append(time_left(pace.left))
    parts.append(counted(state.warnings, "warning"))
    text = ", ".join(parts)
    if state.status is Status.BACKOFF and state.error is not None:
        return f"{text}, to be tried again after {error_text(state.error)}"
    return f"{text}: {printable(state.message)}" if state.message else text
