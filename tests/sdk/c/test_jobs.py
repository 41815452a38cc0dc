"""The examples in C and in Zig in a real runtime: each of their jobs, what it leaves in the log, that it is proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import CommandLine
from tests.support.job_events import plain
from tests.support.job_history import events_of
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobHandle, Runtime, Status
from perdure.runtime.proof import Verdict
from perdure.store.events import (
    ActionAnswered,
    BytesCounted,
    CheckpointSaved,
    Inline,
    ItemsCounted,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    WarningAdded,
)

DEBUG, INFO, WARN, ERROR = range(4)


def run(runtime: Runtime, extension: Path, job: str, state: object = None) -> JobHandle:
    """The job, at its end; its history is proved."""
    name = runtime.install(extension).extension
    handle = runtime.dispatch(f"{name}:{job}", state)
    handle.wait(TIMEOUT)
    proof = runtime.verify(handle.job_id)
    assert proof.verdict is Verdict.PROVED, proof
    return handle


def states(job: JobHandle) -> list[bytes]:
    payloads = [plain(event.state) for event in events_of(job, CheckpointSaved)]
    return [payload.data for payload in payloads if isinstance(payload, Inline)]


def logged(job: JobHandle) -> list[tuple[int, str]]:
    return [(event.level, event.message) for event in events_of(job, LogWritten)]


def warnings(job: JobHandle) -> list[str]:
    return [event.message for event in events_of(job, WarningAdded)]


def test_it_is_an_extension_with_five_jobs(runtime: Runtime, extension: Path) -> None:
    info = runtime.install(extension)
    assert info.version == "0.1.0"
    assert info.warnings == ()
    assert sorted(info.manifest.permissions.methods) == ["action:vdfs.write_sidecar", "query:vdfs.read_sidecar"]
    assert {job.name for job in info.job_types} == {"counter", "failing", "noter", "trespasser", "warner"}
    assert all(job.resumable for job in info.job_types)


def test_the_counter_counts(runtime: Runtime, extension: Path) -> None:
    job = run(runtime, extension, "counter", {"target": 3, "more": [1, {"a": None}]})
    assert job.status is Status.COMPLETED
    assert states(job) == [b'{"current":%d,"target":3}' % done for done in (1, 2, 3, 3)]
    progress = events_of(job, ProgressReported)
    assert [event.message for event in progress] == ["Counted 1/3", "Counted 2/3", "Counted 3/3"]
    assert [event.progress for event in progress] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [event.count for event in events_of(job, ItemsCounted)] == [1, 1, 1]
    assert [event.count for event in events_of(job, BytesCounted)] == [8, 8, 8]


def test_a_job_without_a_state_has_the_defaults(runtime: Runtime, extension: Path) -> None:
    assert states(run(runtime, extension, "counter")) == [b'{"current":0,"target":0}']
    assert states(run(runtime, extension, "noter", {})) == []  # its empty path is no entry's


@pytest.mark.parametrize(
    "state",
    [
        {"target": "3"},
        {"target": 3.0},
        {"target": None},
        {"target": True},
        {"target": 2**63},
        {"current": [1]},
        [1],
        "text",
        7,
    ],
)
def test_a_state_of_another_shape_fails_the_job(runtime: Runtime, extension: Path, state: Any) -> None:
    job = run(runtime, extension, "counter", state)
    assert job.status is Status.FAILED
    ((level, message),) = logged(job)
    assert level == ERROR
    assert message.startswith("bad state: ")
    assert not isinstance(state, dict) or f'"{next(iter(state))}"' in message


def test_the_warner_warns(runtime: Runtime, extension: Path) -> None:
    job = run(runtime, extension, "warner", {"count": 5})
    assert job.status is Status.COMPLETED
    assert warnings(job) == [f"Warning {number}" for number in range(1, 6)]
    levels = [DEBUG, INFO, WARN, ERROR, DEBUG]
    assert logged(job) == [
        (INFO, "Warning 5 times"),
        *((level, f"line {number}") for number, level in enumerate(levels, start=1)),
    ]
    assert states(job) == [b'{"count":5}']


@pytest.mark.parametrize("message", ["no luck", "", '100 % of "it"\n{s} %s', "ö 🐈", "x" * 5000])
def test_a_failure_has_its_message(runtime: Runtime, extension: Path, message: str) -> None:
    job = run(runtime, extension, "failing", {"message": message})
    assert job.status is Status.FAILED
    assert logged(job) == [(ERROR, message)]
    assert [(event.progress, event.message) for event in events_of(job, ProgressReported)] == [(0.5, "About to fail")]


def test_the_noter_writes_and_reads_back(runtime: Runtime, extension: Path) -> None:
    entry = runtime.call("action:vdfs.create_entry", {"name": "paper"}).id
    note = 'milk, "bread"\n\\ ö 🐈 \x01'
    job = run(runtime, extension, "noter", {"path": str(entry), "note": note})
    assert job.status is Status.COMPLETED, logged(job)
    (action,) = events_of(job, ActionAnswered)
    (query,) = events_of(job, OperationAnswered)
    assert (action.method, query.method) == ("action:vdfs.write_sidecar", "query:vdfs.read_sidecar")
    found = runtime.call("query:vdfs.read_sidecar", {"entry_id": str(entry), "name": "note", "text": True})
    assert json.loads(found.text) == {"note": note}
    assert found.sidecar.media_type == "application/json"


def test_an_operations_error_fails_the_job_with_its_words(runtime: Runtime, extension: Path) -> None:
    job = run(runtime, extension, "noter", {"path": "00000000-0000-0000-0000-000000000000", "note": "n"})
    assert job.status is Status.FAILED
    ((level, message),) = logged(job)
    assert level == ERROR
    assert message.startswith("not_found: ")


def test_the_trespasser_is_denied(runtime: Runtime, extension: Path) -> None:
    job = run(runtime, extension, "trespasser", {})
    assert job.status is Status.COMPLETED
    assert logged(job) == [(INFO, "denied: permission_denied")]
    assert warnings(job) == ["denied"]
    assert states(job) == [b"{}"]


def test_a_pause_saves_the_state_and_a_resume_goes_on_from_it(runtime: Runtime, extension: Path) -> None:
    name = runtime.install(extension).extension
    job = runtime.dispatch(f"{name}:counter", {"target": 600})
    eventually(lambda: job.items >= 1)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    done = json.loads(states(job)[-1])["current"]
    assert done == job.items < 600
    assert states(job)[-1] == states(job)[-2]  # once more, before it left
    job.resume()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert job.items == 600
    assert states(job)[-1] == b'{"current":600,"target":600}'
    assert runtime.verify(job.job_id).verdict is Verdict.PROVED


def test_a_killed_process_costs_a_job_nothing(extension: Path, tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    with perdure.process("run", extension, "counter", "--state", '{"target": 5000}', "--yes") as victim:
        eventually(lambda: (((perdure.data / "log").exists() and perdure.job()) or {}).get("checkpoints", 0) >= 2)
        victim.kill()
        victim.wait(TIMEOUT)
    assert perdure.job()["items"] < 5000
    perdure.done("resume")
    job = perdure.job()
    assert (job["status"], job["items"], job["attempts"]) == ("completed", 5000, 2)
    assert perdure.done("verify", "--all", "--again", "--json").json["not_proved"] == []
