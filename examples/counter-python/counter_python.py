"""A durable job that counts, and beside it some that do what else an extension can do."""

import json
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from perdure_sdk import LEVELS, Extension, ExtensionContext, JobContext, PermissionDenied

ext = Extension(
    "counter-python",
    name="Counter (Python)",
    version="0.1.0",
    methods=["query:vdfs.read_sidecar", "action:vdfs.write_sidecar"],
)


@ext.on_init
def ready(ctx: ExtensionContext) -> None:
    """Say that the extension was loaded."""
    ctx.log("counter ready")


@dataclass
class CounterState:
    """All that the job needs to go on."""

    current: int = 0
    target: int = 0


@ext.job
def counter(ctx: JobContext, state: CounterState) -> None:
    """Count to the target. Killed at any moment, it goes on from its last checkpoint."""
    while state.current < state.target:
        ctx.check_interrupt()
        state.current += 1
        ctx.report_progress(state.current / state.target, f"Counted {state.current}/{state.target}")
        ctx.increment_items(1)
        ctx.increment_bytes(8)
        ctx.checkpoint(state)


@dataclass
class WarnerState:
    """How often."""

    count: int = 0


@ext.job
def warner(ctx: JobContext, state: WarnerState) -> None:
    """Warn, and log at each level in turn."""
    ctx.log(f"Warning {state.count} times")
    for number, level in zip(range(1, state.count + 1), cycle(LEVELS), strict=False):
        ctx.add_warning(f"Warning {number}")
        ctx.log(f"line {number}", level)


@dataclass
class FailingState:
    """What it fails with."""

    message: str = ""


@ext.job
def failing(ctx: JobContext, state: FailingState) -> None:
    """Fail."""
    ctx.report_progress(0.5, "About to fail")
    raise ValueError(state.message)


@dataclass
class NoterState:
    """A note, and the entry that it is written beside."""

    path: str = ""
    note: str = ""


@ext.job
def noter(ctx: JobContext, state: NoterState) -> None:
    """Write a note beside an entry, and read it back."""
    text = json.dumps({"note": state.note}, ensure_ascii=False, separators=(",", ":"))
    ctx.vdfs.write_sidecar(state.path, "note", media_type="application/json", text=text)
    found = ctx.vdfs.read_sidecar(state.path, "note", text=True)
    if found.text != text:
        raise RuntimeError("the note came back changed")


@ext.job
def trespasser(ctx: JobContext, state: dict[str, Any]) -> None:
    """Try what the manifest does not ask for; nothing but a refusal will do."""
    method = "credentials.get"  # `perdure build` refuses a whole name that the manifest does not have
    try:
        ctx.call(f"query:{method}", {"id": "mail"})
    except PermissionDenied as error:
        ctx.log(f"denied: {error.code}")
        ctx.add_warning("denied")
    else:
        raise RuntimeError("nobody refused it")
