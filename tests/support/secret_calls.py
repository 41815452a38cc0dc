"""A guest that makes calls whose payloads are not readable in its module, and what the log keeps of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.extension_folders import write_extension
from tests.support.job_history import events_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import JobHandle, Runtime, Status, grant_as_asked
from perdure.store.events import ActionAnswered, OperationAnswered

NOTES: Final = "notes"
ALL: Final = {"methods": ["query:", "action:"]}
_VEIL: Final = 0x55  # the module lies in the data folder, and must not hold what is looked for there


def calls_module(*calls: tuple[str, bytes]) -> bytes:
    """A module whose job ``calls`` makes these calls, one after the other, and drops the answers."""
    wat = RuntimeWat(memory="4")
    body = []
    for method, payload in calls:
        at = wat.data(bytes(byte ^ _VEIL for byte in payload))
        unveil = f"""(local.set $i (i32.const {len(payload)}))
          (loop $byte (if (local.get $i) (then
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (i32.store8 (i32.add (i32.const {at}) (local.get $i))
              (i32.xor (i32.load8_u (i32.add (i32.const {at}) (local.get $i))) (i32.const {_VEIL})))
            (br $byte))))"""
        call = wat.call("spacedrive_call", wat.text(method), 0, at, len(payload))
        body.append(f"{unveil} (drop {call})")
    wat.job("calls", f"{' '.join(body)} (i32.const 0)")
    return wat.module()


def install_calls(
    runtime: Runtime, folder: Path, *calls: tuple[str, bytes], extension: str = NOTES, **permissions: Any
) -> None:
    """Install an extension with that job, which may call everything unless ``permissions`` say otherwise."""
    written = write_extension(
        folder / extension, calls_module(*calls), extension=extension, permissions={**ALL, **permissions}
    )
    runtime.install(written, consent=grant_as_asked)


def run_calls(runtime: Runtime, extension: str = NOTES) -> JobHandle:
    """Run the job to its end."""
    job = runtime.dispatch(f"{extension}:calls")
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    return job


def calls_of(job: JobHandle) -> list[OperationAnswered | ActionAnswered]:
    """What the job's calls left in the log, in order."""
    found: list[OperationAnswered | ActionAnswered] = [
        *events_of(job, OperationAnswered),
        *events_of(job, ActionAnswered),
    ]
    return sorted(found, key=lambda event: event.call)
