"""Consent at install, updates that wait for it, grants that are narrowed and widened, and the log of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.acme import acme_module
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate
from tests.support.job_history import events_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import (
    NOTHING,
    ConsentDeclined,
    ConsentRequest,
    ConsentRequired,
    Grant,
    InitFailed,
    InvalidGrant,
    JobLimits,
    LibraryDenied,
    NoUpdateProposed,
    Runtime,
    Status,
    UnknownExtension,
    grant_as_asked,
)
from perdure.runtime.budgets.budgets import Budget, Budgets
from perdure.runtime.errors import OperationError
from perdure.runtime.manifest import ManifestPermissions
from perdure.store import check
from perdure.store.events import (
    ExtensionInstalled,
    JobDispatched,
    OperationAnswered,
    PermissionsGranted,
    UpdateDeclined,
    extension_stream,
    tag_of,
)

PING = "query:test.ping"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime where nobody is there to be asked."""
    with Runtime.open(tmp_path / "data") as runtime:
        yield runtime


def folder(path: Path, *methods: str, version: str = "1.0.0", module: bytes | None = None, **more: Any) -> Path:
    permissions = {"methods": list(methods), **more}
    return write_extension(path / "acme", module or acme_module(), version=version, permissions=permissions)


def tags(runtime: Runtime) -> list[str]:
    return [tag_of(stored.event) for stored in runtime.store.read(extension_stream("acme"))]


def may(runtime: Runtime, method: str = PING, **options: Any) -> bool:
    """Whether ``acme`` may call it: the one question all this is about."""
    try:
        runtime.call(method, {"message": "hello"}, extension="acme", **options)
    except OperationError as error:
        if error.code not in ("permission_denied", "library_denied"):
            raise
        return False
    return True


def never(request: ConsentRequest) -> Grant | None:
    raise AssertionError(f"nobody was to be asked about {request.asks}")


# --- the first version -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asks", [{"methods": [PING]}, {"network_access": ["api.example.com"]}])
def test_without_anyone_to_agree_nothing_is_recorded(bare: Runtime, tmp_path: Path, asks: dict[str, Any]) -> None:
    before = bare.store.position()
    blobs = list(bare.store.blobs.digests())
    with pytest.raises(ConsentRequired) as caught:
        bare.install(write_extension(tmp_path / "acme", acme_module(), permissions=asks))
    assert (caught.value.request.extension, caught.value.request.installed) == ("acme", None)
    assert caught.value.request.asked == msgspec.convert(asks, ManifestPermissions)
    assert (bare.store.position(), list(bare.store.blobs.digests())) == (before, blobs)
    with pytest.raises(UnknownExtension):
        bare.inspect("acme")


def test_who_asks_for_nothing_needs_nobody(bare: Runtime, tmp_path: Path) -> None:
    info = bare.install(folder(tmp_path, max_memory_mb=64), consent=never)
    assert (info.grant, tags(bare)) == (None, ["installed", "loaded"])
    assert bare.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
    assert not may(bare)


def test_an_answer_is_a_grant_and_an_event(bare: Runtime, tmp_path: Path) -> None:
    asked: list[ConsentRequest] = []

    def consent(request: ConsentRequest) -> Grant:
        asked.append(request)
        return grant_as_asked(request)

    info = bare.install(folder(tmp_path, PING), consent=consent, by="the administrator")
    assert [request.version for request in asked] == ["1.0.0"]
    assert info.grant is not None
    assert (info.grant.methods, info.granted_by) == ((PING,), "the administrator")
    assert tags(bare) == ["installed", "granted", "loaded"]
    assert may(bare)
    assert not may(bare, "query:test.pong")
    assert bare.install(tmp_path / "acme", consent=never) == info  # it is installed already


def test_no_is_no(bare: Runtime, tmp_path: Path) -> None:
    before = bare.store.position()
    with pytest.raises(ConsentDeclined) as caught:
        bare.install(folder(tmp_path, PING), consent=lambda request: None)
    assert (caught.value.extension, caught.value.version) == ("acme", "1.0.0")
    assert bare.store.position() == before


def test_what_is_granted_narrower_is_all_there_is(bare: Runtime, tmp_path: Path) -> None:
    library, other = UUID(int=1), UUID(int=2)
    narrow = Grant(methods=("query:test.",), denied=("query:test.look",), libraries=(str(library),))
    bare.install(folder(tmp_path, "*", network_access=["a.example.com"]), consent=lambda request: narrow)
    assert may(bare, library_id=library)
    assert not may(bare, library_id=other)
    assert not may(bare, "query:test.look", library_id=library)
    assert not may(bare, "action:vdfs.create_entry", library_id=library)
    assert bare.hosts_of("acme").entries == ()
    with pytest.raises(LibraryDenied):
        bare.dispatch("acme:nothing", library_id=other)
    assert bare.dispatch("acme:nothing", library_id=library).wait(TIMEOUT).status is Status.COMPLETED


@pytest.mark.parametrize("answer", [True, "query:", Grant(methods=("no such",)), Grant(hosts=("https://x.y/",))])
def test_an_answer_that_is_no_grant(bare: Runtime, tmp_path: Path, answer: Any) -> None:
    before = bare.store.position()
    with pytest.raises(InvalidGrant):
        bare.install(folder(tmp_path, PING), consent=lambda request: answer)
    assert bare.store.position() == before


def test_a_consent_that_fails_changes_nothing(bare: Runtime, tmp_path: Path) -> None:
    def broken(request: ConsentRequest) -> Grant:
        raise ValueError("the dialog is gone")

    with pytest.raises(ValueError, match="the dialog is gone"):
        bare.install(folder(tmp_path, PING), consent=broken)
    with pytest.raises(UnknownExtension):
        bare.inspect("acme")


def test_a_module_that_does_not_load_is_refused_with_a_consent_too(bare: Runtime, tmp_path: Path) -> None:
    bad = acme_module(init="unreachable")
    with pytest.raises(InitFailed):
        bare.install(folder(tmp_path, PING, module=bad), consent=grant_as_asked)
    assert tags(bare) == []


def test_what_changes_while_a_person_thinks_is_asked_anew(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    folder(tmp_path, PING, "query:ai.", version="2.0.0")
    asked: list[Grant | None] = []

    def slow(request: ConsentRequest) -> Grant:
        asked.append(request.granted)
        if len(asked) == 1:
            bare.grant("acme", NOTHING)  # somebody else, meanwhile
        return request.as_asked()

    info = bare.install(tmp_path / "acme", consent=slow)
    assert asked[1:] == [NOTHING]
    assert info.version == "2.0.0"
    # What was taken away meanwhile stays taken away; only what is new was agreed to.
    assert info.grant is not None
    assert info.grant.methods == ("query:ai.",)


def test_a_runtime_can_be_opened_with_a_consent(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        assert runtime.install(folder(tmp_path, PING)).grant is not None
        with pytest.raises(ConsentDeclined):  # the call's own comes first
            runtime.install(folder(tmp_path, "*", version="2.0.0"), consent=lambda request: None)


# --- granting --------------------------------------------------------------------------------------------------------


def test_a_grant_is_narrowed_and_widened_at_once_and_over_restarts(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(folder(tmp_path, "query:"), consent=grant_as_asked)
        assert may(runtime)
        assert runtime.grant("acme", NOTHING, by="one").grant == NOTHING
        assert not may(runtime)
    with Runtime.open(tmp_path / "data") as runtime:
        assert not may(runtime)
        runtime.grant("acme", Grant(methods=(PING, "action:")), by="two")
        before = tags(runtime)
        runtime.grant("acme", Grant(methods=(PING, "action:")), by="three")  # the same
        assert tags(runtime) == before
        assert may(runtime)
    with Runtime.open(tmp_path / "data") as runtime:
        assert may(runtime)
        assert not may(runtime, "action:vdfs.create_entry")  # granted, not asked for
        said = [
            stored.event.by
            for stored in runtime.store.read(extension_stream("acme"))
            if isinstance(stored.event, PermissionsGranted)
        ]
        assert said == ["python", "one", "two"]
        assert check(runtime.store).problems == []


def test_a_job_that_runs_loses_what_is_taken_away_at_its_next_call(bare: Runtime, tmp_path: Path) -> None:
    wat = RuntimeWat()
    calls = [f"(drop {wat.operation(method, '{}')})" for method in ("query:test.gate", "query:test.gate")]
    wat.job("twice", f"{' '.join(calls)} (i32.const 0)")
    with Gate(bare) as gate:
        bare.install(folder(tmp_path, "query:test.", module=wat.module()), consent=grant_as_asked)
        job = bare.dispatch("acme:twice")
        arrival = gate.arrival()
        bare.grant("acme", NOTHING)
        arrival.let_go()
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert [event.code for event in events_of(job, OperationAnswered)] == ["", "permission_denied"]


def test_a_grant_that_is_none(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    before = tags(bare)
    for grant, by in ((Grant(methods=("what",)), "me"), (Grant(), ""), (Grant(), "a\x1b[2Jb"), (Grant(), "x" * 201)):
        with pytest.raises(InvalidGrant):
            bare.grant("acme", grant, by=by)
    with pytest.raises(UnknownExtension):
        bare.grant("nobody", Grant())
    assert tags(bare) == before


def test_budgets_of_a_grant(bare: Runtime, tmp_path: Path) -> None:
    budgets = Budgets(memory_bytes=Budget(limit=1 << 20), requests_per_minute=Budget(limit=1))
    bare.install(folder(tmp_path, PING), consent=lambda request: Grant(methods=(PING,), budgets=budgets))
    job = bare.dispatch("acme:nothing", limits=JobLimits(memory_bytes=1 << 24))
    assert events_of(job, JobDispatched)[0].limits.memory_bytes == 1 << 20
    assert may(bare)
    with pytest.raises(OperationError) as caught:
        bare.call(PING, {"message": ""}, extension="acme")
    assert caught.value.code == "rate_limited"


def test_after_an_uninstall_nothing_is_granted(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    bare.uninstall("acme")
    with pytest.raises(UnknownExtension):
        may(bare)
    with pytest.raises(ConsentRequired):
        bare.install(tmp_path / "acme")


# --- a new version ---------------------------------------------------------------------------------------------------


def test_a_version_that_asks_for_more_waits_and_the_old_one_goes_on(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(folder(tmp_path, PING), consent=grant_as_asked)
        new = folder(tmp_path, PING, "action:", version="2.0.0", module=acme_module("two"))
        info = runtime.install(new)
        assert info.update is not None
        assert (info.version, info.update.version) == ("1.0.0", "2.0.0")
        assert tags(runtime) == ["installed", "granted", "loaded", "proposed"]
        assert runtime.install(new) == info  # once is enough
    with Runtime.open(tmp_path / "data") as runtime:
        assert runtime.inspect("acme").update is not None
        assert runtime.dispatch("acme:nothing").wait(TIMEOUT).version == "1.0.0"
        assert may(runtime)
        assert not may(runtime, "action:vdfs.create_entry")
        request = runtime.consent_request("acme")
        assert (request.installed, request.version, request.excess.methods) == ("1.0.0", "2.0.0", ("action:",))
        info = runtime.accept_update("acme", by="me")
        assert (info.version, info.update, info.granted_by) == ("2.0.0", None, "me")
        assert info.grant is not None
        assert info.grant.methods == ("action:", PING)
        assert runtime.dispatch("acme:nothing").wait(TIMEOUT).version == "2.0.0"
        with pytest.raises(NoUpdateProposed):
            runtime.accept_update("acme")


def test_a_version_that_waits_can_be_declined(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    bare.install(folder(tmp_path, "*", version="2.0.0"))
    info = bare.decline_update("acme", by="me")
    assert (info.version, info.update) == ("1.0.0", None)
    *_, last = bare.store.read(extension_stream("acme"))
    assert last.event == UpdateDeclined("2.0.0", "me")
    for again in (bare.accept_update, bare.decline_update, bare.consent_request):
        with pytest.raises(NoUpdateProposed):
            again("acme")
    assert may(bare)


def test_a_consent_that_says_no_to_an_update_is_an_event(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    with pytest.raises(ConsentDeclined):
        bare.install(folder(tmp_path, "*", version="2.0.0"), consent=lambda request: None)
    assert tags(bare)[-2:] == ["proposed", "declined"]
    info = bare.inspect("acme")
    assert (info.version, info.update) == ("1.0.0", None)


@pytest.mark.parametrize("methods", [[], ["query:test.ping"], ["query:test.ping.v1", "query:test.*"], ["query:test."]])
def test_a_version_that_asks_for_no_more_is_installed_at_once(
    bare: Runtime, tmp_path: Path, methods: list[str]
) -> None:
    bare.install(folder(tmp_path, "query:test."), consent=grant_as_asked)
    info = bare.install(folder(tmp_path, *methods, version="2.0.0"), consent=never)
    assert (info.version, info.update) == ("2.0.0", None)
    assert may(bare) == bool(methods)
    assert tags(bare).count("granted") == 1


def test_more_hosts_libraries_or_memory_wait_too(bare: Runtime, tmp_path: Path) -> None:
    asks: dict[str, Any] = {"network_access": ["a.example.com"], "libraries": [str(UUID(int=1))], "max_memory_mb": 8}
    bare.install(folder(tmp_path, PING, **asks), consent=grant_as_asked)
    for more in (
        {"network_access": ["a.example.com", "b.example.com"]},
        {"libraries": ["*"]},
        {"max_memory_mb": 9},
        {"rate_limits": {"requests_per_minute": 1001}},
    ):
        info = bare.install(folder(tmp_path, PING, version="2.0.0", **asks | more))
        assert (info.version, info.update is not None) == ("1.0.0", True), more
        bare.decline_update("acme")


def test_what_was_refused_once_is_not_asked_again(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING, "action:"), consent=lambda request: Grant(methods=(PING,)))
    info = bare.install(folder(tmp_path, PING, "action:", version="1.0.1"), consent=never)
    assert (info.version, info.grant) == ("1.0.1", Grant(methods=(PING,)))
    assert not may(bare, "action:vdfs.create_entry")


def test_a_later_version_takes_the_place_of_one_that_waits(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    bare.install(folder(tmp_path, "query:", version="2.0.0"))
    update = bare.install(folder(tmp_path, "*", version="3.0.0")).update
    assert update is not None
    assert update.version == "3.0.0"
    info = bare.install(folder(tmp_path, PING, version="1.0.1"))
    assert (info.version, info.update) == ("1.0.1", None)


def test_a_version_that_waits_and_does_not_load_is_refused(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    before = tags(bare)
    with pytest.raises(InitFailed):
        bare.install(folder(tmp_path, "*", version="2.0.0", module=acme_module(init="unreachable")))
    assert tags(bare) == before


def test_a_version_that_waits_goes_with_its_extension(bare: Runtime, tmp_path: Path) -> None:
    bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    bare.install(folder(tmp_path, "*", version="2.0.0"))
    bare.uninstall("acme")
    info = bare.install(folder(tmp_path, PING), consent=grant_as_asked)
    assert info.update is None


# --- installed by a release that asked nobody ------------------------------------------------------------------------


def legacy(runtime: Runtime, path: Path) -> None:
    """What such a release left in the log: an install without a grant."""
    written = folder(path, PING)
    module = (written / "module.wasm").read_bytes()
    digest = runtime.store.blobs.put(module)
    manifest = (written / "manifest.json").read_bytes()
    event = ExtensionInstalled("acme", "1.0.0", manifest, digest, len(module))
    runtime.store.append(extension_stream("acme"), [event])


def test_an_extension_that_nobody_was_asked_about_runs_and_may_call_nothing(bare: Runtime, tmp_path: Path) -> None:
    legacy(bare, tmp_path)
    assert bare.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
    assert bare.inspect("acme").grant is None
    assert not may(bare)
    bare.install(tmp_path / "acme")  # nobody is there
    assert not may(bare)
    info = bare.install(tmp_path / "acme", consent=grant_as_asked)
    assert info.grant is not None
    assert may(bare)


def test_a_no_is_remembered_for_it(bare: Runtime, tmp_path: Path) -> None:
    legacy(bare, tmp_path)
    info = bare.install(tmp_path / "acme", consent=lambda request: None)
    assert info.grant == NOTHING
    assert bare.install(tmp_path / "acme", consent=never) == info
    assert bare.grant("acme", Grant(methods=(PING,))).grant is not None
    assert may(bare)


def test_a_new_version_of_it(bare: Runtime, tmp_path: Path) -> None:
    legacy(bare, tmp_path)
    info = bare.install(folder(tmp_path, PING, version="1.0.1"), consent=never)
    assert (info.version, info.grant) == ("1.0.1", None)
    bare.install(folder(tmp_path, PING, "query:ai.", version="2.0.0"))
    new = {ask.entry for ask in bare.consent_request("acme").asks if ask.new and ask.kind == "method"}
    assert new == {PING, "query:ai."}
    bare.accept_update("acme")
    assert may(bare)
