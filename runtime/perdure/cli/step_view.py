"""Where a stepper stands, as lines for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from perdure.actors.replay.divergence import Divergence
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.cli.call_text import call_json, call_text, function_of, payload_json
from perdure.cli.event_text import error_text, summary
from perdure.cli.job_json import error_json, job_json
from perdure.cli.terminal_text import counted, percent, pretty_json, printable, shortened, size
from perdure.runtime.proof.recorded_runs import RecordedRun
from perdure.runtime.timetravel.stepping import End, Step, Stepper
from perdure.store.blobs import BlobStore
from perdure.store.events import CheckpointSaved, WarningAdded, tag_of

_LINE: Final = 200
_AROUND: Final = 5

# --- for people ------------------------------------------------------------------------------------------------------


def here_lines(stepper: Stepper) -> Iterator[Text]:
    """Where it stands, on a line or a few."""
    here = stepper.here
    if isinstance(here, End):
        yield from _end_lines(stepper, here)
    elif here.call < stepper.first:
        yield Text(f"{_run(stepper.run)}; its first call is next", "bold")
    else:
        yield _call_line(here)


def _call_line(here: Step) -> Text:
    recorded = here.recorded
    style = _style(recorded)
    where = f"event {recorded.sequence:,}" if recorded is not None else "no event"
    fuel = f"fuel {here.fuel:,}"
    if recorded is not None and recorded.fuel != here.fuel:
        fuel += f", recorded {recorded.fuel:,}"
    return Text.assemble((f"{here.call:>7,}  ", "bold"), (call_text(recorded), style), (f"  [{where}, {fuel}]", "dim"))


def _style(recorded: RecordedCall | None) -> str:
    event = recorded.event if recorded is not None else None
    return "cyan" if isinstance(event, CheckpointSaved) else "yellow" if isinstance(event, WarningAdded) else ""


def _end_lines(stepper: Stepper, here: End) -> Iterator[Text]:
    yield Text.assemble((f"{'end':>7}  ", "bold"), _end_words(stepper, here), (f"  [fuel {here.fuel:,}]", "dim"))
    if here.open_call is not None and here.divergence is None:
        yield Text(f"         call {here.open_call.call:,}: {call_text(here.open_call)}", "yellow")
    if here.divergence is not None:
        yield Text(f"         {shortened(here.divergence.message, 4 * _LINE)}", "bold red")
    if here.unreadable:
        yield Text(f"         {shortened(here.unreadable, _LINE)}", "bold red")
    if here.error is not None:
        yield Text(f"         {shortened(error_text(here.error), _LINE)}", "red")


def _end_words(stepper: Stepper, here: End) -> str:
    if here.divergence is not None:
        return "here the guest does something else than it did"
    if here.unreadable:
        return "what the guest was told next cannot be read"
    if here.recorded is None:
        return "the run was broken off here" if stepper.run.finished else "the log ends here"
    text = summary(here.recorded.event)
    words = tag_of(here.recorded.event).replace("-", " ") + (f": {text}" if text else "")
    return shortened(f"{words}  (event {here.recorded.sequence:,})", _LINE)


def whole_call_lines(stepper: Stepper, blobs: BlobStore) -> Iterator[Text]:
    """The call's arguments and its answer, as JSON over several lines."""
    here = stepper.here
    if isinstance(here, End) or here.call < stepper.first:
        yield from here_lines(stepper)
        return
    yield _call_line(here)
    for line in pretty_json(call_json(blobs, here.recorded, here.call)).split("\n"):
        yield Text(line)


def state_lines(stepper: Stepper, blobs: BlobStore) -> Iterator[Text]:
    """The job as it was here, and the guest's state."""
    state = stepper.state()
    yield Text(f"job        {state.job_id}  {printable(state.job_type)} {printable(state.version)}")
    yield Text(f"run        {stepper.run.number} of {len(stepper.history.runs)}; attempt {state.attempts:,}")
    yield Text(f"progress   {percent(state.progress)}  {shortened(state.message, _LINE)}".rstrip())
    done = f"{counted(state.items, 'item')}, {size(state.bytes)}, {counted(state.warnings, 'warning')}"
    yield Text(f"done       {done}, {counted(state.checkpoints, 'checkpoint')}")
    yield Text(f"fuel       {state.fuel:,}, and {state.fuel_superseded:,} for work that was done again")
    saved = state.checkpoint
    where = f"saved at event {saved.sequence:,}" if saved is not None else "it began with"
    yield Text(f"state      {where}:")
    for line in pretty_json(payload_json(blobs, stepper.guest_state())).split("\n"):
        yield Text(f"           {line}")


def around_lines(stepper: Stepper, around: int | None) -> Iterator[Text]:
    """The calls around here; the one where the guest stands is marked."""
    here, near = stepper.here.call, _AROUND if around is None else around
    for call in stepper.calls():
        if call.call > here + near:
            break
        if call.call >= here - near:
            mark = ">" if call.call == here else " "
            where = (f"  [event {call.sequence:,}, fuel {call.fuel:,}]", "dim")
            yield Text.assemble((f"{mark} {call.call:>7,}  ", "bold"), (call_text(call), _style(call)), where)


def run_lines(stepper: Stepper) -> Iterator[Text]:
    """The job's runs."""
    for run in stepper.history.runs:
        mark = ">" if run.number == stepper.run.number else " "
        yield Text(f"{mark} {_run(run)}, {run.end_name.replace('-', ' ')}", "bold" if mark == ">" else "")


def _run(run: RecordedRun) -> str:
    where = f"from the checkpoint at event {run.origin:,}" if run.origin else "from the start"
    calls = counted(run.last_call - run.calls_before, "call")
    return f"run {run.number} {where}, {calls}, events {run.after + 1:,} to {run.until:,}"


# --- for programs ----------------------------------------------------------------------------------------------------


def here_json(stepper: Stepper, blobs: BlobStore) -> dict[str, Any]:
    """Where it stands."""
    here = stepper.here
    shown: dict[str, Any] = {"run": stepper.run.number, "call": here.call, "fuel": here.fuel}
    if isinstance(here, Step):
        if here.call < stepper.first:
            return {**shown, "at": "begin"}
        return {**shown, "at": "call", "recorded": call_json(blobs, here.recorded, here.call)}
    divergence = here.divergence
    return {
        **shown,
        "at": "end",
        "recorded": tag_of(here.recorded.event) if here.recorded is not None else None,
        "exit": here.exit.value if here.exit is not None else None,
        "error": error_json(here.error),
        "open_call": call_json(blobs, here.open_call, here.call + 1) if here.open_call is not None else None,
        "divergence": _divergence(divergence) if divergence is not None else None,
        "unreadable": here.unreadable or None,
    }


def _divergence(divergence: Divergence) -> dict[str, Any]:
    return {name: getattr(divergence, name) for name in ("call", "sequence", "recorded", "came")}


def state_json(stepper: Stepper, blobs: BlobStore) -> dict[str, Any]:
    """The job as it was here, and the guest's state."""
    return {"job": job_json(stepper.state()), "guest_state": payload_json(blobs, stepper.guest_state())}


def around_json(stepper: Stepper, blobs: BlobStore, around: int | None) -> list[dict[str, Any]]:
    """The calls around here."""
    here, near = stepper.here.call, _AROUND if around is None else around
    return [call_json(blobs, call, call.call) for call in stepper.calls() if abs(call.call - here) <= near]


def runs_json(stepper: Stepper) -> list[dict[str, Any]]:
    """The job's runs."""
    return [
        {
            "run": run.number,
            "origin": run.origin,
            "first_event": run.after + 1,
            "last_event": run.until,
            "first_call": run.calls_before + 1,
            "last_call": run.last_call,
            "attempts": len(run.attempts),
            "end": run.end_name,
        }
        for run in stepper.history.runs
    ]


def has_text(call: RecordedCall, text: str) -> bool:
    """Whether the line of a call has this text."""
    return text.casefold() in f"{function_of(call)} {call_text(call)}".casefold()
