"""``perdure log diff``: two jobs' histories beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.text import Text

from perdure.actors.replay.job_log import run_calls
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.cli.call_text import call_json, call_text
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import require_job
from perdure.cli.terminal_text import counted, printable
from perdure.runtime.proof.recorded_runs import History, RecordedRun
from perdure.runtime.timetravel.alignment import Entry, Row
from perdure.runtime.timetravel.history_diff import HistoryDiff, RunDiff, history_diff
from perdure.store.event_store import EventStore
from perdure.store.job_state import Run

_CONTEXT: Final = 2  # equal calls that are shown around a difference

JobA = Annotated[UUID, typer.Argument(metavar="JOB_A", help="A job's id.")]
JobB = Annotated[UUID, typer.Argument(metavar="JOB_B", help="Another job's id, for example that of a fork of it.")]
All = Annotated[bool, typer.Option("--all", metavar="", help="Show the calls that are the same, too.")]


def diff(invocation: Invocation, left: JobA, right: JobB, everything: All = False) -> None:
    """Compare two jobs call by call: the first difference, then all the rest, aligned.

    Calls are the same if the guest asked the same and was told the same; where only the fuel differs, that is said.
    """
    require_job(invocation, left)
    require_job(invocation, right)
    with invocation.read() as store:
        found = history_diff(store, left, right)
        sides = (_Calls(store, left), _Calls(store, right))
        if invocation.json:
            invocation.output.json(_json(found, sides, everything=everything))
            return
        for line in _lines(found, sides, everything=everything):
            invocation.output.show(line)


class _Calls:
    """The calls of one side, read again when they are shown."""

    def __init__(self, store: EventStore, job_id: UUID) -> None:
        self.store = store
        self._job_id = job_id
        self._run: RecordedRun | None = None
        self._read: Iterator[RecordedCall] = iter(())
        self._now: RecordedCall | None = None

    def at(self, run: RecordedRun | None, entry: Entry) -> RecordedCall | None:
        """The call; those of a run are asked for in order."""
        if run is None:
            return None
        if run is not self._run or (self._now is not None and self._now.call > entry.call):
            span = Run(run.origin, run.after, run.fuel_before, calls=run.calls_before)
            self._run, self._now = run, None
            self._read = run_calls(self.store, self._job_id, span, run.until)
        while self._now is None or self._now.call < entry.call:
            self._now = next(self._read, None)
            if self._now is None:
                return None
        return self._now


_Sides = tuple[_Calls, _Calls]

# --- for people ------------------------------------------------------------------------------------------------------


def _lines(found: HistoryDiff, sides: _Sides, *, everything: bool) -> Iterator[str | Text]:
    yield Text(f"-  {_job(found.left)}", "red")
    yield Text(f"+  {_job(found.right)}", "green")
    yield from _first(found, sides)
    for run in found.runs:
        yield ""
        yield from _run_lines(run, sides, everything=everything)


def _job(history: History) -> str:
    state = history.state
    forked = f", forked from {state.forked_from}" if state.forked_from is not None else ""
    return f"{state.job_id}  {printable(state.job_type)} {printable(state.version)}  {state.status}{forked}"


def _first(found: HistoryDiff, sides: _Sides) -> Iterator[str]:
    run = next((run for run in found.runs if not run.same), None)
    if run is None:
        yield "both did the same" + ("" if found.same_fuel else ", with other fuel")
    elif (row := run.first) is not None:
        yield f"first difference: run {run.number}, {_place(row)}"
    elif run.left is None or run.right is None:
        yield f"first difference: run {run.number}, which only one of them has"
    else:
        what = "the states that they began with" if not run.same_begin else "how they ended"
        yield f"first difference: run {run.number}, {what}"
    for run in found.runs:
        if (row := run.first_fuel) is not None:
            yield f"fuel first differs in run {run.number}, {_place(row)}: {row.fuel:+,}"
            return


def _place(row: Row) -> str:
    left, right = row.left, row.right
    if left is not None and right is not None:
        return f"call {left.call:,}" if left.call == right.call else f"call {left.call:,} and call {right.call:,}"
    if left is not None:
        return f"call {left.call:,} of the first"
    return f"call {right.call:,} of the second" if right is not None else ""


def _run_lines(run: RunDiff, sides: _Sides, *, everything: bool) -> Iterator[str | Text]:
    yield Text(f"run {run.number}", "bold")
    for sign, side, style in (("-", run.left, "red"), ("+", run.right, "green")):
        if side is None:
            yield Text(f"{sign}  has none", style)
        else:
            yield Text(f"{sign}  {_run(side)}", style)
    if run.left is not None and run.right is not None and not run.same_begin:
        yield Text("   they began with different states", "yellow")
    shown = [everything or not row.same or row.fuel != 0 for row in run.rows]
    near = [any(shown[max(0, place - _CONTEXT) : place + _CONTEXT + 1]) for place in range(len(run.rows))]
    equal = 0
    for row, show in zip(run.rows, near, strict=True):
        if not show:
            equal += 1
            continue
        if equal:
            yield Text(f"=  {counted(equal, 'call')} the same", "dim")
            equal = 0
        yield from _row_lines(run, row, sides)
    if equal:
        yield Text(f"=  {counted(equal, 'call')} the same", "dim")


def _run(run: RecordedRun) -> str:
    where = f"from the checkpoint at {run.origin:,}" if run.origin else "from the start"
    calls = counted(run.last_call - run.calls_before, "call")
    return f"{where}, {calls}, fuel {run.last_fuel:,}, {run.end_name.replace('-', ' ')}"


def _row_lines(run: RunDiff, row: Row, sides: _Sides) -> Iterator[Text]:
    left, right = row.left, row.right
    fuel = f"  (fuel {row.fuel:+,})" if row.fuel else ""
    if row.same and left is not None and right is not None:
        number = f"{left.call:,}" if left.call == right.call else f"{left.call:,}/{right.call:,}"
        mark, style = ("~", "yellow") if row.fuel else (" ", "")
        yield Text(f"{mark} {number:>9}  {call_text(sides[0].at(run.left, left))}{fuel}", style)
        return
    if left is not None:
        yield Text(f"- {left.call:>9,}  {call_text(sides[0].at(run.left, left))}", "red")
    if right is not None:
        yield Text(f"+ {right.call:>9,}  {call_text(sides[1].at(run.right, right))}{fuel}", "green")


# --- for programs ----------------------------------------------------------------------------------------------------


def _json(found: HistoryDiff, sides: _Sides, *, everything: bool) -> dict[str, Any]:
    different = next((run for run in found.runs if not run.same), None)
    fuel = next((run for run in found.runs if run.first_fuel is not None), None)
    return {
        "same": found.same,
        "same_fuel": found.same_fuel,
        "jobs": [_job_json(found.left), _job_json(found.right)],
        "first_difference": _first_json(different, different.first) if different is not None else None,
        "first_fuel_difference": _first_json(fuel, fuel.first_fuel) if fuel is not None else None,
        "runs": [_run_diff_json(run, sides, everything=everything) for run in found.runs],
    }


def _first_json(run: RunDiff, row: Row | None) -> dict[str, Any]:
    calls = [entry.call if entry is not None else None for entry in (row.left, row.right)] if row is not None else None
    return {"run": run.number, "calls": calls}


def _job_json(history: History) -> dict[str, Any]:
    state = history.state
    return {
        "job_id": str(state.job_id),
        "job_type": state.job_type,
        "version": state.version,
        "module": state.module,
        "status": str(state.status),
        "forked_from": str(state.forked_from) if state.forked_from is not None else None,
    }


def _run_diff_json(run: RunDiff, sides: _Sides, *, everything: bool) -> dict[str, Any]:
    rows = [row for row in run.rows if everything or not row.same or row.fuel]
    return {
        "run": run.number,
        "same": run.same,
        "same_begin": run.same_begin,
        "same_end": run.same_end,
        "left": _run_json(run.left),
        "right": _run_json(run.right),
        "same_calls": sum(row.same for row in run.rows),
        "rows": [_row_json(run, row, sides) for row in rows],
    }


def _run_json(run: RecordedRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "origin": run.origin,
        "module": run.module,
        "attempts": len(run.attempts),
        "calls": run.last_call - run.calls_before,
        "fuel": run.last_fuel,
        "end": run.end_name,
    }


def _row_json(run: RunDiff, row: Row, sides: _Sides) -> dict[str, Any]:
    shown: dict[str, Any] = {"same": row.same, "fuel": row.fuel}
    for name, side, of, entry in (("left", sides[0], run.left, row.left), ("right", sides[1], run.right, row.right)):
        call = side.at(of, entry) if entry is not None else None
        shown[name] = call_json(side.store.blobs, call, entry.call) if entry is not None else None
    return shown
