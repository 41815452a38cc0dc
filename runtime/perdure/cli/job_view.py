"""How jobs are shown to people: a few lines for one, a table of many, all about one."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from perdure.cli.event_text import error_text
from perdure.cli.job_json import running_seconds
from perdure.cli.output import Output
from perdure.cli.status_styles import STYLES
from perdure.cli.terminal_text import age, counted, duration, local_time, percent, printable, shortened, size
from perdure.store.events import JobError
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

_JOB_COLUMNS: Final = ("job", "type", "status", "done", "items", "warnings", "age", "message")
_DISPENSABLE: Final = ("message", "warnings", "age", "items", "type")
_MESSAGE: Final = 60  # characters of a message in a table, at most …
_LEAST_MESSAGE: Final = 16  # … and what a table must have room for if it is to have messages
_BACKTRACE: Final = 20  # frames that are shown
_CHILDREN: Final = 10  # children that are shown
_STATE: Final = 2_000  # characters of a state that are shown


def plain_table(*headers: str, right: Sequence[str] = ()) -> Table:
    """A table without lines, which programs can read too."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", no_wrap=True, overflow="ellipsis")
    return table


def status_text(status: Status) -> Text:
    """A status in its colour."""
    return Text(str(status), STYLES[status])


def job_table(states: Sequence[JobState], width: int, now: float | None = None) -> Table:
    """Jobs, a line each; what does not fit into ``width`` columns is left out, the least important first."""
    at = time.time() if now is None else now
    columns = dict(zip(_JOB_COLUMNS, zip(*(_job_row(state, at) for state in states), strict=True), strict=True))
    needed = {name: 2 + max(len(name), *(cell.cell_len for cell in cells)) for name, cells in columns.items()}
    needed["message"] = min(needed["message"], _LEAST_MESSAGE)  # it may be cut, the others may not
    for name in _DISPENSABLE:
        if sum(needed[kept] for kept in columns) > width:
            del columns[name]
    table = plain_table(*columns, right=("done", "items", "warnings", "age"))
    for column in table.columns:
        column.min_width = needed[str(column.header)] - 2
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    return table


def _job_row(state: JobState, now: float) -> tuple[Text, ...]:
    message = error_text(state.error) if _show_error(state) and state.error is not None else state.message
    return (
        Text(str(state.job_id)),
        Text(printable(state.job_type)),
        _status_of(state),
        Text(percent(state.progress)),
        Text(f"{state.items:,}"),
        Text(f"{state.warnings:,}"),
        Text(age(now - state.dispatched_at / 1_000_000)),
        Text(shortened(message, _MESSAGE)),
    )


def _status_of(state: JobState) -> Text:
    status = status_text(state.status)
    return status if state.folded_at is None else Text.assemble(status, (", folded", "dim"))


def _show_error(state: JobState) -> bool:
    return state.status in (Status.FAILED, Status.BACKOFF)


def show_end(output: Output, state: JobState) -> None:
    """What became of a job, in two or three lines."""
    output.show(*end_lines(state))


def end_lines(state: JobState) -> Iterator[Text]:
    """What became of a job."""
    yield Text.assemble(status_text(state.status), f"  {printable(state.job_type)}  {state.job_id}")
    if state.message:
        yield Text(f"  {printable(state.message)}")
    seconds = running_seconds(state)
    counts = [
        counted(state.items, "item"),
        size(state.bytes),
        counted(state.warnings, "warning"),
        counted(state.checkpoints, "checkpoint"),
        counted(state.attempts, "attempt"),
        f"fuel {state.fuel:,}",
    ]
    if seconds is not None:
        counts.append(duration(seconds) if state.attempts == 1 else f"{duration(seconds)} in the last")
    yield Text(f"  {', '.join(counts)}")


def show_job(output: Output, state: JobState, details: dict[str, Any], *, whereabouts: str) -> None:
    """All about one job; ``details`` are those of `job_details`."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _rows(state, details, whereabouts):
        grid.add_row(name, value)
    output.show(grid)


def _rows(state: JobState, details: dict[str, Any], whereabouts: str) -> Iterator[tuple[str, str | Text]]:
    yield "job", str(state.job_id)
    yield "type", _type(state)
    yield "library", str(state.library_id)
    yield from _origin(state)
    yield "status", Text.assemble(_status_of(state), f"  {whereabouts}" if whereabouts else "")
    if details.get("doubt") is not None:
        yield from doubt_rows(details["doubt"])
    yield "progress", f"{percent(state.progress)}  {printable(state.message)}".rstrip()
    yield "done", f"{counted(state.items, 'item')}, {size(state.bytes)}, {counted(state.warnings, 'warning')}"
    yield "attempts", f"{state.attempts:,}; {counted(state.failures, 'failure')} of at most {state.retry.attempts:,}"
    yield "fuel", f"{state.fuel:,}, and {state.fuel_superseded:,} for work that was done again"
    if "limits" in details:
        yield "limits", _limits(details["limits"])
    yield "dispatched", _ago(state.dispatched_at)
    if state.started_at is not None:
        yield "started", _ago(state.started_at)
    yield "last event", f"{state.sequence:,}, {_ago(state.updated_at)}{_last_event(details.get('last_event'))}"
    if state.ended_at is not None:
        yield "ended", _ago(state.ended_at)
    if state.retry_at is not None:
        yield "next try", local_time(state.retry_at)
    yield from _states(state, details)
    yield from _children(details.get("children", []))
    if not state.resumable:
        yield "resumable", "no: after a pause or a failure it starts again from its first state"
    if state.pause_requested or state.cancel_requested:
        yield "asked to", "cancel" if state.cancel_requested else "pause"
    if state.error is not None:
        yield from _error_rows(state.error)


def _origin(state: JobState) -> Iterator[tuple[str, str]]:
    """Whom the job comes from."""
    if state.parent is not None:
        yield "parent", str(state.parent)
    if state.idempotency_key is not None:
        yield "key", printable(state.idempotency_key)
    if state.forked_from is not None:
        yield "forked from", str(state.forked_from)


def _states(state: JobState, details: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the job began with and would go on from; of a folded one only what is left."""
    if state.folded_at is None:
        yield "first state", _state(details.get("state"))
    point = state.checkpoint
    if point is None:
        yield "checkpoint", "none"
    else:
        yield "checkpoints", f"{state.checkpoints:,}, the last at event {point.sequence:,}, {_ago(point.time)}"
        yield "", f"{percent(point.progress)}, {counted(point.items, 'item')}"
        if state.folded_at is None:
            yield "", _state(details["checkpoint"].get("state"))
    if state.folded_at is not None:
        yield from _folded(state.folded_at, details.get("folded_events", {}))


def _last_event(shown: dict[str, Any] | None) -> str:
    """Its name and, of what the guest did, its place in the run."""
    if shown is None:
        return ""
    call = shown["data"].get("call") if isinstance(shown["data"], dict) else None
    return f": {shown['type']}" + (f", call {call:,}" if isinstance(call, int) else "")


def doubt_rows(doubt: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An action of which nobody knows whether it was done."""
    yield "in doubt", f"{printable(doubt['method'])} was broken off while it ran; it must not be done twice"
    if doubt["library_id"] is not None:
        yield "", f"in library {doubt['library_id']}"
    yield "", f"it began {doubt['time']}, as event {doubt['sequence']:,}"
    shown = shortened(json.dumps(doubt["payload"], ensure_ascii=False), _STATE)
    yield "", f"payload, without its secrets: {shown}" if doubt["sealed"] else f"payload: {shown}"
    if doubt["effect_key"] is not None:
        yield "", f"effect key: {doubt['effect_key']}"


def _folded(moment: int, fold: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "folded", f"{_ago(moment)}: {counted(fold.get('events', 0), 'event')} were removed"
    yield "", f"the hash of the last one: {fold.get('hash', '?')}"


def _type(state: JobState) -> str:
    """With the version that it runs now."""
    moved = f", moved from {printable(state.moved_from)}" if state.moved_from else ""
    return f"{printable(state.job_type)} {printable(state.version)}{moved}"


def _children(children: list[dict[str, Any]]) -> Iterator[tuple[str, str | Text]]:
    """How many jobs it dispatched, and the newest of them."""
    if not children:
        return
    counts = Counter(child["status"] for child in children)
    yield "children", ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))
    for child in children[::-1][:_CHILDREN]:
        line = f"{child['job_id']}  {printable(child['job_type'])}  "
        yield "", Text.assemble(line, status_text(Status(child["status"])))
    if len(children) > _CHILDREN:
        yield "", f"… and {counted(len(children) - _CHILDREN, 'more job')}"


def _error_rows(error: JobError) -> Iterator[tuple[str, str]]:
    yield "error", error_text(error)
    yield "to blame", error.blame
    if error.limit is not None:
        limit = error.limit
        yield "limit", f"{limit.limit}: {limit.value:,} {limit.unit}, used {limit.used:,}"
    for frame in error.backtrace[:_BACKTRACE]:
        yield "", f"at {printable(frame.function)} +{frame.offset:#x}"
    if len(error.backtrace) > _BACKTRACE:
        yield "", f"… and {counted(len(error.backtrace) - _BACKTRACE, 'more frame')}"
    for name, value in error.data.items():
        yield "", shortened(f"{name}: {value}", 200)


def _limits(limits: dict[str, Any]) -> str:
    given = []
    for name, value in limits.items():
        if value is not None:
            shown = size(value) if name.endswith("_bytes") else f"{value:,}"
            given.append(f"{name.removesuffix('_bytes').replace('_', ' ')} {shown}")
    return ", ".join(given)


def _ago(moment: int) -> str:
    return f"{local_time(moment)}, {age(time.time() - moment / 1_000_000)} ago"


def _state(value: Any) -> str:
    return "none" if value is None else shortened(json.dumps(value, ensure_ascii=False), _STATE)
