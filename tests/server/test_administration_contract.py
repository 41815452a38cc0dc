"""`Client` and `AsyncClient` do what `Runtime` does: the same methods, results and errors."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.extension_folders import write_extension
from tests.support.packages import ACME, OTHER, one_job, package
from tests.support.servers import Served, serving
from tests.support.three_runtimes import KINDS, Remote, came
from tests.support.waiting import TIMEOUT, eventually

from perdure.client.async_client import AsyncClient
from perdure.client.client import Client
from perdure.runtime import (
    CallContext,
    ConsentDeclined,
    ConsentRequest,
    ConsentRequired,
    ExtensionInfo,
    Grant,
    InvalidGrant,
    InvalidRetention,
    OperationError,
    PublisherChanged,
    grant_as_asked,
    query,
)
from perdure.runtime.facade.access import AccessFacade
from perdure.runtime.facade.extensions import ExtensionFacade
from perdure.runtime.facade.keeping import KeepingFacade
from perdure.runtime.facade.proof import ProofFacade
from perdure.runtime.facade.sharing import SharingFacade
from perdure.runtime.proof import Verdict, verify_bundle
from perdure.runtime.proof.run_check import Stop, VerifyStopped
from perdure.server.engine.engine import VERIFICATIONS
from perdure.server.engine.long_tasks import LongTask
from perdure.store.events import PermissionsGranted, extension_stream


class Noted(msgspec.Struct, frozen=True):
    text: str


FACADES = (ExtensionFacade, SharingFacade, KeepingFacade, ProofFacade, AccessFacade)
OF_SERVERS = {"record_access", "forget_request_keys"}  # not for clients
LIBRARY = UUID(int=9)
SCHEMA = {"type": "object", "properties": {"level": {"type": "integer", "default": 1}}}
ASKS = {"methods": ["query:test.ping"], "network_access": ["api.example.com"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(params=KINDS, scope="module")
def remote(request: pytest.FixtureRequest, served: Served) -> Iterator[Remote]:
    found = Remote(served, request.param)
    yield found
    found.client.close()


@pytest.fixture(scope="module")
def extension(remote: Remote, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for each kind of client, installed by it."""
    name = f"acme-{remote.kind}"
    written = write_extension(
        tmp_path_factory.mktemp(name), one_job("job"), extension=name, permissions=ASKS, config_schema=SCHEMA
    )
    remote.client.install(written, consent=grant_as_asked, by="a person")
    return name


def _public(kind: type) -> set[str]:
    names: set[str] = set()
    for facade in FACADES:
        names |= {name for name, value in vars(facade).items() if not name.startswith("_") and callable(value)}
    return {name for name in names - OF_SERVERS if not hasattr(kind, name)}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_method_is_there_with_the_same_arguments(kind: type) -> None:
    assert _public(kind) == set()
    for facade in FACADES:
        for name, method in vars(facade).items():
            if name.startswith("_") or name in OF_SERVERS or not callable(method):
                continue
            mine, theirs = inspect.signature(getattr(kind, name)), inspect.signature(method)
            shapes = [
                [(each.name, each.kind, each.default) for each in signature.parameters.values() if each.name != "told"]
                for signature in (mine, theirs)
            ]
            assert shapes[0] == shapes[1], name


# --- extensions ------------------------------------------------------------------------------------------------------


def test_an_extension_is_installed_as_a_person_agrees(remote: Remote, tmp_path: Path) -> None:
    written = write_extension(tmp_path / "it", one_job("job"), extension=f"new-{remote.kind}", permissions=ASKS)
    refused = remote.same("install", written)
    assert isinstance(refused, ConsentRequired)
    assert refused.request == came(remote.served.runtime, "install", written).request

    asked: list[ConsentRequest] = []

    def less(request: ConsentRequest) -> Grant:
        asked.append(request)
        return Grant(methods=("query:test.ping",))

    assert isinstance(came(remote.client, "install", written, consent=lambda request: None), ConsentDeclined)
    assert isinstance(came(remote.client, "install", written, consent=lambda request: "yes"), InvalidGrant)
    info = remote.client.install(written, consent=less, by="a person")
    assert isinstance(info, ExtensionInfo)
    assert asked == [refused.request]
    assert info == remote.served.runtime.inspect(info.extension)
    assert (info.grant, info.granted_by.endswith(" (a person)")) == (less(asked[0]), True)
    stream = remote.served.runtime.store.read(extension_stream(info.extension))
    granted = [stored.event for stored in stream if isinstance(stored.event, PermissionsGranted)]
    client = "owner:" if remote.kind == "unix" else "token:"
    assert [event.by.startswith(client) for event in granted] == [True]


def test_updates_wait_and_are_accepted(remote: Remote, tmp_path: Path) -> None:
    name = f"updated-{remote.kind}"
    folder = write_extension(tmp_path / "1", one_job("job"), extension=name, permissions={"methods": ["query:test."]})
    remote.client.install(folder, consent=grant_as_asked)
    second = write_extension(tmp_path / "2", one_job("job"), extension=name, version="2.0.0", permissions=ASKS)
    assert isinstance(remote.same("consent_request", name), LookupError)
    waiting = remote.client.install(second)
    assert (waiting.version, waiting.update.version) == ("1.0.0", "2.0.0")
    assert remote.same("consent_request", name).asked.network_access == ("api.example.com",)
    assert remote.client.decline_update(name).update is None
    remote.client.install(second)
    assert remote.client.accept_update(name, upgrade={"job": "checkpoint"}).version == "2.0.0"
    assert isinstance(came(remote.client, "install", folder, consent=lambda request: None), ExtensionInfo)
    narrowed = remote.client.grant(name, Grant())
    assert (narrowed.grant, narrowed) == (Grant(), remote.served.runtime.inspect(name))


def test_who_signed_it_counts(remote: Remote, tmp_path: Path) -> None:
    runtime = remote.served.runtime
    info = remote.client.install(package(tmp_path, ACME, id=f"signed-{remote.kind}"))
    assert info.publisher.key == ACME.public
    theirs = package(tmp_path, OTHER, "2.0.0", id=f"signed-{remote.kind}")
    assert isinstance(remote.same("install", theirs), PublisherChanged)
    remote.same("install", theirs, accept_publisher="nonsense")
    assert remote.client.install(theirs, accept_publisher=OTHER.public.hex()).publisher.key == OTHER.public
    remote.client.forget_publisher(info.extension)
    assert runtime.inspect(info.extension).publisher is None
    remote.same("forget_publisher", info.extension)


def test_what_cannot_be_installed(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "rubbish.perdure-ext").write_bytes(b"PK rubbish")
    no_wasm = write_extension(tmp_path / "bad", b"no module", extension=f"bad-{remote.kind}")
    no_manifest = write_extension(tmp_path / "none", b"", version="")
    for path in ("nowhere", "empty", "rubbish.perdure-ext", "missing.perdure-ext", no_wasm, no_manifest):
        assert isinstance(remote.same("install", tmp_path / path), Exception)


def test_extensions_are_looked_at(remote: Remote, extension: str) -> None:
    for name in ("inspect", "permissions", "budgets", "hosts_of", "upgrades", "installed_request", "consent_request"):
        if name == "hosts_of":
            assert remote.client.hosts_of(extension).entries == ("api.example.com",)
        else:
            remote.same(name, extension)
        remote.same(name, "nobody")
    assert extension in {info.extension for info in remote.same("extensions")}


def test_extensions_are_switched_off_and_go(remote: Remote, tmp_path: Path) -> None:
    name = f"gone-{remote.kind}"
    written = write_extension(tmp_path / "it", one_job("job"), extension=name)
    assert remote.client.install(written).loaded
    assert remote.client.unload(name) is None
    assert not remote.served.runtime.inspect(name).enabled
    assert remote.client.load(name).enabled
    assert remote.client.reload(name, written).version == "1.0.0"
    assert remote.client.set_upgrade_policy(name, {"job": "restart"}).extension == name
    remote.same("set_upgrade_policy", name, {"job": "whatever"})
    remote.same("set_upgrade_policy", name, {"no such job": "stay"})
    assert remote.client.uninstall(name) is None
    remote.same("uninstall", name)


# --- operations ------------------------------------------------------------------------------------------------------


def test_operations_are_called(remote: Remote, extension: str) -> None:
    pong = remote.same("call", "query:test.ping", {"message": "hello"})
    assert pong.echo == "Pong: hello"
    remote.same("call", "query:test.ping", b'{"message":"hello"}', extension=extension)
    remote.same("call", "query:test.ping", {"message": 1})
    remote.same("call", "query:test.nothing")
    remote.same("call", "action:config.set", {"config": {}}, extension=extension)
    remote.same("call", "query:test.ping", {"message": "hello"}, extension="nobody")
    remote.same("call", "query:test.ping", object())
    assert isinstance(came(remote.client, "call", "query:test.ping", b"{"), OperationError)


def test_the_programs_own_operations_answer_in_their_types(remote: Remote) -> None:
    @query(f"own.{remote.kind}")
    def own(context: CallContext, request: Noted) -> Noted:
        """Say it again."""
        return request

    remote.served.runtime.operations.register(own)
    assert remote.client.call(f"query:own.{remote.kind}", Noted("x")) == msgspec.to_builtins(Noted("x"))
    remote.client.know(own)
    assert remote.same("call", f"query:own.{remote.kind}", Noted("x")) == Noted("x")


def test_configurations_are_set(remote: Remote, extension: str) -> None:
    assert remote.client.configure(extension, {"level": 3}).values == {"level": 3}
    assert remote.same("config", extension).revision == 1
    assert remote.client.configure(extension, {"level": 4}, library_id=LIBRARY, if_revision=0).own == {"level": 4}
    remote.same("config", extension, library_id=LIBRARY)
    remote.same("configure", extension, {"level": "high"})
    remote.same("configure", extension, {}, if_revision=99)
    remote.same("config", "nobody")
    assert remote.client.configure(extension, None).own is None


def test_events_are_published(remote: Remote) -> None:
    assert remote.same("publish", "invoice.paid", {"amount": 3}, library_id=LIBRARY) is None
    remote.same("publish", "Not A Topic")


def test_folders_are_shared(remote: Remote, extension: str, tmp_path: Path) -> None:
    assert remote.client.share_folder(extension, "docs", tmp_path) == tmp_path
    assert [share.name for share in remote.same("shared_with", extension)] == ["docs"]
    remote.same("share_folder", extension, "docs", tmp_path / "nowhere")
    assert remote.client.unshare_folder(extension) == 1
    assert remote.same("unshare_folder", extension, "docs") == 0


# --- keeping ---------------------------------------------------------------------------------------------------------


def test_the_log_is_kept(remote: Remote, extension: str, tmp_path: Path) -> None:
    runtime = remote.served.runtime
    seal = remote.client.seal()
    assert seal.statement.position < runtime.store.position()
    assert len(remote.client.rotate_seal_key()) == 32
    saved = remote.client.backup(tmp_path / "backup")
    assert (saved.path, saved.events > 0) == (str(tmp_path / "backup"), True)
    assert remote.same("fold_jobs", timedelta(days=1), dry_run=True).jobs == 0
    assert isinstance(remote.same("fold_jobs", timedelta(days=-1)), InvalidRetention)
    remote.same("trim_machine_code", 1000)
    assert remote.same("waiting_for_unlock") == {}
    assert remote.same("erasure", extension=extension).extension == extension
    assert isinstance(came(remote.client, "erasure"), ValueError)
    assert remote.client.erase(extension=extension, library_id=LIBRARY).library_id == LIBRARY
    assert str(UUID(remote.client.rotate_master_key()))


def test_tokens_are_issued(remote: Remote) -> None:
    client, runtime = remote.client, remote.served.runtime
    issued = client.issue_token("ci", ["read"], libraries=[LIBRARY], extensions=["acme"], lifetime=timedelta(days=1))
    assert issued.token in client.tokens()
    (kept,) = (token for token in runtime.tokens() if token.token == issued.token.token)
    assert issued.token == msgspec.structs.replace(kept, digest=b"")
    for wrong in ({"name": ""}, {"scopes": ["everything"]}, {"lifetime": timedelta(0)}, {"libraries": ["x"]}):
        remote.same("issue_token", **{"name": "ci", "scopes": ["read"], **wrong})
    assert client.revoke_token(issued.token.token) == issued.token
    remote.same("revoke_token", issued.token.token)


# --- proof -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def job(remote: Remote, extension: str) -> UUID:
    handle = remote.served.runtime.dispatch(f"{extension}:job")
    handle.wait(TIMEOUT)
    return handle.job_id


def test_jobs_are_verified(remote: Remote, job: UUID) -> None:
    here, there = remote.both("verify", job)
    assert here.verdict is Verdict.PROVED
    assert msgspec.structs.replace(here, seconds=0) == msgspec.structs.replace(there, seconds=0)
    remote.same("verify", UUID(int=1))
    remote.same("verify", "no id")


def test_a_verification_is_stopped(remote: Remote, job: UUID) -> None:
    tasks = remote.served.server._engine.verifications
    before = tasks.all()

    def hold(task: LongTask) -> None:
        """Leave no room for it until it is given up, or it might be done before that."""
        eventually(lambda: any(each.cancelled.is_set() for each in tasks.all() if each not in before))

    for _ in range(VERIFICATIONS):
        tasks.begin(str(job), "somebody", hold)
    stop = Stop()
    stop()
    assert isinstance(came(remote.client, "verify", job, stop=stop), VerifyStopped)


def test_bundles_are_taken_away(remote: Remote, job: UUID, tmp_path: Path) -> None:
    here, there = (
        remote.client.export_bundle(job, tmp_path / "a"),
        remote.served.runtime.export_bundle(job, tmp_path / "b"),
    )
    assert here == there
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_size == here.size
    assert verify_bundle(tmp_path / "a").verdict is Verdict.PROVED
    assert remote.client.export_bundle(job, tmp_path / "a", secrets=True).events == here.events
    remote.same("export_bundle", job, tmp_path / "no such folder" / "a")
    remote.same("export_bundle", UUID(int=1), tmp_path / "c")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a", "b"]


def test_versions_are_rehearsed(remote: Remote, extension: str, job: UUID, tmp_path: Path) -> None:
    second = write_extension(tmp_path / "2", one_job("job"), extension=extension, version="2.0.0", permissions=ASKS)
    seen: list[Any] = []
    found = remote.client.rehearse(second, seed=1, workers=1, told=lambda *words: seen.append(words))
    assert found.good
    assert [(len(found.jobs), found.jobs[0].job_id)] == [(1, job)]
    assert seen == [(found.jobs[0], 1, 1)]
    remote.same("rehearse", "nobody")
    remote.same("rehearse", extension)
    assert isinstance(came(remote.client, "rehearse", second, workers=0), ValueError)
