"""In plain Python: ``pytest``. In the sandbox, built and run by a real runtime: ``pytest --perdure-sandbox``."""

import json

from counter_python import counter, failing, noter, trespasser, warner

from perdure_sdk import NotFound
from perdure_sdk.testing import LogWritten, ProgressReported, run_job

ENTRY = "00000000-0000-0000-0000-00000000000a"
WRITTEN = {
    "entry_id": ENTRY, "name": "note", "media_type": "application/json", "size": 15, "digest": "", "created": 0,
    "updated": 0, "revision": 1, "extension": "counter-python",
}  # fmt: skip


def test_it_counts_to_its_target() -> None:
    result = run_job(counter, {"target": 3})
    assert result.completed
    assert result.progress[-1] == ProgressReported(1.0, "Counted 3/3")
    assert result.checkpoints == [{"current": n, "target": 3} for n in (1, 2, 3, 3)]
    assert (result.items, result.bytes) == (3, 24)


def test_it_goes_on_where_it_was_interrupted() -> None:
    first = run_job(counter, {"target": 5}, interrupt_at=3)
    assert first.interrupted
    assert first.state == {"current": 2, "target": 5}
    second = run_job(counter, first.state)
    assert second.completed
    assert len(second.progress) == 3


def test_it_needs_numbers() -> None:
    result = run_job(counter, {"target": "many"})
    assert result.error is not None
    assert result.error.message == "state.target: expected an integer, got 'many'"


def test_it_warns() -> None:
    result = run_job(warner, {"count": 5})
    assert result.warnings == [f"Warning {number}" for number in range(1, 6)]
    assert [line.level for line in result.logs] == ["info", "debug", "info", "warn", "error", "debug"]


def test_it_fails_with_its_message() -> None:
    result = run_job(failing, {"message": "out of luck"})
    assert result.error is not None
    assert (result.error.kind, result.error.message) == ("ValueError", "out of luck")
    assert "raise ValueError(state.message)" in result.error.traceback
    assert result.logs == [LogWritten("error", "out of luck")]


def test_it_writes_a_note_and_reads_it_back() -> None:
    notes: dict[str, str] = {}

    def write(payload: dict[str, str]) -> dict[str, object]:
        notes[payload["entry_id"]] = payload["text"]
        return WRITTEN

    result = run_job(
        noter,
        {"path": ENTRY, "note": "milk"},
        operations={
            "action:vdfs.write_sidecar": write,
            "query:vdfs.read_sidecar": lambda payload: {"sidecar": WRITTEN, "text": notes[payload["entry_id"]]},
        },
    )
    assert result.completed, result.error
    assert json.loads(notes[ENTRY]) == {"note": "milk"}


def test_a_note_needs_an_entry() -> None:
    result = run_job(noter, {"path": ENTRY, "note": "milk"}, operations={"action:vdfs.write_sidecar": NotFound("none")})
    assert result.error is not None
    assert result.error.message == "not_found: none"


def test_it_is_refused_what_its_manifest_does_not_ask_for() -> None:
    result = run_job(trespasser)
    assert result.completed
    assert (result.calls[0].code, result.warnings) == ("permission_denied", ["denied"])
