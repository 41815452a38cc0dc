"""Jobs in Rust in a real runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.command_line import CommandLine
from tests.support.job_events import plain
from tests.support.job_history import events_of, store_of
from tests.support.module_guests import CompiledModules, digest, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors.operations import CODES, OperationFailed
from perdure.runtime import DEFAULT_LIBRARY, JobHandle, Runtime, Status
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query
from perdure.runtime.operations.ping import PingInput, PingOutput
from perdure.store import load_payload
from perdure.store.events import CheckpointSaved, LogWritten, ProgressReported, WarningAdded

pytestmark = pytest.mark.timeout(600)  # compilers, beside other tests

ERROR = 3


def run(runtime: Runtime, folder: Path, job: str, state: object = None, library: UUID = DEFAULT_LIBRARY) -> JobHandle:
    """Run a job to its end."""
    extension = runtime.install(folder)
    handle = runtime.dispatch(f"{extension.extension}:{job}", state, library_id=library)
    handle.wait(TIMEOUT)
    return handle


def completed(runtime: Runtime, folder: Path, job: str, state: object = None, verdict: str = "proved") -> Any:
    """Run a job that completes, and verify it; returns its last state."""
    handle = run(runtime, folder, job, state)
    assert handle.status is Status.COMPLETED, (handle.error, logs(handle))
    assert runtime.verify(handle.job_id).verdict == verdict
    return state_of(handle)


def state_of(job: JobHandle) -> Any:
    """What the last checkpoint says."""
    return json.loads(load_payload(store_of(job).blobs, plain(events_of(job, CheckpointSaved)[-1].state)))


def logs(job: JobHandle) -> list[tuple[int, str]]:
    return [(event.level, event.message) for event in events_of(job, LogWritten)]


def refused(runtime: Runtime, folder: Path, job: str, state: object) -> str:
    """Run a job that fails; returns the line in which it says why."""
    handle = run(runtime, folder, job, state)
    assert handle.status is Status.FAILED
    assert handle.error is not None
    assert handle.error.kind == "guest_failed"
    level, message = logs(handle)[-1]
    assert level == ERROR
    return message


# --- the example -----------------------------------------------------------------------------------------------------


def test_it_counts(runtime: Runtime, counter: Path) -> None:
    job = run(runtime, counter, "counter", {"target": 3, "other": [1]})
    assert (job.status, job.items, job.bytes) == (Status.COMPLETED, 3, 24)
    assert state_of(job) == {"current": 3, "target": 3}
    assert [event.message for event in events_of(job, ProgressReported)] == [f"Counted {n}/3" for n in (1, 2, 3)]
    assert runtime.verify(job.job_id).verdict == "proved"


def test_no_state_is_the_default(runtime: Runtime, counter: Path) -> None:
    assert completed(runtime, counter, "counter") == {"current": 0, "target": 0}


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"target": "3"}, 'bad state: invalid type: string "3", expected u64 at line 1 column 13'),
        ({"target": -1}, "bad state: invalid value: integer `-1`, expected u64 at line 1 column 12"),
        ([1, 2], "bad state: it is a list, not an object"),
        ("x", 'bad state: invalid type: string "x", expected struct CounterState'),
    ],
)
def test_a_bad_state_fails_the_job_and_says_why(runtime: Runtime, counter: Path, state: object, why: str) -> None:
    assert why.split(" at line", maxsplit=1)[0] in refused(runtime, counter, "counter", state)


def test_warnings_and_levels(runtime: Runtime, counter: Path) -> None:
    job = run(runtime, counter, "warner", {"count": 5})
    assert [event.message for event in events_of(job, WarningAdded)] == [f"Warning {n}" for n in range(1, 6)]
    expected = [(0, "line 1"), (1, "line 2"), (2, "line 3"), (3, "line 4"), (0, "line 5")]
    assert logs(job) == [(1, "Warning 5 times"), *expected]


def test_a_failure(runtime: Runtime, counter: Path) -> None:
    assert refused(runtime, counter, "failing", {"message": "no luck"}) == "no luck"


def test_a_note(runtime: Runtime, counter: Path) -> None:
    made: Any = runtime.call("action:vdfs.create_entry", {"name": "a"}, library_id=DEFAULT_LIBRARY)
    entry = str(made.id)
    completed(runtime, counter, "noter", {"path": entry, "note": 'he said "hé"'})
    sidecar = {"entry_id": entry, "name": "note", "text": True}
    read: Any = runtime.call("query:vdfs.read_sidecar", sidecar, library_id=DEFAULT_LIBRARY)
    assert json.loads(read.text) == {"note": 'he said "hé"'}
    nowhere = {"path": str(UUID(int=5)), "note": ""}
    assert refused(runtime, counter, "noter", nowhere).startswith("not_found: ")


def test_what_is_denied(runtime: Runtime, counter: Path) -> None:
    job = run(runtime, counter, "trespasser")
    assert job.status is Status.COMPLETED
    assert logs(job) == [(1, "denied: permission_denied")]
    assert [event.message for event in events_of(job, WarningAdded)] == ["denied"]


def test_killed_it_goes_on_where_it_was(counter: Path, tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    state = json.dumps({"target": 3_000})
    with perdure.process("run", counter, "counter", "--state", state, "--yes") as victim:
        eventually(lambda: (((perdure.data / "log").exists() and perdure.job()) or {}).get("checkpoints", 0) >= 2)
        victim.kill()
        victim.wait(TIMEOUT)
    perdure.done("resume")
    job = perdure.job()
    assert (job["status"], job["items"]) == ("completed", 3_000)
    assert perdure.done("verify", "--all", "--again", "--json").json["not_proved"] == []


# --- the SDK ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({"message": "index", "at": 7}, "index out of bounds: the len is 3 but the index is 7"),
        ({"message": "unwrap"}, "called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }"),
        ({"message": "oh no"}, "oh no"),
    ],
)
def test_a_panic_is_logged_with_its_place(runtime: Runtime, probe: Path, state: object, line: str) -> None:
    job = run(runtime, probe, "panicking", state)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.kind == "trap"
    (level, message) = logs(job)[-1]
    assert level == ERROR
    place, _, text = message.removeprefix("panicked at ").partition(": ")
    assert text == line
    assert place.startswith("src/lib.rs:")


def test_every_code_is_answered(runtime: Runtime, probe: Path) -> None:
    @query("codes.fail")
    def fail(context: CallContext, request: PingInput) -> PingOutput:
        """Fail with a code."""
        raise OperationFailed(request.message, "because", retry_after_ms=request.count)

    runtime.operations.register(fail)
    for code in sorted(CODES):
        payload = {"message": code, "count": 1500 if code == "rate_limited" else None}
        found = completed(runtime, probe, "call", {"method": "query:codes.fail", "payload": payload})
        assert (found["code"], found["message"]) == (code, "because")
        assert found["retry_after_ms"] == payload["count"]


def test_answers_and_libraries(runtime: Runtime, probe: Path) -> None:
    ping = {"method": "query:test.ping", "payload": {"message": "hé", "count": 1}}
    assert completed(runtime, probe, "call", ping)["answer"]["echo"] == "Pong: hé"
    one, two = UUID("00000000-0000-4000-8000-000000000001"), UUID("00000000-0000-4000-8000-000000000002")
    usage = {"method": "query:vdfs.get_usage", "payload": {}}
    assert completed(runtime, probe, "call", {**usage, "library": str(one)})["answer"]["own"] is False
    assert completed(runtime, probe, "call", {**usage, "library": str(two)})["code"] == "library_denied"
    assert refused(runtime, probe, "call", {**ping, "library": "here"}) == 'invalid_payload: "here" is no UUID'


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("call", "unknown_method: "),
        ("parse", "invalid digit found in string"),
        ("type", "bad_answer: query:test.ping: invalid type: map, expected a sequence"),
        ("library", 'invalid_payload: "here" is no UUID'),
        ("full", "the checkpoint could not be stored"),
    ],
)
def test_errors_pass_through_a_question_mark(runtime: Runtime, probe: Path, how: str, line: str) -> None:
    assert refused(runtime, probe, "recover", how).startswith(line)


def test_time_and_chance_are_the_hosts(runtime: Runtime, probe: Path) -> None:
    told, again = completed(runtime, probe, "told"), completed(runtime, probe, "told")
    assert told["seconds"] > 1_700_000_000
    assert len(told["bytes"]) == 16
    assert told["bytes"] != again["bytes"]
    assert told["library_id"] == str(DEFAULT_LIBRARY)


def test_texts_and_numbers_at_their_limits(runtime: Runtime, probe: Path) -> None:
    job = run(runtime, probe, "shout", "é")
    assert job.status is Status.COMPLETED
    assert (job.items, job.bytes) == (2**63 - 1, 0)
    assert logs(job)[-1] == (2, "é\U0001f600")
    assert [event.progress for event in events_of(job, ProgressReported)] == [0.0, 1.0]


def test_every_family_of_operations(runtime: Runtime, probe: Path) -> None:
    # It erases a credential, and with it what the log has of it.
    assert completed(runtime, probe, "everything", verdict="partial") == "done"


def test_what_the_extension_offers(runtime: Runtime, probe: Path) -> None:
    runtime.install(probe)
    (info,) = runtime.extensions()
    jobs = {job.name: job.resumable for job in info.job_types}
    assert jobs["only-once"] is False
    assert all(resumable for name, resumable in jobs.items() if name != "only-once")


def test_no_call_leaks(probe: Path) -> None:
    """100,000 calls, whose payloads and answers have a thousand bytes and more, in the same memory."""
    module = next(probe.glob("*.wasm")).read_bytes()
    host = RecordingHost(answer=b'{"echo": "' + b"y" * 2000 + b'"}')
    spec = spec_for(digest(module), export="execute_many", payload_bytes=8192)
    guest = WasmGuestFactory(CompiledModules(module))(spec)
    try:
        result = guest.run(host, b'{"calls": 100000}')
    finally:
        guest.close()
    assert result.error is None
    assert host.names.count("call") == 100_000
    state = json.loads(next(call[1] for call in reversed(host.calls) if call[0] == "checkpoint"))
    assert state["pages_before"] == state["pages_after"] < 64
