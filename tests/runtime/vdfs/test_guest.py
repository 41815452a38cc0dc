"""Every operation as a guest calls it: on the wire, within its permissions, in its library, recorded, and repeated."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from tests.runtime.vdfs.shelf import LIBRARY, Shelf
from tests.support.job_history import events_of
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestResult, GuestSpec
from perdure.runtime import RetryPolicy, Runtime, Status
from perdure.runtime.permissions import operation_name
from perdure.store import rows
from perdure.store.errors import WriteConflict
from perdure.store.events import ActionAnswered, OperationAnswered

ACTIONS = {"create_entry", "update_metadata", "delete_entry", "append_content", "write_sidecar", "delete_sidecar"}
QUERIES = {"get_entry", "list_entries", "read_content", "read_sidecar", "list_sidecars", "get_usage"}


def wire(operation: str) -> str:
    return f"{'action' if operation in ACTIONS else 'query'}:vdfs.{operation}"


class Guest:
    """An extension whose jobs make one call each, in the library of the shelf."""

    def __init__(self, jobs: PythonJobs) -> None:
        self.jobs = jobs

    def call(self, operation: str, library_id: UUID = LIBRARY, **request: Any) -> dict[str, Any]:
        """The answer; it and the request are what the operation's schemas say."""
        name = operation_name(wire(operation))
        assert name is not None
        declared = self.jobs.runtime.operations.get(name)
        assert declared is not None
        takes, gives = declared.schemas()
        Draft202012Validator(takes).validate(request)
        answer = self.jobs.call(wire(operation), request, library_id)
        if "code" not in answer:
            Draft202012Validator(gives).validate(answer)
        return answer


@pytest.fixture
def guest(shelf: Shelf, tmp_path: Path) -> Guest:
    return Guest(PythonJobs(shelf.runtime, tmp_path, methods=["query:vdfs.", "action:vdfs."]))


def test_a_guests_day(guest: Guest, shelf: Shelf) -> None:
    made = guest.call("create_entry", name="a.txt", text="hello", metadata={"a": 1})
    entry_id = made["id"]
    assert made == {
        "id": entry_id,
        "name": "a.txt",
        "kind": "file",
        "media_type": "text/plain; charset=utf-8",
        "metadata": {"a": 1},
        "size": 5,
        "digest": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "created": made["created"],
        "updated": made["created"],
        "revision": 1,
        "extension": "acme",
        "sidecars": 0,
    }
    assert guest.call("get_entry", entry_id=entry_id) == made
    grown = guest.call("append_content", entry_id=entry_id, offset=5, content=base64.b64encode(b"!").decode())
    assert (grown["size"], grown["revision"]) == (6, 2)
    assert guest.call("read_content", entry_id=entry_id, text=True)["text"] == "hello!"
    assert base64.b64decode(guest.call("read_content", entry_id=entry_id, offset=5)["content"]) == b"!"
    assert guest.call("update_metadata", entry_id=entry_id, name="b.txt")["name"] == "b.txt"
    assert [entry["id"] for entry in guest.call("list_entries", extension="acme")["entries"]] == [entry_id]
    written = guest.call("write_sidecar", entry_id=entry_id, name="ocr.json", text="{}", media_type="application/json")
    assert (written["size"], written["extension"]) == (2, "acme")
    assert guest.call("read_sidecar", entry_id=entry_id, name="ocr.json", text=True)["text"] == "{}"
    assert [sidecar["name"] for sidecar in guest.call("list_sidecars", entry_id=entry_id)["sidecars"]] == ["ocr.json"]
    assert guest.call("get_usage")["entries_used"] == 1
    # Another one, the host, sees the same: entries belong to the library.
    assert str(shelf.entries()[0].id) == entry_id
    assert guest.call("delete_sidecar", entry_id=entry_id, name="ocr.json") == {"deleted": True}
    assert guest.call("delete_entry", entry_id=entry_id) == {"deleted": True}
    assert guest.call("get_entry", entry_id=entry_id)["code"] == "not_found"


@pytest.mark.parametrize("operation", sorted(ACTIONS | QUERIES))
def test_each_operation_needs_its_permission(shelf: Shelf, tmp_path: Path, operation: str) -> None:
    others = [wire(other) for other in sorted(ACTIONS | QUERIES) if other != operation]
    jobs = PythonJobs(shelf.runtime, tmp_path, methods=others)
    assert jobs.call(wire(operation), {}, LIBRARY)["code"] == "permission_denied"


@pytest.mark.parametrize("operation", sorted((ACTIONS | QUERIES) - {"list_entries", "get_usage"}))
@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"null", b'{"entry_id": {}}', b"[" * 10_000, b"\xff"])
def test_payloads_that_are_refused(guest: Guest, operation: str, payload: bytes) -> None:
    answer = guest.jobs.call(wire(operation), payload, LIBRARY)
    assert answer["code"] == "invalid_payload"
    assert answer["error"]


def test_a_library_that_is_not_allowed(shelf: Shelf, tmp_path: Path) -> None:
    entry = shelf.create("secret", b"x")
    jobs = PythonJobs(shelf.runtime, tmp_path, methods=["*"], libraries=[str(UUID(int=5))])
    answers: list[dict[str, Any]] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        payload = json.dumps({"entry_id": str(entry.id)}).encode()
        for method in ("query:vdfs.get_entry", "action:vdfs.delete_entry"):
            answers.append(json.loads(host.call(method, payload, LIBRARY)))
            answers.append(json.loads(host.call(method, payload)))

    jobs.body = body
    assert jobs.start(library_id=UUID(int=5)).wait(TIMEOUT).status is Status.COMPLETED
    assert [answer.get("code") for answer in answers] == ["library_denied", "not_found", "library_denied", None]
    assert answers[3] == {"deleted": False}
    assert shelf.get(entry) == entry


def test_actions_are_recorded_with_their_rows_and_queries_without(guest: Guest, shelf: Shelf) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.call("action:vdfs.create_entry", b'{"name": "a"}')
        host.call("query:vdfs.list_entries", b"{}")
        host.call("action:vdfs.create_entry", b'{"name": "a/b"}')

    guest.jobs.body = body
    job = guest.jobs.start(library_id=LIBRARY)
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    created, refused = events_of(job, ActionAnswered)
    (listed,) = events_of(job, OperationAnswered)
    assert (created.code, refused.code, listed.code) == ("", "invalid_payload", "")
    assert any(write.key.startswith(b"vdfs\0e\0") for write in created.writes)
    assert refused.writes == ()
    assert [topic for topic, _ in shelf.published()] == ["entry.created"]


def test_a_job_that_repeats_its_steps_does_them_once(guest: Guest, shelf: Shelf) -> None:
    """The guest fails after its steps, and goes on from no checkpoint: it does all of them again."""
    runs: list[list[dict[str, Any]]] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        answers: list[dict[str, Any]] = []

        def call(operation: str, **request: Any) -> dict[str, Any]:
            answers.append(json.loads(host.call(wire(operation), json.dumps(request).encode())))
            return answers[-1]

        runs.append(answers)
        first, second = (call("create_entry", name="a", text="x") for _ in range(2))
        assert first["id"] != second["id"]
        call("update_metadata", entry_id=first["id"], metadata={"a": 1}, if_revision=1)
        call("append_content", entry_id=second["id"], offset=1, content="YWJj")
        call("write_sidecar", entry_id=second["id"], name="s", text="1", if_revision=0)
        return GuestResult(Exit.FAILED, host.fuel) if len(runs) == 1 else None

    guest.jobs.body = body
    job = guest.jobs.runtime.dispatch("acme:run", library_id=LIBRARY, retry=RetryPolicy(attempts=2, initial_ms=1))
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    first, second = runs
    assert [answer["revision"] for answer in first] == [1, 1, 2, 2, 1]
    assert second == first  # what was answered then
    assert all("code" not in answer for answer in first + second)
    assert len(shelf.entries()) == 2
    assert [topic for topic, _ in shelf.published()].count("entry.created") == 2
    assert shelf.library.usage().entries_used == 2


def test_a_guest_uploads_and_reads_in_parts(guest: Guest, shelf: Shelf) -> None:
    part = bytes(range(256)) * 12_000
    seen: list[bytes] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        def call(operation: str, **request: Any) -> dict[str, Any]:
            answer: dict[str, Any] = json.loads(host.call(wire(operation), json.dumps(request).encode()))
            return answer

        entry = call("create_entry", name="film")
        for _ in range(3):
            content = base64.b64encode(part).decode()
            entry = call("append_content", entry_id=entry["id"], offset=entry["size"], content=content)
        offset = 0
        while offset is not None:
            answer = call("read_content", entry_id=entry["id"], offset=offset)
            seen.append(base64.b64decode(answer["content"]))
            offset = answer["next_offset"]

    guest.jobs.body = body
    assert guest.jobs.start(library_id=LIBRARY).wait(TIMEOUT).status is Status.COMPLETED
    assert b"".join(seen) == part * 3
    (entry,) = shelf.entries()
    assert shelf.library.open(entry.id).read() == part * 3


def test_many_jobs_at_once_lose_nothing(tmp_path: Path) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(10):
            answer = json.loads(host.call("action:vdfs.create_entry", b'{"name": "%d"}' % number))
            assert "code" not in answer, answer
            shared = json.dumps({"entry_id": json.loads(state), "metadata": {f"{spec.job_id} {number}": 1}})
            answer = json.loads(host.call("action:vdfs.update_metadata", shared.encode()))
            assert "code" not in answer, answer

    with Runtime.open(tmp_path / "data") as runtime:
        jobs = PythonJobs(runtime, tmp_path, body, methods=["*"])
        shelf = Shelf(runtime)
        shared = shelf.create("shared")
        started = [jobs.start(str(shared.id), LIBRARY) for _ in range(8)]
        for job in started:
            assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
        after = shelf.get(shared)
        assert (len(after.metadata), after.revision) == (80, 81)
        assert len(shelf.entries()) == 81
        usage = shelf.library.usage()
        assert usage.entries_used == 81


def test_jobs_at_once_seldom_meet_at_the_quota(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conflicts = 0

    class Counted(WriteConflict):
        def __init__(self, key: bytes) -> None:
            nonlocal conflicts
            conflicts += 1
            super().__init__(key)

    monkeypatch.setattr(rows, "WriteConflict", Counted)

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for _ in range(25):
            assert b'"code"' not in host.call("action:vdfs.create_entry", b'{"name": "a"}')

    jobs = PythonJobs(shelf.runtime, tmp_path, body, methods=["*"])
    for job in [jobs.start(library_id=LIBRARY) for _ in range(8)]:
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    assert shelf.library.usage().entries_used == 200
    # Each shard claims room once, and whoever comes at the same time does so again: with one counter it is 800.
    assert conflicts <= 8 * 7
