"""Events as lines: columns that stay where they are, so that they can be printed as they happen."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from perdure.cli.event_text import summary
from perdure.cli.terminal_text import local_time
from perdure.runtime import HistoryEntry
from perdure.store.event_store import StoredEvent
from perdure.store.events import tag_of

_EVENT: Final = 16  # the longest name of an event
_STYLES: Final = {
    "failed": "bold red",
    "retry-scheduled": "red",
    "warning": "yellow",
    "completed": "green",
    "checkpoint": "cyan",
}


HISTORY_HEADER: Final = f"{'sequence':>9}  {'time':<23}  {'event':<{_EVENT}}  {'superseded':<10}  summary"


def log_line(stored: StoredEvent, *, with_stream: bool) -> Text:
    """An event by its place in the log."""
    return _line(stored.position, stored, f"{stored.stream}  " if with_stream else "")


def job_line(stored: StoredEvent) -> Text:
    """An event by its place in its job."""
    return _line(stored.sequence, stored, "")


def _line(number: int, stored: StoredEvent, stream: str) -> Text:
    name = tag_of(stored.event)
    line = Text(f"{number:>9,}  {local_time(stored.time)}  {stream}")
    line.append(f"{name:<{_EVENT}}", _STYLES.get(name, "bold"))
    line.append(f"  {summary(stored.event)}")
    return _trimmed(line)


def history_line(entry: HistoryEntry) -> Text:
    """An event of a job, as `HISTORY_HEADER` says; struck out if the guest did it again later."""
    stored, name = entry.stored, tag_of(entry.stored.event)
    line = Text(f"{stored.sequence:>9,}  {local_time(stored.time)}  ", "dim strike" if entry.superseded else "")
    line.append(f"{name:<{_EVENT}}", "" if entry.superseded else _STYLES.get(name, "bold"))
    line.append(f"  {'yes' if entry.superseded else '':<10}  {summary(stored.event)}")
    return _trimmed(line)


def _trimmed(line: Text) -> Text:
    line.rstrip()
    return line
