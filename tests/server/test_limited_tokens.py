"""What tokens open that are for some libraries or extensions only, or have not all scopes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.support.extension_folders import write_extension
from tests.support.packages import one_job
from tests.support.waiting import TIMEOUT, eventually

from perdure.api import extensions, folders, keeping, operations, packages, proofs, tokens
from perdure.api.endpoint import Endpoint
from perdure.api.errors import Forbidden
from perdure.api.scopes import ALL, Scope
from perdure.runtime import DEFAULT_LIBRARY, Runtime, grant_as_asked
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.packages.folder_archive import folder_archive
from perdure.server.access.authorising import authorise
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.table import engine_handlers
from perdure.server.link.messages import LinkRequest

LIBRARY = UUID(int=5)
ELSEWHERE = UUID(int=6)
Asked = tuple[Endpoint[Any, Any], dict[str, Any]]

# What is no single extension's, or not within one library.
OF_ALL: list[Asked] = [
    (keeping.SEAL, {}),
    (keeping.ROTATE_SEAL_KEY, {}),
    (keeping.BACKUP, {"path": "/nowhere/x"}),
    (keeping.FOLD, {"older_than_seconds": 1e9}),
    (keeping.ERASURE, {"extension": "mine"}),
    (keeping.ERASE, {"extension": "mine"}),
    (keeping.ROTATE_MASTER_KEY, {}),
    (keeping.TRIM, {"newest": 1000}),
    (tokens.LIST, {}),
    (tokens.ISSUE, {"name": "x", "scopes": ["admin"]}),
    (tokens.REVOKE, {"token": "00000000"}),
    (proofs.REHEARSAL, {"rehearsal_id": str(uuid4())}),
    (operations.CALL, {"name": "query:test.ping", "request": {"message": "x"}}),
    (operations.PUBLISH, {"library_id": str(LIBRARY), "topic": "a.b"}),
]
OF_ALL_LIBRARIES: list[Asked] = [
    (extensions.INSTALL, {"package": "x"}),
    (extensions.UNINSTALL, {"extension": "mine"}),
    (extensions.LOAD, {"extension": "mine"}),
    (extensions.UNLOAD, {"extension": "mine"}),
    (extensions.FORGET_PUBLISHER, {"extension": "mine"}),
    (extensions.ACCEPT_UPDATE, {"extension": "mine"}),
    (extensions.DECLINE_UPDATE, {"extension": "mine"}),
    (extensions.GRANT, {"extension": "mine", "grant": {}}),
    (extensions.SET_UPGRADE_POLICY, {"extension": "mine", "upgrade": {}}),
    (proofs.REHEARSE, {"version": "mine"}),
    (folders.LIST, {"extension": "mine"}),
    (folders.SHARE, {"extension": "mine", "name": "x", "path": "/"}),
    (folders.UNSHARE, {"extension": "mine"}),
    (operations.GET_CONFIGURATION, {"extension": "mine"}),
    (operations.SET_CONFIGURATION, {"extension": "mine", "config": {}}),
]


def caller(*scopes: Scope, **limits: Any) -> Caller:
    return Caller(client="token:00000001", name="x", scopes=frozenset(scopes or ALL), **limits)


MINE = caller(extensions=frozenset({"mine"}))
HERE = caller(libraries=frozenset({LIBRARY}))


class Front:
    """An engine that is asked as the web process asks it: first whether, then what."""

    def __init__(self, runtime: Runtime, data: Path) -> None:
        self.runtime = runtime
        self.engine = Engine(runtime, data, engine_handlers())

    def ask(self, who: Caller, endpoint: Endpoint[Any, Any], file: Path | None = None, **fields: Any) -> Any:
        request = msgspec.convert(fields, endpoint.request)
        authorise(who, endpoint, request, self.runtime.store)
        asked = LinkRequest(1, endpoint.name, who, uuid4(), msgspec.json.encode(request))
        answer = self.engine.work(msgspec.structs.replace(asked, file=str(file) if file is not None else None))
        return msgspec.json.decode(answer.body) if answer.body else None

    def refuses(self, who: Caller, endpoint: Endpoint[Any, Any], **fields: Any) -> bool:
        try:
            answer = self.ask(who, endpoint, **fields)
        except Forbidden:
            return True
        return isinstance(answer, dict) and answer.get("code") == "Forbidden"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    data = tmp_path_factory.mktemp("data")
    with Runtime.open(data) as runtime:
        for name in ("mine", "other"):
            written = write_extension(
                data / name, one_job("job"), extension=name, permissions={"methods": ["query:test.ping"]}
            )
            runtime.install(written, consent=grant_as_asked)
        front = Front(runtime, data)
        yield front
        front.engine.close()


@pytest.mark.parametrize("asked", OF_ALL, ids=lambda asked: asked[0].name)
def test_what_concerns_all_extensions(front: Front, asked: Asked) -> None:
    endpoint, fields = asked
    assert front.refuses(MINE, endpoint, **fields)


@pytest.mark.parametrize("asked", [*OF_ALL[:-1], *OF_ALL_LIBRARIES], ids=lambda asked: asked[0].name)
def test_what_concerns_all_libraries(front: Front, asked: Asked) -> None:
    endpoint, fields = asked
    assert front.refuses(HERE, endpoint, **fields)


@pytest.mark.parametrize("asked", OF_ALL_LIBRARIES[1:9], ids=lambda asked: asked[0].name)
def test_other_extensions(front: Front, asked: Asked) -> None:
    endpoint, fields = asked
    assert front.refuses(MINE, endpoint, **{**fields, "extension": "other"})


def test_what_is_ones_own_is_open(front: Front) -> None:
    assert front.ask(MINE, extensions.GET, extension="mine")["extension"] == "mine"
    assert [found["extension"] for found in front.ask(MINE, extensions.LIST)] == ["mine"]
    ping: dict[str, Any] = {"name": "query:test.ping", "request": {"message": "x"}}
    assert front.ask(MINE, operations.CALL, **ping, extension="mine")["answer"]["echo"] == "Pong: x"
    assert front.refuses(MINE, operations.CALL, **ping, extension="other")
    assert front.refuses(HERE, operations.CALL, **ping, extension="mine", library_id=str(ELSEWHERE))
    assert "answer" in front.ask(HERE, operations.CALL, **ping, extension="mine", library_id=str(LIBRARY))


def test_calls_of_the_host_itself_are_for_administrators(front: Front) -> None:
    dispatcher = caller(Scope.READ, Scope.DISPATCH)
    ping: dict[str, Any] = {"name": "query:test.ping", "request": {"message": "x"}}
    assert front.refuses(dispatcher, operations.CALL, **ping)
    assert "answer" in front.ask(dispatcher, operations.CALL, **ping, extension="mine")
    assert "answer" in front.ask(caller(Scope.ADMIN), operations.CALL, **ping)
    # What the extension was not granted it is not granted through a client, either.
    refused = front.ask(dispatcher, operations.CALL, name="query:config.get", extension="mine")
    assert (refused["code"], refused["data"]["code"]) == ("OperationError", "permission_denied")


@pytest.mark.parametrize("family", [extensions, folders, keeping, operations, packages, proofs, tokens])
def test_what_acts_needs_more_than_reading(front: Front, family: Any) -> None:
    for endpoint in family.ENDPOINTS:
        assert endpoint.scope is not Scope.READ or not endpoint.acts, endpoint.name


def test_paths_of_the_machine_are_the_owners(front: Front) -> None:
    path = str(front.engine.uploads.folder.parent / "mine")
    for who in (caller(), MINE):
        assert front.refuses(who, extensions.INSTALL, path=path)
        assert front.refuses(who, proofs.REHEARSE, version=path)
    owner = Caller(client="owner:0", name="the owner", scopes=ALL)
    assert front.ask(owner, extensions.INSTALL, path=path)["extension"] == "mine"
    assert front.ask(owner, extensions.INSTALL, path="mine")["code"] == "BadRequest"
    assert front.ask(owner, extensions.INSTALL)["code"] == "BadRequest"


def test_packages_of_others_are_refused(front: Front, tmp_path: Path) -> None:
    archive = folder_archive(read_extension(front.engine.uploads.folder.parent / "other"))
    for who, allowed in ((caller(), True), (MINE, False)):
        (tmp_path / "came").write_bytes(archive)
        answer = front.ask(who, packages.UPLOAD, file=tmp_path / "came")
        assert (answer.get("extension") == "other") is allowed
        assert not (tmp_path / "came").exists()
    kept = front.ask(caller(), packages.UPLOAD, file=_written(tmp_path / "again", archive))["package"]
    assert front.refuses(MINE, extensions.INSTALL, package=kept)
    assert front.refuses(MINE, proofs.REHEARSE, package=kept)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_verifications_of_others_are_not_known(front: Front) -> None:
    job = front.runtime.dispatch("other:job", library_id=LIBRARY)
    job.wait(TIMEOUT)
    begun = front.ask(caller(), proofs.VERIFY, job_id=str(job.job_id))
    named = {"verification_id": begun["verification_id"]}
    eventually(lambda: front.ask(caller(), proofs.VERIFICATION, **named)["status"] == "done")
    assert front.ask(HERE, proofs.VERIFICATION, **named)["proof"]["verdict"] == "proved"
    for who in (MINE, caller(libraries=frozenset({DEFAULT_LIBRARY}))):
        assert front.ask(who, proofs.VERIFICATION, **named)["code"] == "UnknownJob"
        assert front.ask(who, proofs.CANCEL_VERIFICATION, **named)["code"] == "UnknownJob"
        assert front.ask(who, proofs.VERIFICATIONS) == []
        with pytest.raises(LookupError):
            front.ask(who, proofs.BUNDLE, job_id=str(job.job_id))
    assert [found["verification_id"] for found in front.ask(HERE, proofs.VERIFICATIONS)] == [begun["verification_id"]]
    assert front.refuses(HERE, proofs.DISCLOSING_BUNDLE, job_id=str(job.job_id))
