"""What a job does, as lines for the person who writes it. Pure: events in, lines out; the time is an argument.

What the bar shows (progress, counters, checkpoints) makes no lines. A job may log a million lines: those beyond `RATE`
are counted, not shown. An operation is named once for each of its outcomes, and counted at the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from perdure.cli.event_text import error_text, summary
from perdure.cli.terminal_text import counted, percent, shortened
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    BudgetReached,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    DoubtResolved,
    Event,
    Inline,
    InterruptAnswered,
    ItemsCounted,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobInDoubt,
    JobKeyed,
    JobLinked,
    JobMoved,
    JobPaused,
    JobPauseRequested,
    JobRecovered,
    JobResumed,
    JobRunEnded,
    JobStarted,
    JobSuspended,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    Recorded,
    RetryScheduled,
    WarningAdded,
)

RATE: Final = 50.0  # lines a second …
BURST: Final = 200.0  # … after so many at once
_LONGEST: Final = 2_000  # characters of a line
_ERROR: Final = 200  # characters of an operation's error
_LEVELS: Final = ("debug", "info", "warn", "error")
_DENIED: Final = "permission_denied"
_IN_THE_BAR: Final = frozenset({ProgressReported, ItemsCounted, BytesCounted, CheckpointSaved, InterruptAnswered})
# The loop says what it does itself.
_SAID: Final = frozenset(
    {
        JobDispatched,
        JobStarted,
        JobCompleted,
        JobCancelRequested,
        JobPauseRequested,
        JobKeyed,
        JobLinked,
        ActionIntended,
    }
)
_QUIET: Final = _IN_THE_BAR | _SAID | {JobFailed, JobCancelled, JobRunEnded, JobResumed, JobSuspended}
_WORDS: Final[dict[type[Event], str]] = {
    JobPaused: "paused",
    JobInDoubt: "in doubt",
    DoubtResolved: "resolved",
    CheckpointRefused: "refused",
    BudgetReached: "budget",
    ActionReused: "reused",
}


class Line(msgspec.Struct, frozen=True):
    """``word`` says what it is; ``level`` how bad: ``dim``, ``info``, ``warn`` or ``error``."""

    word: str
    text: str
    level: str = "info"


class Activity:
    """The lines of one job.

    Args:
        allow: for the name of an operation, what to do so that it is allowed.
    """

    def __init__(self, allow: Callable[[str], str]) -> None:
        self._allow = allow
        self._calls: Counter[tuple[str, str]] = Counter()  # by method and code
        self._room = BURST
        self._at: float | None = None
        self._left_out = 0
        self._progress = 0.0
        self._from = ""  # where the job would go on, if a checkpoint was seen

    def lines(self, event: Event, now: float) -> Iterator[Line]:
        """What is to be shown of an event at ``now`` (seconds)."""
        if isinstance(event, ProgressReported):
            self._progress = event.progress
        elif isinstance(event, CheckpointSaved):
            self._from = f", from its checkpoint at {percent(self._progress)}"
        line = self._line(event)
        if line is None:
            return
        if self._at is not None:
            self._room = min(BURST, self._room + (now - self._at) * RATE)
        self._at = now
        if self._room < 1.0 and line.level != "error":
            self._left_out += 1
            return
        yield from self.left_out()
        self._room -= 1.0
        yield line

    def left_out(self) -> Iterator[Line]:
        """How many lines were not shown since the last one that was."""
        if self._left_out:
            yield Line("…", f"{counted(self._left_out, 'line')} left out: the history has them", "dim")
            self._left_out = 0

    def calls(self) -> Iterator[Line]:
        """Which operations were called how often, if any was."""
        yield from self.left_out()
        for (method, code), count in sorted(self._calls.items()):
            yield Line("calls", f"{method}: {count:,} {code or 'ok'}", "warn" if code else "dim")

    def _line(self, event: Event) -> Line | None:
        if type(event) in _QUIET:
            return None
        match event:
            case LogWritten(level=number, message=message):
                name = _LEVELS[min(max(number, 0), 3)]
                return Line(name, shortened(message, _LONGEST), "dim" if name == "debug" else name)
            case WarningAdded(message=message):
                return Line("warning", shortened(message, _LONGEST), "warn")
            case OperationAnswered() | ActionAnswered():
                return self._call(event)
            case JobMoved():
                return Line("moved", f"the job goes on in the new code{self._from}")
            case JobRecovered():
                return Line("led", "by its log to where it was broken off; nothing of it is done twice", "dim")
            case JobPaused(forced=True):
                return Line("paused", "it did not ask whether to stop, and was stopped", "warn")
            case RetryScheduled(error=error):
                return Line("failed", f"{error_text(error)}; it is tried again", "error")
        how = "warn" if isinstance(event, JobInDoubt | CheckpointRefused | BudgetReached) else "dim"
        return Line(_WORDS.get(type(event), "event"), shortened(summary(event), _LONGEST), how)

    def _call(self, event: OperationAnswered | ActionAnswered) -> Line | None:
        method, code = event.method, event.code
        self._calls[method, code] += 1
        if self._calls[method, code] > 1:
            return None
        shown = shortened(method, _ERROR)
        if not code:
            return Line("calls", shown, "dim")
        if code == _DENIED:
            return Line("denied", f"{shown}; {self._allow(shown)}", "error")
        error = _error_of(event.answer)
        return Line("calls", f"{shown}: {code}{f': {error}' if error else ''}", "warn")


def _error_of(answer: Recorded) -> str:
    """What an operation's failure says; empty where that is sealed or long."""
    if not isinstance(answer, Inline):
        return ""
    try:
        said = json.loads(answer.data)
    except ValueError:
        return ""
    return shortened(str(said.get("error", "")), _ERROR) if isinstance(said, dict) else ""
