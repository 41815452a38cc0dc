"""What an extension's history adds up to: uses, refusals, the busiest minute, the most jobs at once, the least."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.extension_folders import write_extension
from tests.support.job_events import LIMITS, RETRY
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import eventually

from perdure.runtime import Grant, Runtime, UnknownExtension, grant_as_asked, permissions_report
from perdure.runtime.errors import OperationError
from perdure.runtime.manifest import ManifestPermissions
from perdure.runtime.permission_use import PermissionUse, Use, permission_use
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.sealing import seal
from perdure.store import MemoryEventStore
from perdure.store import events as ev

MINUTE = 60_000_000
LIBRARY = UUID(int=5)
EMPTY = ev.Inline(b"{}")


# --- the pure part ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5 * MINUTE), max_size=40))
def test_the_busiest_minute(times: list[int]) -> None:
    use = PermissionUse()
    for time in times:
        use.call("query:test.ping", None, "", time)
    naive = max((sum(time <= other < time + MINUTE for other in times) for time in times), default=0)
    assert use.requests_per_minute() == naive


def test_a_minute_has_no_first_moment_of_the_next() -> None:
    use = PermissionUse()
    for time in (0, MINUTE - 1, MINUTE):
        use.call("query:test.ping", None, "", time)
    assert use.requests_per_minute() == 2


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=20))
def test_the_most_jobs_at_once(attempts: list[tuple[int, int]]) -> None:
    use = PermissionUse()
    for start, length in attempts:
        use.attempt(start, start + length)
    naive = max((sum(a <= now < a + length for a, length in attempts) for now in range(80)), default=0)
    assert use.concurrent_jobs() == naive


@pytest.mark.parametrize("code", ["permission_denied", "library_denied", "rate_limited", "unknown_method"])
def test_a_call_that_was_refused_needed_nothing(code: str) -> None:
    use = PermissionUse()
    use.call("query:ai.ocr", LIBRARY, code, 7, ["a.example.com"])
    assert use.refused.uses == {("query:ai.ocr", code): Use(count=1, last=7)}
    asked = ManifestPermissions(methods=("query:",))
    assert use.suggested(asked)["methods"] == use.suggested(asked)["network_access"] == []
    assert [entry.use.count for entry in use.entries(asked, Grant(methods=("query:",)))] == [0, 0]


@pytest.mark.parametrize("code", ["", "failed", "not_found", "invalid_payload", "unavailable"])
def test_a_call_that_ran_was_used_whatever_came_of_it(code: str) -> None:
    use = PermissionUse()
    use.call("query:ai.ocr.input.v2", LIBRARY, code, 7)
    use.call("query:ai.ocr.v2", LIBRARY, code, 9)
    assert use.suggested(ManifestPermissions())["methods"] == ["query:ai.ocr.v2"]
    asked = ManifestPermissions(methods=("query:ai.", "query:ai.ocr", "action:"))
    found = {entry.entry: entry for entry in use.entries(asked, Grant(methods=("query:ai.",), denied=("query:ai.x",)))}
    assert found["query:ai."].use == Use(count=2, last=9)
    assert not found["query:ai."].granted  # a part of it is denied
    assert (found["query:ai.ocr"].use, found["query:ai.ocr"].granted) == (Use(), True)  # its first version
    assert (found["action:"].asked, found["action:"].granted) == (True, False)


def test_a_guest_cannot_fill_the_list_of_refusals() -> None:
    use = PermissionUse()
    for number in range(5_000):
        use.call(f"query:x{number}", None, "permission_denied", number)
    use.call("query:" + "x" * 1_000_000, None, "unknown_method", 1)
    assert len(use.refused.uses) <= 1_002
    assert sum(one.count for one in use.refused.uses.values()) == 5_001
    assert max(len(method) for method, _ in use.refused.uses) <= 200


# --- from the log ----------------------------------------------------------------------------------------------------


def job(store: MemoryEventStore, number: int, *events: ev.Event, extension: str = "acme") -> None:
    job_id = UUID(int=number)
    dispatched = ev.JobDispatched(
        job_id=job_id,
        job_type=f"{extension}:job",
        extension=extension,
        version="1",
        module="0" * 64,
        export="job",
        library_id=LIBRARY,
        resumable=True,
        state=EMPTY,
        limits=LIMITS,
        retry=RETRY,
    )
    store.append(ev.job_stream(job_id), [dispatched, *events])


def asked(method: str, payload: bytes, answer: bytes = b"{}", code: str = "") -> ev.OperationAnswered:
    return ev.OperationAnswered(1, 1, method, None, ev.Inline(payload), ev.Inline(answer), code)


def test_an_attempt_whose_process_died_ended_with_what_was_last_heard() -> None:
    now = iter(range(0, 10_000_000, 1_000_000))
    store = MemoryEventStore(lambda: next(now))
    started = ev.JobStarted(1, 7)
    job(store, 1)
    store.append(ev.job_stream(UUID(int=1)), [started])
    job(store, 2)
    store.append(ev.job_stream(UUID(int=1)), [ev.JobResumed(0, "recovery")])
    store.append(ev.job_stream(UUID(int=2)), [started])
    store.append(ev.job_stream(UUID(int=1)), [replace(started, attempt=2)])
    use = permission_use(store, "acme")
    assert use.concurrent_jobs() == 1  # the second began after the last that was heard of the first
    store.append(ev.job_stream(UUID(int=2)), [ev.WarningAdded(1, 1, "still here")])
    assert permission_use(store, "acme").concurrent_jobs() == 2


def test_hosts_are_those_of_requests_and_where_they_were_sent_on_to() -> None:
    store = MemoryEventStore(lambda: 5)
    keychain = Keychain.in_memory()
    url = b'{"url": "https://c.example.com:8443/?token=secret"}'
    payload = seal(keychain, store.blobs, keychain.extension_key("acme"), b'{"url": "[sensitive]"}', url)
    sealed = replace(asked("query:http.request", b""), payload=payload)
    shown = replace(sealed, answer=ev.Sealed("key", b'{"origin": "https://e.example.com"}', EMPTY))
    lost = replace(sealed, payload=ev.Sealed("no such key", b"{}", EMPTY))
    job(
        store,
        1,
        ev.JobStarted(1, 7),
        asked("action:http.request", b'{"url": "https://A.example.com/x"}', b'{"origin": "http://b.example.com"}'),
        sealed,
        shown,
        lost,
        asked("action:http.request", b'{"url": "https://no.example.com/"}', code="permission_denied"),
        *(
            asked("action:http.request", payload)
            for payload in (b"", b"[]", b'{"url": 5}', b'{"url": "x"}', b"[" * 9999)
        ),
        asked("query:test.ping", b'{"url": "https://other.example.com/"}'),
    )
    job(
        store,
        2,
        ev.JobStarted(1, 7),
        asked("query:http.request", b'{"url": "https://d.example.com/"}'),
        extension="other",
    )
    use = permission_use(store, "acme", keychain)
    found = ["a.example.com", "c.example.com:8443", "e.example.com", "http://b.example.com"]
    assert sorted(use.hosts.uses) == found
    assert use.unread == 1 + 5
    without = permission_use(store, "acme")
    assert (sorted(without.hosts.uses), without.unread) == ([found[0], *found[2:]], 3 + 5)
    assert use.libraries.uses[LIBRARY].count == 1 + 10
    entries = use.entries(ManifestPermissions(network_access=("*.example.com",)), Grant(hosts=("*.example.com",)))
    assert {entry.entry: entry.use.count for entry in entries if entry.kind == "host"} == {"*.example.com": 2}


def test_what_the_host_called_for_an_extension_counts_and_its_own_calls_do_not(tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("nothing", "(i32.const 0)")
    with Runtime.open(tmp_path / "data") as runtime:
        folder = write_extension(tmp_path / "acme", wat.module(), permissions={"methods": ["query:", "action:"]})
        runtime.install(folder, consent=grant_as_asked, by="me")
        for extension in ("acme", None, "acme"):
            runtime.call("query:test.ping", {"message": ""}, extension=extension)
        runtime.grant("acme", Grant(methods=("query:",)))
        with pytest.raises(OperationError):
            runtime.call("action:vdfs.delete_entry", {}, extension="acme")
        eventually(lambda: runtime.permissions("acme").refused)  # a refusal is on disk within 20 ms
        report = runtime.permissions("acme")
        assert {name: use.count for name, use in report.operations.items()} == {"query:test.ping": 2}
        assert [(one.method, one.code) for one in report.refused] == [("action:vdfs.delete_entry", "permission_denied")]
        assert [entry.entry for entry in report.never_used] == []
        assert report.suggested["rate_limits"] == {"requests_per_minute": 2, "concurrent_jobs": 1}
        assert permissions_report(runtime.store, "acme") == report
        with pytest.raises(UnknownExtension):
            runtime.permissions("nobody")
