"""Bars, lines and the pace they show; the clock is the test's."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.support.job_events import dispatched, failure, job_id, started

from perdure.cli.output import Output
from perdure.cli.pace import PaceMeter
from perdure.cli.progress import BarDisplay, LineDisplay, NoDisplay, display_for
from perdure.cli.terminal_text import time_left
from perdure.store import JobState, Status, fold


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def job(number: int = 1, **fields: Any) -> JobState:
    state = fold(None, [(dispatched(job_id(number)), 1, 1), (started(), 2, 2)])
    return msgspec.structs.replace(state, **fields)


class Screen:
    """A terminal of some size that keeps what is shown."""

    def __init__(self, width: int = 100, height: int = 24) -> None:
        self.output = Output()
        self._file = io.StringIO()
        self.output.notes = Console(
            file=self._file, width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False
        )

    def take(self) -> str:
        """What was written since the last time."""
        text = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return text


# --- pace ------------------------------------------------------------------------------------------------------------


def test_pace() -> None:
    meter = PaceMeter()
    first = meter.update(job(progress=0.0, items=0), 0.0)
    assert (first.items, first.left) == (None, None)
    pace = meter.update(job(progress=0.25, items=500, bytes=1_000), 5.0)
    assert (pace.items, pace.bytes, pace.left) == (100, 200, 15)


def test_pace_looks_back_ten_seconds() -> None:
    meter = PaceMeter()
    meter.update(job(items=1, progress=0.1), 0.0)
    for second in range(1, 101):  # it slows down to a tenth
        pace = meter.update(job(items=1_000 + second, progress=0.2), float(second))
    assert pace.items == pytest.approx(1, rel=0.2)
    assert pace.left is None


def test_pace_begins_anew_with_each_attempt() -> None:
    meter = PaceMeter()
    meter.update(job(items=900, progress=0.9), 0.0)
    assert meter.update(job(items=500, progress=0.5, attempts=2), 5.0).items is None
    assert meter.update(job(items=600, progress=0.6, attempts=2), 6.0).items == 100


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1), st.integers(-(2**62), 2**62)), max_size=20))
def test_pace_takes_whatever_a_guest_counts(steps: list[tuple[float, float, int]]) -> None:
    meter, now = PaceMeter(), 0.0
    for seconds, progress, items in steps:
        now += seconds
        pace = meter.update(job(progress=progress, items=items), now)
        assert pace.items is None or pace.items >= 0
        assert pace.left is None or time_left(pace.left)


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_line_each_tenth_or_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with LineDisplay(Output(), clock) as display:

        def lines(**fields: Any) -> int:
            display.update([job(**fields)], 0)
            return len(capsys.readouterr().err.splitlines())

        assert lines(progress=0.0) == 1
        assert lines(progress=0.05) == 0
        assert lines(progress=0.1) == 1
        clock.now += 4
        assert lines(progress=0.12) == 0
        clock.now += 1
        assert lines(progress=0.12) == 1
        assert lines(progress=0.12, status=Status.BACKOFF, error=failure()) == 1
        assert lines(progress=0.0, status=Status.QUEUED) == 0


def test_what_a_line_says(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with LineDisplay(Output(), clock) as display:
        display.update([job()], 0)
        clock.now += 5
        capsys.readouterr()
        display.update([job(progress=0.5, items=1_000, warnings=1, message="half\x07")], 0)
    assert capsys.readouterr().err == (
        f"test-extension:counter {job_id(1)}: running, 50 %, 1,000 items, 200/s, 5 s left, 1 warning: half\ufffd\n"
    )


# --- bars ------------------------------------------------------------------------------------------------------------


def test_a_bar() -> None:
    screen, clock = Screen(), Clock()
    with BarDisplay(screen.output, clock) as display:
        display.update([job()], 0)
        clock.now += 5
        screen.take()
        display.update([job(progress=0.5, items=1_000, warnings=1, checkpoints=3, message="half [bold]way\x1b[2J")], 0)
        shown = screen.take()
    assert "\x1b[2J" not in shown
    bar, remarks = shown.replace("\x1b", "").splitlines()[-2:]
    assert "━" in bar
    for text in ("test-extension:counter", "50 %", "1,000 items", "200/s", "5 s left"):
        assert text in bar
    assert "  half [bold]way\ufffd[2J · 1 warning · 3 checkpoints" in remarks


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 300])
def test_bars_fit_the_screen(width: int) -> None:
    screen, clock = Screen(width, 10), Clock()
    with BarDisplay(screen.output, clock) as display:
        states = [job(number, items=10**15, message="m" * 500, progress=0.5) for number in range(1, 41)]
        display.update(states, 60)
        lines = screen.take().replace("\x1b[?25l", "").splitlines()
    assert len(lines) <= 10
    assert all(len(line) <= width for line in lines)


def test_of_many_jobs_those_that_run_are_shown_first() -> None:
    screen = Screen(120, 10)
    with BarDisplay(screen.output, Clock()) as display:
        waiting = [job(number, status=Status.QUEUED) for number in range(1, 41)]
        display.update([*waiting, job(99, progress=0.5)], 7)
        shown = screen.take()
    lines = shown.splitlines()
    assert "━" in lines[0]
    assert "queued" in lines[1]
    assert lines[-1].endswith("… and 33 more jobs, 7 of 48 jobs ended")


def test_bars_with_nothing_left() -> None:
    screen = Screen()
    with BarDisplay(screen.output, Clock()) as display:
        display.update([], 3)


def test_a_job_that_waits_for_its_next_try() -> None:
    screen = Screen(160)
    with BarDisplay(screen.output, Clock()) as display:
        display.update([job(status=Status.BACKOFF, error=failure())], 0)
        shown = screen.take()
    assert "backoff" in shown
    assert "to be tried again after guest_failed: the guest returned 2" in shown


def test_the_display_that_suits() -> None:
    output = Output()
    assert isinstance(display_for(output, json=True), NoDisplay)
    assert isinstance(display_for(output, json=False), LineDisplay)  # a test has no terminal
