"""What people see of ``perdure dev``: lines, and on a terminal a bar, what is being built, and the keys below them."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from perdure.cli.dev.activity import Line
from perdure.cli.output import Output
from perdure.cli.progress import Bars, LineDisplay, Meters
from perdure.cli.terminal_text import duration, percent, printable
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

KEYS: Final = "r restart · p pause · c cancel · q quit · ? help"
HELP: Final = (
    ("r", "begin the job anew, with its first state"),
    ("p", "pause the job, and let it go on"),
    ("c", "cancel the job"),
    ("q", "quit; the job goes on with the next 'perdure dev' (Ctrl-C does the same)"),
)
_STYLES: Final = {"dim": "dim", "info": "", "warn": "yellow", "error": "bold red"}
_WORD: Final = 8  # columns
_STILL: Final = 5.0  # seconds between two lines that say that something still goes on


class Stage(msgspec.Struct, frozen=True):
    """What goes on beside the job, since when (seconds of the screen's clock)."""

    name: str
    since: float


class Screen(Protocol):
    """Shows how it goes on; a context manager."""

    def update(self, job: JobState | None, stage: Stage | None) -> None:
        """This is the job, if there is one that has not ended; this is done beside it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def screen_for(output: Output, *, json: bool, keys: bool, clock: Callable[[], float] = time.monotonic) -> Screen:
    """The screen that suits where the output goes; ``keys``: somebody can press some."""
    if output.live and not json:
        return TerminalScreen(output, clock, keys=keys)
    return LineScreen(output, clock, progress=not json)


def show_line(output: Output, line: Line) -> None:
    """A line of the job's."""
    style = _STYLES[line.level]
    output.note(Text.assemble((f"  {line.word:<{_WORD}} ", style or "cyan"), (printable(line.text), style)))


class LineScreen:
    """Plain lines, one for each thing that happens."""

    def __init__(self, output: Output, clock: Callable[[], float], *, progress: bool) -> None:
        self._output = output
        self._clock = clock
        self._bars = LineDisplay(output, clock) if progress else None
        self._said: tuple[Stage, float] | None = None

    def update(self, job: JobState | None, stage: Stage | None) -> None:
        """See `Screen.update`."""
        self._show_stage(stage)
        if job is not None and self._bars is not None:
            self._bars.update([job], 0)

    def _show_stage(self, stage: Stage | None) -> None:
        now = self._clock()
        if stage is None:
            self._said = None
        elif self._said is None or self._said[0] != stage:
            self._said = (stage, now)
            self._output.say(f"{stage.name} …")
        elif now - self._said[1] >= _STILL:
            self._said = (stage, now)
            self._output.say(f"{stage.name} … {duration(now - stage.since)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class TerminalScreen:
    """A bar for the job, and a line below it."""

    def __init__(self, output: Output, clock: Callable[[], float], *, keys: bool) -> None:
        self._output = output
        self._clock = clock
        self._keys = keys
        self._meters = Meters(clock)
        self._live = Live(
            console=output.notes, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def update(self, job: JobState | None, stage: Stage | None) -> None:
        """See `Screen.update`."""
        parts: list[RenderableType] = []
        if job is not None:
            parts.append(Bars([(job, self._meters.pace(job))], 0))
            if (where := _last_checkpoint(job)) is not None:
                parts.append(where)
        if stage is not None:
            parts.append(Text(f"{stage.name} … {duration(self._clock() - stage.since)}", "cyan"))
        if self._keys:
            parts.append(Text(KEYS, "dim", no_wrap=True, overflow="ellipsis"))
        self._live.update(Group(*parts), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        # A process that is killed cannot bring the cursor back, and this one is there to be killed.
        self._output.notes.show_cursor(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Text(""))
        self._live.stop()


def _last_checkpoint(job: JobState) -> Text | None:
    """How much would be lost if everything ended now."""
    point = job.checkpoint
    if point is None or job.status is not Status.RUNNING:
        return None
    age = max(0.0, time.time() - point.time / 1_000_000)
    return Text(f"  on disk: {percent(point.progress)}, {duration(age)} ago", style="dim", no_wrap=True)
