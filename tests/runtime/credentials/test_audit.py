"""Who did what with a credential, and when: all of it, refused attempts too, and nothing that did not happen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.credentials.test_credentials import API_KEY, OTHER_LIBRARY, refusal, store
from tests.runtime.credentials.test_shares import read, share
from tests.support.manual_clock import ManualClock
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.secret_calls import install_calls, run_calls
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import DEFAULT_LIBRARY, Runtime
from perdure.runtime.credentials import audit
from perdure.runtime.credentials.audit import AuditRecord, audit_windows
from perdure.store.events import CALLS_STREAM, RUNTIME_STREAM, RuntimeOpened

AUDIT, GET = "query:credentials.audit", "query:credentials.get"


def records(runtime: Runtime, extension: str | None = "notes", **request: Any) -> list[AuditRecord]:
    """All pages of an audit, once all that was called is on disk."""
    runtime._system.append(RUNTIME_STREAM, [RuntimeOpened(1, "", "")])  # durable, and so is all before it
    found: list[AuditRecord] = []
    after: int | None = 0
    while after is not None:
        page = runtime.call(AUDIT, {"after_position": after, **request}, extension=extension)
        found += page.records
        after = page.next
    return [record for record in found if record.operation != AUDIT]


def said(found: list[AuditRecord]) -> list[tuple[str, str | None, str | None, str]]:
    return [(one.operation.partition(".")[2], one.name, one.extension, one.outcome) for one in found]


def test_it_has_who_did_what(runtime: Runtime, clock: ManualClock) -> None:
    before = clock.now()
    store(runtime, "one", API_KEY)
    clock.advance(60)
    share(runtime)
    read(runtime)
    refusal(read, runtime, "two")
    refusal(runtime.call, GET, {"name": "one", "extension": "notes"}, extension="photos")
    store(runtime, "other", API_KEY, extension="photos")
    found = records(runtime)
    assert said(found) == [
        ("store", "one", "notes", "ok"),
        ("share", "one", "notes", "ok"),
        ("get", "one", "photos", "ok"),
        ("get", "two", "photos", "permission_denied"),
        ("get", "one", "photos", "permission_denied"),
    ]
    assert {one.owner for one in found} == {"notes"}
    assert [one.reader for one in found] == [None, "photos", None, None, None]
    assert [one.time - before for one in found] == [0, *[60_000_000] * 4]
    assert [one.position for one in found] == sorted({one.position for one in found})
    assert len(records(runtime, None)) == 6
    assert runtime.call(AUDIT, {"extension": "photos"}).records == records(runtime, "photos")
    assert said([one for one in records(runtime, None) if one.owner == "photos"]) == [
        ("store", "other", "photos", "ok")
    ]
    assert said(records(runtime, name="two")) == [("get", "two", "photos", "permission_denied")]
    assert refusal(runtime.call, AUDIT, {"extension": "notes"}, extension="photos") == "permission_denied"


def test_an_extension_sees_what_was_done_in_the_library_of_its_call(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    store(runtime, "two", API_KEY, library_id=OTHER_LIBRARY)
    assert [one.name for one in records(runtime)] == ["one"]
    page = runtime.call(AUDIT, {}, extension="notes", library_id=OTHER_LIBRARY)
    assert [one.name for one in page.records] == ["two"]
    assert [one.name for one in records(runtime, None)] == ["one", "two"]


def test_it_has_the_calls_of_jobs(runtime: Runtime, tmp_path: Path) -> None:
    def body(**fields: Any) -> bytes:
        return json.dumps(fields).encode()

    credential = {"type": "api_key", "key": "k"}
    install_calls(
        runtime,
        tmp_path,
        ("action:credentials.store.input.v1", body(name="one", credential=credential)),
        (GET, body(name="one")),
        (GET, b'{"name": "secret'),
        ("action:credentials.stroe", body(name="one", credential=credential)),
        ("query:vdfs.get_usage", b"{}"),
        (GET, body(name=["one"])),
        (GET, body(name="n" * 5000)),
        extension="worker",
    )
    install_calls(runtime, tmp_path, (GET, body(name="one")), extension="denied", methods=["query:vdfs."])
    job = run_calls(runtime, "worker")
    other = run_calls(runtime, "denied")
    found = records(runtime, None)
    assert said(found) == [
        ("store", "one", "worker", "ok"),
        ("get", "one", "worker", "ok"),
        ("get", None, "worker", "invalid_payload"),
        ("stroe", None, "worker", "unknown_method"),
        ("get", None, "worker", "invalid_payload"),
        ("get", None, "worker", "invalid_payload"),
        ("get", "one", "denied", "permission_denied"),
    ]
    assert [one.job_id for one in found] == [job.job_id] * 6 + [other.job_id]
    assert {(one.caller, one.library_id) for one in found} == {("job", DEFAULT_LIBRARY)}


def test_a_fork_reads_nothing_by_being_made(runtime: Runtime, tmp_path: Path) -> None:
    jobs = PythonJobs(runtime, tmp_path, extension="forked", methods=["query:credentials."])

    def body(host: PythonHost, state: bytes, spec: Any) -> None:
        host.call(GET, b'{"name": "one"}')
        host.checkpoint(b"{}")
        host.call(GET, b'{"name": "two"}')

    jobs.body = body
    job = jobs.start()
    job.wait(TIMEOUT)
    assert [one.name for one in records(runtime, "forked")] == ["one", "two"]
    fork = runtime.fork(job.job_id, at=runtime.store.job(job.job_id).sequence - 1)
    fork.wait(TIMEOUT)
    found = records(runtime, "forked")
    assert {one.job_id for one in found[2:]} <= {fork.job_id}
    assert [one.name for one in found].count("one") == 1


def test_pages_and_times(runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_WINDOW", 3)
    for number in range(20):
        clock.advance(100)
        store(runtime, f"n{number}", API_KEY)
        runtime.call("query:test.ping", {"message": "x"})
    whole = records(runtime)
    assert [one.name for one in whole] == [f"n{number}" for number in range(20)]
    assert records(runtime, limit=3) == whole
    for number in (0, 7, 19):
        assert records(runtime, since=whole[number].time) == whole[number:]
        assert records(runtime, since=whole[number].time + 1) == whole[number + 1 :]
    until = whole[10].position
    windows = [window.records for window in audit_windows(runtime.store, until=until)]
    assert [one for window in windows for one in window if one.operation != AUDIT] == whole[:11]
    assert len(windows) > 3


def test_what_the_host_uses_for_an_extension_is_in_it(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    mailbox = {"type": "imap", "host": "mail.example.com", "credential": "one"}
    assert refusal(runtime.call, "query:mail.list", {"mailbox": mailbox}, extension="notes")
    runtime.call("query:test.ping", {"message": '{"mailbox": {"credential": "one"}}'}, extension="notes")
    found = records(runtime)
    assert [(one.operation, one.name, one.owner) for one in found] == [
        ("action:credentials.store", "one", "notes"),
        ("query:mail.list", "one", "notes"),
    ]
    assert found[1].outcome != "ok"


def test_it_is_itself_in_the_audit(runtime: Runtime) -> None:
    runtime.call(AUDIT, {}, extension="notes")
    eventually(lambda: len(list(runtime.store.read(CALLS_STREAM))) >= 1)
    page = runtime.call(AUDIT, {}, extension="notes")
    assert [(one.operation, one.owner) for one in page.records] == [(AUDIT, "notes")]


def test_nothing_of_a_credential_is_in_it(runtime: Runtime) -> None:
    store(runtime, "one", {"type": "login", "username": "ann", "password": "s3cret"})
    runtime.call(GET, {"name": "one"}, extension="notes")
    refusal(store, runtime, "one", {"type": "login", "pasword": "s3cret"})
    page = repr(records(runtime, None))
    assert "s3cret" not in page
    assert "ann" not in page
