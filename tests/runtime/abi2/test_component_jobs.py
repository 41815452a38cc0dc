"""Components as jobs of a runtime: the same events as a module's, paused and resumed, failed, and proved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.runtime.conftest import patient
from tests.support.component_wat import ComponentWat
from tests.support.extension_folders import write_extension
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import f32, forever, i64

from perdure.runtime import JobHandle, JobLimits, Runtime, Status
from perdure.runtime.proof import Verdict
from perdure.store.events import CheckpointSaved, GuestEvent, Inline, JobCancelled, JobFailed, encode

pytestmark = pytest.mark.usefixtures("boundary")

PERMISSIONS = {"methods": ["query:config.get"]}


def install(runtime: Runtime, folder: Path, binary: bytes, **fields: Any) -> None:
    runtime.install(write_extension(folder, binary, permissions=PERMISSIONS, **fields))


def ended(runtime: Runtime, status: Status, state: object = None, job: str = "acme:test", **how: Any) -> JobHandle:
    handle = runtime.dispatch(job, state, **how)
    assert handle.wait(TIMEOUT).status is status, handle.state.error
    return handle


def saved(job: JobHandle) -> bytes:
    """The state in its last checkpoint."""
    state = events_of(job, CheckpointSaved)[-1].state
    assert isinstance(state, Inline)
    return state.data


def talkative_component() -> bytes:
    wat = ComponentWat()
    wat.run(
        wat.log("a line", 2)
        + wat.progress(0.5, "half")
        + f"(drop {wat.checkpoint('[1]')})"
        + f"(drop {wat.interrupt()})"
        + wat.warning("careful")
        + wat.count_bytes(5)
        + wat.count_items(7)
        + f"(drop {wat.call('query:config.get')})"
        + f"(drop {wat.call('action:config.set')})"
        + wat.completed("[2]")
    )
    return wat.component()


def talkative_module() -> bytes:
    wat = RuntimeWat()
    wat.job(
        "test",
        f"""{wat.call("spacedrive_log", 2, wat.text("a line"))}
        {wat.progress(f32(0.5), "half")}
        (drop {wat.call("job_checkpoint", wat.job_id, wat.text("[1]"))})
        (drop {wat.call("job_check_interrupt", wat.job_id)})
        {wat.call("job_add_warning", wat.job_id, wat.text("careful"))}
        {wat.call("job_increment_bytes", wat.job_id, i64(5))}
        {wat.call("job_increment_items", wat.job_id, i64(7))}
        (drop {wat.operation("query:config.get")})
        (drop {wat.operation("action:config.set")})
        (drop {wat.call("job_checkpoint", wat.job_id, wat.text("[2]"))})
        (i32.const 0)""",
    )
    return wat.module()


def test_the_events_are_those_of_a_module(runtime: Runtime, tmp_path: Path) -> None:
    """Byte for byte, but for the fuel, which is each guest's own."""
    told = []
    for name, binary in (("component", talkative_component()), ("module", talkative_module())):
        install(runtime, tmp_path / name, binary)
        job = ended(runtime, Status.COMPLETED)
        events = [msgspec.structs.replace(event, fuel=0) for event in events_of(job, GuestEvent)]
        told.append(([encode(event) for event in events], tags_of(job)))
        runtime.uninstall("acme")
    assert told[0] == told[1]
    assert len(told[0][0]) == 9


def test_a_job_is_proved(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path / "acme", talkative_component())
    job = ended(runtime, Status.COMPLETED)
    proof = job.verify()
    assert proof.verdict is Verdict.PROVED, proof
    assert proof.compared.fuel == job.state.fuel
    assert proof.compared.events == 10
    assert saved(job) == b"[2]"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("failed", "guest_failed"),
        ("unreachable", "trap"),
        ("forever", "out_of_fuel"),
        ("lies", "abi_violation"),
    ],
)
def test_a_job_that_fails_fails_again_in_the_same_way(runtime: Runtime, tmp_path: Path, body: str, kind: str) -> None:
    wat = ComponentWat()
    bodies: dict[str, Callable[[], str]] = {
        "failed": lambda: wat.failed("ValueError", "boom", "Traceback"),
        "unreachable": lambda: "(unreachable)",
        "forever": lambda: forever() + wat.completed(),
        "lies": lambda: wat.count_items(-1) + wat.completed(),
    }
    wat.run(wat.progress(0.5) + bodies[body]())
    install(runtime, tmp_path / "acme", wat.component())
    job = ended(runtime, Status.FAILED, limits=JobLimits(fuel=1_000_000))
    (failure,) = events_of(job, JobFailed)
    assert failure.error.kind == kind
    assert job.verify().verdict is Verdict.PROVED


def waiting_component(wat: ComponentWat) -> str:
    """Loops until it is asked to stop, then saves and says that it was interrupted."""
    return f"""(loop $again (br_if $again (i32.eqz {wat.interrupt()})))
      (drop {wat.checkpoint("[3]")}) {wat.interrupted()}"""


@patient
def test_a_job_is_paused_resumed_and_cancelled(runtime: Runtime, tmp_path: Path) -> None:
    wat = ComponentWat()
    wat.run(waiting_component(wat))
    install(runtime, tmp_path / "acme", wat.component())
    job = runtime.dispatch("acme:test")
    eventually(lambda: job.state.status is Status.RUNNING)
    job.pause()
    eventually(lambda: job.state.status is Status.PAUSED)
    assert saved(job) == b"[3]"
    job.resume()
    eventually(lambda: job.state.status is Status.RUNNING)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    (cancelled,) = events_of(job, JobCancelled)
    assert not cancelled.forced
    assert job.verify().verdict is Verdict.PROVED


def test_a_job_that_does_not_listen_is_stopped(runtime: Runtime, tmp_path: Path) -> None:
    wat = ComponentWat()
    wat.run(wat.progress(0.5) + forever() + wat.completed())
    install(runtime, tmp_path / "acme", wat.component())
    job = runtime.dispatch("acme:test")
    eventually(lambda: job.state.progress == 0.5)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    (cancelled,) = events_of(job, JobCancelled)
    assert cancelled.forced


@patient
def test_a_version_of_the_other_abi_takes_a_job_over(runtime: Runtime, tmp_path: Path) -> None:
    """The module's checkpoint is the component's state."""
    wat = ComponentWat()
    wat.run(waiting_component(wat))
    install(runtime, tmp_path / "one", wat.component())
    job = runtime.dispatch("acme:test")
    eventually(lambda: job.state.status is Status.RUNNING)
    job.pause()
    eventually(lambda: job.state.status is Status.PAUSED)
    module = RuntimeWat()
    checkpoint = module.call("job_checkpoint", module.job_id, "(local.get $state) (local.get $state_len)")
    module.job("test", f"{module.log('a module')} (drop {checkpoint}) (i32.const 0)")
    install(runtime, tmp_path / "two", module.module(), version="2.0.0", jobs={"test": {"upgrade": "checkpoint"}})
    job.resume()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert job.state.version == "2.0.0"
    assert saved(job) == b"[3]"
    assert job.verify().verdict is Verdict.PROVED
