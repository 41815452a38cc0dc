"""The client against real servers: what it sends, what comes back, and where it refuses to go."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from tests.support.waiting import eventually
from tests.support.web_server import Authority, Names, Page, Visit, WebServer, web_server

from perdure.runtime.errors import InvalidLimits
from perdure.runtime.http.client import HttpAnswer, HttpClient, HttpClients, HttpRequest, send_once
from perdure.runtime.http.errors import (
    AddressNotAllowed,
    AnswerTooLarge,
    BrokenAnswer,
    ClientClosed,
    HostNotAllowed,
    HostUnreachable,
    HttpError,
    InvalidRequest,
    RequestTimedOut,
    TlsFailed,
    TooManyRedirects,
)
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.resolver import Resolver
from perdure.runtime.http.settings import HttpSettings

OPEN = HttpSettings(private_networks=("127.0.0.0/8", "::1/128"))


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server({}) as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def send(
    server: WebServer,
    path: str = "/",
    *,
    rules: list[str] | None = None,
    settings: HttpSettings = OPEN,
    resolver: Resolver | None = None,
    **request: object,
) -> HttpAnswer:
    """Send to the server by its address; by default only that is allowed."""
    url = path if "://" in path else f"http://127.0.0.1:{server.port}{path}"
    hosts = HostRules.of(rules if rules is not None else [f"http://127.0.0.1:{server.port}"])
    fields = {"url": url, "seconds": 20.0, **request}
    return send_once(msgspec.convert(fields, HttpRequest), hosts, settings, resolver=resolver)


def page(status: int = 200, body: bytes = b"", *headers: tuple[str, str]) -> Page:
    return lambda visit: visit.reply(status, body, *headers)


def redirect(location: str, status: int = 302) -> Page:
    return page(status, b"elsewhere", ("Location", location))


# --- what is sent and what comes back --------------------------------------------------------------------------------


def test_a_request_and_its_answer(server: WebServer) -> None:
    server.pages["/x"] = page(201, b"made", ("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2"))
    answer = send(server, "/x?q=1", method="POST", headers=(("X-B", "1"), ("X-B", "2")), body=b"\x00body")
    assert (answer.status, answer.body) == (201, b"made")
    assert [value for name, value in answer.headers if name == "x-a"] == ["1", "2"]
    assert str(answer.target) == f"http://127.0.0.1:{server.port}/x?q=1"
    assert 0 <= answer.elapsed_ms < 20_000
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/x?q=1", b"\x00body")
    assert [value for name, value in seen.headers if name == "x-b"] == ["1", "2"]
    assert sorted(name for name, _ in seen.headers) == sorted(
        ["host", "x-b", "x-b", "accept-encoding", "accept", "user-agent", "content-length"]
    )
    assert (seen.header("host"), seen.header("user-agent")) == (f"127.0.0.1:{server.port}", "perdure")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_methods(server: WebServer, method: str) -> None:
    server.pages["/"] = page(200, b"text")
    assert send(server, method=method).body == (b"" if method == "HEAD" else b"text")
    assert server.seen[0].method == method


@pytest.mark.parametrize("method", ["", "get", "CONNECT", "TRACE", "TRACK", "GET /x HTTP/1.1\r\nX:", "A" * 21, "ГET"])
def test_methods_that_are_refused(server: WebServer, method: str) -> None:
    with pytest.raises(InvalidRequest, match="method"):
        send(server, method=method)
    assert server.connections == 0


@pytest.mark.parametrize("status", [204, 304, 400, 404, 500, 503])
def test_any_status_is_an_answer(server: WebServer, status: int) -> None:
    server.pages["/"] = page(status)
    assert send(server).status == status


def test_the_guest_s_own_agent_and_accept(server: WebServer) -> None:
    server.pages["/"] = page()
    send(server, headers=(("user-agent", "mine"), ("ACCEPT", "text/html")))
    assert [value for name, value in server.seen[0].headers if name in {"user-agent", "accept"}] == [
        "mine",
        "text/html",
    ]


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_compressed_answers(server: WebServer, coding: str) -> None:
    packed = gzip.compress(b"text" * 1_000)
    server.pages["/"] = page(200, packed, ("Content-Encoding", coding))
    answer = send(server)
    # What nobody can undo is handed on with its header.
    assert answer.body == (b"text" * 1_000 if coding == "gzip" else packed)
    assert answer.header("content-encoding") == (None if coding == "gzip" else "br")
    assert answer.header("content-length") == (None if coding == "gzip" else str(len(packed)))


def test_a_connection_is_kept_for_one_extension_and_cookies_are_not(server: WebServer) -> None:
    server.pages["/"] = page(200, b"text", ("Set-Cookie", "s=1"))
    hosts = HostRules.of([f"http://127.0.0.1:{server.port}"])
    request = HttpRequest(url=f"http://127.0.0.1:{server.port}/")

    async def visits() -> None:
        clients = HttpClients(OPEN)
        for extension in ("a", "a", "b", None):
            assert (await clients.of(extension).send(request, hosts)).status == 200
        await clients.aclose()
        await clients.aclose()
        with pytest.raises(ClientClosed):
            clients.of("a")

    asyncio.run(visits())
    assert server.connections == 3
    assert [seen.header("cookie") for seen in server.seen] == [None] * 4


def test_a_client_that_is_quiet_keeps_no_connection(server: WebServer) -> None:
    server.pages["/"] = page(200, b"text")
    hosts = HostRules.of([f"http://127.0.0.1:{server.port}"])
    request = HttpRequest(url=f"http://127.0.0.1:{server.port}/")

    async def visits() -> None:
        client = HttpClient(OPEN, keep=0.01)
        for _ in range(2):
            assert (await client.send(request, hosts)).status == 200
            await asyncio.to_thread(eventually, lambda: not server.open)
        await client.aclose()

    asyncio.run(visits())
    assert server.connections == 2


def test_nothing_is_taken_from_the_environment(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.pages["/"] = page(200, b"direct")
    assert send(server).body == b"direct"
    assert server.seen[0].header("authorization") is None


def test_secrets_do_not_reach_the_host_s_log(server: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.pages["/"] = page(200, b"s3cret-body", ("Set-Cookie", "s3cret-cookie"))
    send(
        server, "/?token=s3cret-url", method="POST", headers=(("Authorization", "s3cret-header"),), body=b"s3cret-sent"
    )
    assert server.seen
    assert "s3cret" not in caplog.text


# --- limits ----------------------------------------------------------------------------------------------------------


def test_an_answer_at_its_limit(server: WebServer) -> None:
    server.pages["/"] = page(200, b"a" * 1_000)
    assert len(send(server, max_bytes=1_000).body) == 1_000
    with pytest.raises(AnswerTooLarge, match="more than 999 bytes"):
        send(server, max_bytes=999)
    with pytest.raises(AnswerTooLarge, match="more than 500 bytes"):
        send(server, max_bytes=1_000, settings=msgspec.structs.replace(OPEN, max_answer_bytes=500))


def endless(visit: Visit) -> None:
    visit.begin(200, ("Transfer-Encoding", "chunked"))
    while not visit.server.over.is_set():
        visit.write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
        visit.server.written += 65_536


def test_an_endless_answer(server: WebServer) -> None:
    server.pages["/"] = endless
    with pytest.raises(AnswerTooLarge):
        send(server, max_bytes=100_000)
    assert server.written < 50_000_000  # what socket buffers took, at most


@pytest.mark.parametrize(
    "bomb", [gzip.compress(b"\0" * 200_000_000), gzip.compress(b"") * 40_000], ids=["big", "empty"]
)
def test_a_bomb(server: WebServer, bomb: bytes) -> None:
    server.pages["/"] = page(200, bomb, ("Content-Encoding", "gzip"))
    with pytest.raises((AnswerTooLarge, BrokenAnswer)):
        send(server)


def test_the_limit_counts_what_comes_too(server: WebServer) -> None:
    # Stored blocks that are empty: data that are decoded to nothing.
    server.pages["/"] = page(200, b"\x00\x00\x00\xff\xff" * 10_000, ("Content-Encoding", "deflate"))
    with pytest.raises(AnswerTooLarge):
        send(server, max_bytes=1_000)


def test_a_large_head(server: WebServer) -> None:
    server.pages["/"] = page(200, b"", *[("X-A", "a" * 50_000) for _ in range(10)])
    with pytest.raises(BrokenAnswer):
        send(server)


def test_a_body_that_is_too_large_to_send(server: WebServer) -> None:
    with pytest.raises(InvalidRequest, match="at most 10"):
        send(server, method="POST", body=b"a" * 11, settings=msgspec.structs.replace(OPEN, max_request_bytes=10))
    assert server.connections == 0


def begin_and_hang(visit: Visit) -> None:
    visit.begin(200, ("Content-Length", "100"))
    visit.write(b"a")
    visit.hang()


@pytest.mark.parametrize("slow", [Visit.hang, begin_and_hang], ids=["head", "body"])
def test_a_server_that_does_not_answer(server: WebServer, slow: Page) -> None:
    server.pages["/"] = slow
    with pytest.raises(RequestTimedOut, match=r"within 0\.2 s") as caught:
        send(server, seconds=0.2)
    assert caught.value.code == "unavailable"


def test_the_time_is_for_all_redirects_together(server: WebServer) -> None:
    server.pages["/"] = redirect("/slow")
    server.pages["/slow"] = Visit.hang
    with pytest.raises(RequestTimedOut):
        send(server, seconds=0.2)


def test_a_request_that_is_cancelled_gives_its_connection_up(server: WebServer) -> None:
    arrived = threading.Event()

    def slow(visit: Visit) -> None:
        arrived.set()
        visit.hang()

    server.pages["/"] = slow

    async def cancelled() -> None:
        client = HttpClient(msgspec.structs.replace(OPEN, connections=1))
        hosts = HostRules.of([f"http://127.0.0.1:{server.port}"])
        request = HttpRequest(url=f"http://127.0.0.1:{server.port}/")
        task = asyncio.create_task(client.send(request, hosts))
        await asyncio.to_thread(arrived.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.pages["/"] = page(200, b"next")
        assert (await client.send(request, hosts)).body == b"next"  # there is only one connection
        await client.aclose()

    asyncio.run(cancelled())


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"HTTP/1.1 2OO OK\r\n\r\n"),
        *(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"HTTP/1.1 200 OK\r\nX"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n"
        + gzip.compress(b"cut off", mtime=0)[:12],
    ],
)
def test_what_is_no_answer(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(BrokenAnswer) as caught:
            send_once(
                HttpRequest(url=f"http://127.0.0.1:{port}/", seconds=20.0),
                HostRules.of([f"http://127.0.0.1:{port}"]),
                OPEN,
            )
        thread.join()
    assert caught.value.code == "unavailable"


# --- where it goes ---------------------------------------------------------------------------------------------------


def test_a_host_that_is_not_allowed(server: WebServer) -> None:
    for rules in ([], ["127.0.0.1"], ["http://127.0.0.1"], ["http://localhost:" + str(server.port)]):
        with pytest.raises(HostNotAllowed) as caught:
            send(server, rules=rules)
        assert caught.value.code == "permission_denied"
        assert caught.value.entry == f"http://127.0.0.1:{server.port}"
        assert caught.value.entry in str(caught.value)
    assert server.connections == 0


def test_a_private_address_is_refused_though_its_host_was_granted(server: WebServer) -> None:
    with pytest.raises(AddressNotAllowed, match="loopback") as caught:
        send(server, settings=HttpSettings())
    assert caught.value.code == "permission_denied"
    with pytest.raises(AddressNotAllowed, match="loopback"):
        send(
            server,
            f"http://[::ffff:127.0.0.1]:{server.port}/",
            rules=[f"http://[::ffff:127.0.0.1]:{server.port}"],
            settings=HttpSettings(),
        )
    with pytest.raises(AddressNotAllowed, match="loopback"):  # the operating system's resolver
        send(
            server,
            f"http://localhost:{server.port}/",
            rules=[f"http://localhost:{server.port}"],
            settings=HttpSettings(),
        )
    assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        *(("127.0.0.1", "loopback"), ("10.1.2.3", "private"), ("169.254.169.254", "link-local"), ("0.0.0.0", "unspec")),
        *(
            ("::1", "loopback"),
            ("fd00::1", "private"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::7f00:1", "loopback"),
        ),
    ],
)
def test_a_name_of_a_private_address(address: str, kind: str) -> None:
    names = Names(api_example_com=[address])
    with pytest.raises(AddressNotAllowed, match=kind) as caught:
        send_once(
            HttpRequest(url="https://api.example.com/"),
            HostRules.of(["api.example.com"]),
            HttpSettings(),
            resolver=names,
        )
    assert address not in str(caught.value)
    assert names.asked == ["api.example.com"]


def test_a_name_with_addresses_of_both_kinds(server: WebServer) -> None:
    server.pages["/"] = page(200, b"reached")
    names = Names(two_example=["10.0.0.1", "127.0.0.1"])
    url, rules = f"http://two.example:{server.port}/", [f"http://two.example:{server.port}"]
    assert send(server, url, rules=rules, resolver=names).body == b"reached"
    assert server.seen[0].header("host") == f"two.example:{server.port}"


def test_the_address_that_was_checked_is_connected_to(server: WebServer) -> None:
    # A name that changes between a check and a connect has no moment to do it: it is looked up once.
    server.pages["/"] = page(200, b"reached")
    closed = msgspec.structs.replace(OPEN, private_networks=("127.0.0.2/32",))
    names = Names(rebinding_example=[["127.0.0.2"], ["127.0.0.1"]])
    url, rules = f"http://rebinding.example:{server.port}/", [f"http://rebinding.example:{server.port}"]
    with pytest.raises(HostUnreachable):  # nobody is at 127.0.0.2
        send(server, url, rules=rules, resolver=names, settings=closed)
    assert names.asked == ["rebinding.example"]
    with pytest.raises(AddressNotAllowed):
        send(server, url, rules=rules, resolver=names, settings=closed)
    assert server.connections == 0


def test_ipv6(authority: Authority) -> None:
    with web_server({"/": page(200, b"six")}, authority.server_context("::1", "six.example"), "::1") as server:
        settings = msgspec.structs.replace(OPEN, ca_file=str(authority.file))
        rules = [f"[::1]:{server.port}", f"six.example:{server.port}"]
        assert send(server, f"https://[::1]:{server.port}/", rules=rules, settings=settings).body == b"six"
        names = Names(six_example=["::1"])
        url = f"https://six.example:{server.port}/"
        assert send(server, url, rules=rules, settings=settings, resolver=names).body == b"six"
        # The first address is nobody's: the next one is tried.
        names = Names(six_example=["127.0.0.1", "::1"])
        assert send(server, url, rules=rules, settings=settings, resolver=names).body == b"six"


def test_tls_is_spoken_with_the_name(authority: Authority) -> None:
    asked: list[str] = []
    context = authority.server_context("api.example.com", "127.0.0.1")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    names = Names(api_example_com=["127.0.0.1"], other_example_com=["127.0.0.1"])
    with web_server({"/": page(200, b"secure")}, context) as server:
        settings = msgspec.structs.replace(OPEN, ca_file=str(authority.file))
        rules = [f"*.example.com:{server.port}", f"127.0.0.1:{server.port}"]
        url = f"https://api.example.com:{server.port}/"
        assert send(server, url, rules=rules, settings=settings, resolver=names).body == b"secure"
        assert asked == ["api.example.com"]
        assert send(server, f"https://127.0.0.1:{server.port}/", rules=rules, settings=settings).body == b"secure"
        other = f"https://other.example.com:{server.port}/"
        with pytest.raises(TlsFailed, match="certificate is not valid") as caught:
            send(server, other, rules=rules, settings=settings, resolver=names)
        assert caught.value.code == "unavailable"
        with pytest.raises(TlsFailed, match="certificate is not valid"):  # an authority that nobody trusts
            send(server, url, rules=rules, resolver=names)
        assert len(server.seen) == 2


def test_https_with_a_server_that_speaks_none(server: WebServer) -> None:
    with pytest.raises(TlsFailed):
        send(server, f"https://127.0.0.1:{server.port}/", rules=[f"127.0.0.1:{server.port}"])


def test_old_tls_is_refused(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # so old that Python warns
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    settings = msgspec.structs.replace(OPEN, ca_file=str(authority.file))
    with web_server({}, context) as server:
        url, rules = f"https://127.0.0.1:{server.port}/", [f"127.0.0.1:{server.port}"]
        with pytest.raises(TlsFailed):
            send(server, url, rules=rules, settings=settings)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HostUnreachable, match="nobody answers") as caught:
        send_once(HttpRequest(url=f"http://127.0.0.1:{port}/"), HostRules.of([f"http://127.0.0.1:{port}"]), OPEN)
    assert caught.value.code == "unavailable"


def test_names_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(resolver: Resolver | None) -> None:
        host = "nobody.invalid"
        send_once(HttpRequest(url=f"https://{host}/"), HostRules.of([host]), HttpSettings(), resolver=resolver)

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(HostUnreachable, match="its name is unknown"):
        ask(None)
    with pytest.raises(HostUnreachable, match="cannot be looked up"):
        ask(Names())
    with pytest.raises(HostUnreachable, match="no address"):
        ask(Names(nobody_invalid=[]))


# --- redirects -------------------------------------------------------------------------------------------------------


def test_a_chain_of_redirects(server: WebServer) -> None:
    for number in range(5):
        server.pages[f"/{number}"] = redirect(f"/{number + 1}")
    server.pages["/5"] = page(200, b"there")
    answer = send(server, "/0")
    assert (answer.body, answer.target.path) == (b"there", "/5")
    with pytest.raises(TooManyRedirects, match="more than 4"):
        send(server, "/0", max_redirects=4)
    assert send(server, "/0", max_redirects=0).header("location") == "/1"


def test_no_request_keeps_a_connection_that_the_next_one_needs(server: WebServer) -> None:
    one = msgspec.structs.replace(OPEN, connections=1)
    hosts = HostRules.of([f"http://127.0.0.1:{server.port}"])
    server.pages |= {"/": redirect("/1", 307), "/1": redirect("/2"), "/2": page(200, b"there"), "/endless": endless}
    url = f"http://127.0.0.1:{server.port}"

    async def visits() -> None:
        client = HttpClient(one)
        for _ in range(2):
            assert (await client.send(HttpRequest(url=url, seconds=20.0), hosts)).body == b"there"
            with pytest.raises(AnswerTooLarge):
                await client.send(HttpRequest(url=f"{url}/endless", seconds=20.0), hosts)
            with pytest.raises(TooManyRedirects):
                await client.send(HttpRequest(url=url, seconds=20.0, max_redirects=1), hosts)
        await client.aclose()

    asyncio.run(visits())


def test_a_redirect_to_itself(server: WebServer) -> None:
    server.pages["/"] = redirect("/")
    with pytest.raises(TooManyRedirects) as caught:
        send(server)
    assert caught.value.code == "failed"
    assert len(server.seen) == 6


def test_a_redirect_out_of_the_list(server: WebServer) -> None:
    with web_server({"/": page(200, b"secret of the host")}) as other:
        leads = [f"http://127.0.0.1:{other.port}/", f"http://localhost:{server.port}/", "https://127.0.0.1/"]
        for location in leads:
            server.pages["/"] = redirect(location)
            with pytest.raises(HostNotAllowed):
                send(server)
        assert other.connections == 0


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://user@x/", "http://[::1", "ftp://x/", "\t//x"])
def test_a_redirect_to_no_place(server: WebServer, location: str) -> None:
    server.pages["/"] = redirect(location)
    with pytest.raises(HttpError) as caught:
        send(server)
    assert isinstance(caught.value, BrokenAnswer | HostNotAllowed)


def test_a_redirect_to_two_places(server: WebServer) -> None:
    server.pages["/"] = page(302, b"", ("Location", "/a"), ("Location", "/b"))
    with pytest.raises(BrokenAnswer, match="more than one"):
        send(server)


def test_a_redirect_to_a_private_address(server: WebServer) -> None:
    server.pages["/"] = redirect(f"http://inside.example:{server.port}/")
    rules = [
        f"http://*.example:{server.port}".replace("*.example", name) for name in ("outside.example", "inside.example")
    ]
    names = Names(outside_example=["127.0.0.1"], inside_example=["10.0.0.1"])
    with pytest.raises(AddressNotAllowed, match=r"inside\.example.*private"):
        send(server, f"http://outside.example:{server.port}/", rules=rules, resolver=names)


def test_credentials_do_not_follow_to_another_host(server: WebServer) -> None:
    server.pages["/here"] = redirect("/there", 307)
    server.pages["/there"] = redirect(f"http://other.example:{server.port}/far", 307)
    server.pages["/far"] = page(200, b"far")
    names = Names(other_example=["127.0.0.1"])
    rules = [f"http://127.0.0.1:{server.port}", f"http://other.example:{server.port}"]
    headers = (("Authorization", "Bearer t"), ("Cookie", "c"), ("X-A", "1"))
    answer = send(server, "/here", rules=rules, resolver=names, method="POST", headers=headers, body=b"b")
    assert answer.target.host == "other.example"
    assert [(seen.method, seen.body, seen.header("x-a")) for seen in server.seen] == [("POST", b"b", "1")] * 3
    assert [seen.header("authorization") for seen in server.seen] == ["Bearer t", "Bearer t", None]
    assert [seen.header("cookie") for seen in server.seen] == ["c", "c", None]


def test_a_post_becomes_a_get(server: WebServer) -> None:
    server.pages["/"] = redirect("/done", 303)
    server.pages["/done"] = page(200, b"done")
    send(server, method="POST", headers=(("Content-Type", "text/plain"),), body=b"b")
    last = server.seen[-1]
    assert (last.method, last.body, last.header("content-type"), last.header("content-length")) == (
        "GET",
        b"",
        None,
        None,
    )


def test_from_https_to_http_only_where_both_are_allowed(authority: Authority, server: WebServer) -> None:
    server.pages["/"] = page(200, b"plain")
    context = authority.server_context("127.0.0.1")
    with web_server({"/": redirect(f"http://127.0.0.1:{server.port}/")}, context) as secure:
        settings = msgspec.structs.replace(OPEN, ca_file=str(authority.file))
        url, rules = f"https://127.0.0.1:{secure.port}/", [f"127.0.0.1:{secure.port}"]
        with pytest.raises(HostNotAllowed):
            send(secure, url, rules=[*rules, f"127.0.0.1:{server.port}"], settings=settings)
        assert server.connections == 0
        plain = [*rules, f"http://127.0.0.1:{server.port}"]
        assert send(secure, url, rules=plain, settings=settings).body == b"plain"


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(InvalidLimits, match=r"private_networks\[1\]"):
        HttpSettings(private_networks=("::1/128", "everything"))
    with pytest.raises(InvalidLimits, match="connections"):
        HttpSettings(connections=0)
