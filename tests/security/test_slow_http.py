"""Clients that are too slow: they are given up, and what others ask for is answered meanwhile."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator
from typing import BinaryIO, Final

import pytest
from tests.support.raw_http import RawClient, Said, ask
from tests.support.servers import Served
from tests.support.strangers import CLOSE, GET, HOST, bearer, established
from tests.support.waiting import eventually

from perdure.server.settings import ServerSettings

CONNECTIONS: Final = 700
LIMITS: Final = ServerSettings(
    port=0,
    max_body=1 << 20,
    max_bodies=4 << 20,
    header_seconds=0.6,
    body_seconds=0.6,
    write_seconds=0.6,
    idle_seconds=60,
    connections=CONNECTIONS,
)
PUBLISHED: Final = 150  # events, more than a connection that nobody reads takes

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.mark.parametrize("sent", [GET + b"Ho", b"\r\n", b"G", GET + HOST])
def test_a_head_that_does_not_end(port: int, sent: bytes) -> None:
    said = ask(port, sent)
    assert (said.status, said.problem["code"]) == (408, "TooSlow")


def test_a_head_that_comes_byte_by_byte(port: int) -> None:
    """Each byte comes soon enough; it is the whole that does not."""
    with RawClient(port) as client:
        eventually(lambda: not client.send(b"A"), every=0.05)


def test_a_body_that_does_not_end(served: Served, port: int) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + bearer(served) + b"Content-Type: application/json\r\n"
    for rest in (
        b"Content-Length: 10\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1;x=",
        b"Transfer-Encoding: chunked\r\n\r\n",
    ):
        said = ask(port, head + rest)
        assert (said.status, said.problem["code"]) == (408, "TooSlow")


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    assert ask(port, b"").status == 0


def test_requests_whose_answers_nobody_reads(served: Served, port: int) -> None:
    """A few may wait behind one another; with more of them the connection ends."""
    request = b"GET /v1/openapi.json HTTP/1.1\r\n" + HOST + bearer(served) + b"\r\n"
    before = established(served)
    with RawClient(port) as client:
        while client.send(request * 15):
            pass
        eventually(lambda: established(served) <= before)


def test_watchers_that_read_nothing(served: Served, port: int) -> None:
    """They are given up, one by one; whoever reads gets all of it."""
    before, at = established(served), served.runtime.store.position()
    request = f"GET /v1/events?after={at}&type=published HTTP/1.1\r\n".encode() + HOST + bearer(served) + b"\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(RawClient(port)).send(request)
        stream = stack.enter_context(reader(port, request))
        for number in range(PUBLISHED):
            served.runtime.publish("noise.made", {"number": number, "noise": "x" * 60_000})
            # Read before there is more, so that this one is never behind, however long its thread stands still.
            assert any(line.startswith(b"id:") for line in stream)
        eventually(lambda: established(served) <= before + 1, every=0.1)


@contextlib.contextmanager
def reader(port: int, request: bytes) -> Iterator[BinaryIO]:
    """What a server answers, behind its first line; asked again if this process was too slow to ask."""
    while True:
        with RawClient(port) as client:
            client.send(request)
            with client.socket.makefile("rb") as stream:
                if b" 200 " in stream.readline():
                    yield stream
                    return


def test_a_thousand_half_open_connections(served: Served, port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(1000):
                stack.enter_context(RawClient(port)).send(GET)
            # Somebody who comes now gets in; who waited without a request, as `http` does, may have had to go.
            with reader(port, GET + HOST + bearer(served) + CLOSE + b"\r\n") as stream:
                assert json.loads(stream.read().partition(b"\r\n\r\n")[2])["jobs"]
            assert established(served) <= CONNECTIONS
            eventually(lambda: established(served) <= 1, every=0.1)  # that is the one which asked
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_bodies_share_what_room_there_is(served: Served, port: int) -> None:
    size = LIMITS.max_body - 1000
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + bearer(served) + b"Content-Type: application/json\r\n"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(port)) for _ in range(10)]
        for client in clients:
            client.send(head + f"Content-Length: {size}\r\n\r\n".encode() + b" " * (size - 1))
        answers = [Said(client.read_to_end()).status for client in clients]
    assert set(answers) == {408, 429}
