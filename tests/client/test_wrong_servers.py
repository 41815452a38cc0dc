"""Clients of what is no server, or one that goes away: nothing counts as done, or is given up without a word."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.support.async_runtime import BlockingClient
from tests.support.web_server import Page, Visit, WebServer, web_server

from perdure.api.errors import BadRequest, ServerUnreachable, UnexpectedAnswer
from perdure.api.proofs import RehearsalRun, TaskStatus, Verification
from perdure.api.times import moment_of
from perdure.client import AsyncClient, Client

TASK = UUID(int=7)
SECRET = "pdr_it_verysecret"


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with web_server({}) as server:
        yield server


@pytest.fixture(params=["blocking", "asynchronous"])
def client(request: pytest.FixtureRequest, server: WebServer) -> Iterator[Any]:
    server.pages.clear()
    server.seen.clear()
    address = f"http://127.0.0.1:{server.port}"
    if request.param == "blocking":
        with Client.connect(address, token=SECRET) as client:
            yield client
    else:
        with BlockingClient(lambda: AsyncClient.connect(address, token=SECRET)) as blocking:
            yield blocking


def answer(value: object, status: int = 200) -> Page:
    return lambda visit: visit.reply(status, msgspec.json.encode(value), ("Content-Type", "application/json"))


def by_verb(**pages: Page) -> Page:
    return lambda visit: pages[visit.seen.method](visit)


def cut(visit: Visit) -> None:
    """The server dies while it is asked."""
    visit.connection.shutdown(socket.SHUT_RDWR)


def verification(status: TaskStatus = TaskStatus.RUNNING) -> Verification:
    return Verification(
        verification_id=TASK,
        job_id=uuid4(),
        status=status,
        asked_by="token:1",
        asked_at=moment_of(0),
        ended_at=None,
        done=0,
        events=1,
        proof=None,
        problem=None,
    )


def rehearsal() -> RehearsalRun:
    return RehearsalRun(
        rehearsal_id=TASK,
        version="it",
        status=TaskStatus.RUNNING,
        asked_by="token:1",
        asked_at=moment_of(0),
        ended_at=None,
        done=0,
        total=1,
        jobs=[],
        rehearsal=None,
        problem=None,
    )


TASKS: list[tuple[str, Callable[[], object], Callable[[Any], object]]] = [
    ("verifications", verification, lambda client: client.verify(uuid4())),
    ("rehearsals", rehearsal, lambda client: client.rehearse("it")),
]


@pytest.mark.parametrize(("folder", "made", "ask"), TASKS, ids=[task[0] for task in TASKS])
def test_a_task_is_given_up_with_whoever_waits_for_it(
    client: Any, server: WebServer, folder: str, made: Callable[[], object], ask: Callable[[Any], object]
) -> None:
    # What comes of a look is no answer of the API, so nobody waits any longer.
    server.pages[f"/v1/{folder}"] = by_verb(POST=answer(made(), 202), GET=answer([]))
    server.pages["/v1/extensions"] = answer([])
    server.pages[f"/v1/{folder}/{TASK}"] = by_verb(GET=answer("rubbish"), DELETE=answer(made()))
    with pytest.raises(UnexpectedAnswer) as caught:
        ask(client)
    assert [seen.path for seen in server.seen if seen.method == "DELETE"] == [f"/v1/{folder}/{TASK}"]
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(("folder", "made", "ask"), TASKS, ids=[task[0] for task in TASKS])
def test_a_task_that_cannot_be_given_up_is_told_of(
    client: Any, server: WebServer, folder: str, made: Callable[[], object], ask: Callable[[Any], object]
) -> None:
    server.pages[f"/v1/{folder}"] = answer(made(), 202)
    server.pages["/v1/extensions"] = answer([])
    server.pages[f"/v1/{folder}/{TASK}"] = by_verb(GET=answer("rubbish"), DELETE=cut)
    with pytest.raises(UnexpectedAnswer) as caught:
        ask(client)
    (note,) = caught.value.__notes__
    assert "the server goes on with it" in note
    assert "no perdure server answers" in note


def test_a_verification_is_given_up_with_its_task() -> None:
    async def cancelled(server: WebServer) -> None:
        async with AsyncClient.connect(f"http://127.0.0.1:{server.port}", token=SECRET) as client:
            waiting = asyncio.create_task(client.verify(uuid4()))
            await asyncio.to_thread(looked.wait)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    looked = threading.Event()

    def look(visit: Visit) -> None:
        answer(verification())(visit)
        looked.set()

    with web_server({}) as server:
        server.pages["/v1/verifications"] = answer(verification(), 202)
        server.pages[f"/v1/verifications/{TASK}"] = by_verb(GET=look, DELETE=answer(verification()))
        asyncio.run(cancelled(server))
        assert [seen.method for seen in server.seen][-1] == "DELETE"


@pytest.mark.parametrize("status", [301, 302, 307, 308, 204])
def test_what_a_proxy_sends_elsewhere_is_not_done(client: Any, server: WebServer, status: int) -> None:
    def elsewhere(visit: Visit) -> None:
        visit.reply(status, b"", ("Location", "https://there.example/"))

    server.pages.update(dict.fromkeys(("/v1/extensions/it", "/v1/jobs", f"/v1/jobs/{TASK}/bundle"), elsewhere))
    with pytest.raises(UnexpectedAnswer):
        client.dispatch("it:job")
    if status != 204:  # which is how a server says that it is done
        with pytest.raises(UnexpectedAnswer):
            client.uninstall("it")


@pytest.mark.parametrize("status", [200, 302])
def test_a_page_is_no_bundle(client: Any, server: WebServer, tmp_path: Path, status: int) -> None:
    (tmp_path / "it.perdure").write_bytes(b"what was there")
    page = b"<html>Please log in</html>"
    server.pages[f"/v1/jobs/{TASK}/bundle"] = lambda visit: visit.reply(status, page)
    with pytest.raises(UnexpectedAnswer):
        client.export_bundle(TASK, tmp_path / "it.perdure")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("it.perdure", b"what was there")]


def test_an_answer_of_another_version_is_said_to_be_one(client: Any, server: WebServer) -> None:
    server.pages["/v1/operations/query:clock.now"] = answer({"answer": {"rubbish": True}})
    with pytest.raises(UnexpectedAnswer, match="clock"):
        client.call("query:clock.now")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET}é", f"{SECRET} ", f"{SECRET}\0", ""])
def test_what_cannot_be_a_token_is_refused_and_not_told(kind: type[Client], token: str) -> None:
    with pytest.raises(BadRequest) as caught:
        kind.connect("http://127.0.0.1:1", token=token)
    assert caught.value.field == "token"
    assert "verysecret" not in repr(caught.value) + str(caught.value.__context__)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("url", ["127.0.0.1:7373", "ftp://there", "http://there:x", "http://u:pw@there", "", "http://"])
def test_what_cannot_be_an_address_is_refused(kind: type[Client], url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        kind.connect(url, token=SECRET)
    assert caught.value.field == "url"
    assert "pw" not in str(caught.value)


def test_nobody_is_there(client: Any, server: WebServer) -> None:
    server.pages["/v1/extensions"] = cut
    with pytest.raises(ServerUnreachable) as caught:
        client.extensions()
    assert caught.value.address == f"http://127.0.0.1:{server.port}"
    assert SECRET not in str(caught.value)
