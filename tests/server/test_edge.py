"""What is decided about requests before any page sees them: pure, without a socket."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.manual_clock import ManualClock

from perdure.api.errors import HeadTooLarge, Malformed, TooMany, WrongHost, WrongOrigin
from perdure.server.access.wrong_tokens import BURST, WrongTokens
from perdure.server.web.addresses import forwarded_of, peer_of
from perdure.server.web.body_room import BodyRoom
from perdure.server.web.connections import Connections, place_of
from perdure.server.web.heads import MAX_FIELDS, Fields, fault_of
from perdure.server.web.hosts import Hosts, host_of

LOCAL = Hosts("127.0.0.1", ["perdure.example"])
HOST = (b"host", b"localhost")


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:7373", "127.0.0.1:1", "[::1]:7373", "perdure.example", "perdure.example.:443"]
)
def test_names_of_the_server(host: str) -> None:
    LOCAL.check("GET", "/v1/jobs", {"host": host})
    LOCAL.check("POST", "/v1/jobs", {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost:x", "[::1"),
        *("::1", "localhost@evil.example", "evil.example:7373", "perdure.example:443:1", "10.0.0.1", "xn--localhost"),
    ],
)
def test_names_of_others(host: str) -> None:
    with pytest.raises(WrongHost):
        LOCAL.check("GET", "/v1/jobs", {"host": host})


def test_whoever_listens_everywhere_is_called_by_numbers() -> None:
    everywhere = Hosts("0.0.0.0")  # what is tested
    everywhere.check("GET", "/", {"host": "192.0.2.7:7373"})
    with pytest.raises(WrongHost):
        everywhere.check("GET", "/", {"host": "rebound.example"})


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://evil.example", "http://localhost:1", "https://localhost.evil.example", "file://"),
        *("localhost:7373", "http://127.0.0.1:7373", "ftp://localhost:7373", "http://localhost:7373@evil.example"),
    ],
)
def test_pages_of_others(origin: str) -> None:
    with pytest.raises(WrongOrigin):
        LOCAL.check("GET", "/v1/jobs", {"host": "localhost:7373", "origin": origin})


def test_a_page_behind_a_proxy() -> None:
    LOCAL.check("POST", "/v1/jobs", {"host": "127.0.0.1:7373", "origin": "https://perdure.example"})
    LOCAL.check("POST", "/v1/jobs", {"host": "perdure.example", "origin": "https://perdure.example:443"})


def test_what_browsers_say_of_themselves() -> None:
    visit = {"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    LOCAL.check("GET", "/", {**visit, "sec-fetch-dest": "document"})
    for verb, path, dest in [("GET", "/v1/jobs", "document"), ("POST", "/", "document"), ("GET", "/", "iframe")]:
        with pytest.raises(WrongOrigin):
            LOCAL.check(verb, path, {**visit, "sec-fetch-dest": dest})
    with pytest.raises(WrongOrigin):
        LOCAL.check("GET", "/", {"host": "localhost", "sec-fetch-site": "same-site"})


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_none(text: str) -> None:
    assert "/" not in text or host_of(text) not in ("localhost", "127.0.0.1", "::1")
    with pytest.raises(WrongHost):
        LOCAL.check("GET", "/", {"host": f"{text}.evil.example"})


# --- heads ------------------------------------------------------------------------------------------------------------


def fault(*fields: tuple[bytes, bytes], version: str = "1.1", url: bytes = b"/v1/jobs") -> object:
    given_fields: Fields = (HOST, *fields)
    return fault_of(version, b"GET", url, given_fields, 32 << 10)


def test_a_head_without_fault() -> None:
    assert fault((b"content-length", b"3"), (b"accept", b"*/*"), (b"accept", b"text/html")) is None
    assert fault((b"transfer-encoding", b"Chunked")) is None


@pytest.mark.parametrize(
    "name",
    [b"host", b"authorization", b"content-length", b"content-type", b"origin", b"idempotency-key", b"last-event-id"],
)
def test_a_field_that_is_there_twice(name: bytes) -> None:
    assert isinstance(fault((name, b"1"), (name, b"1")), Malformed)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"chunked, chunked", b"", b"xchunked"])
def test_codings_that_two_may_read_in_two_ways(coding: bytes) -> None:
    assert isinstance(fault((b"transfer-encoding", coding)), Malformed)


@pytest.mark.parametrize("url", [b"http://evil.example/", b"*", b"x:1", b"", b"/a%00b", b"/a\\b"])
def test_what_is_no_path(url: bytes) -> None:
    assert isinstance(fault(url=url), Malformed)


def test_other_heads_that_are_refused() -> None:
    assert isinstance(fault(version="0.9"), Malformed)
    assert isinstance(fault((b"transfer-encoding", b"chunked"), version="1.0"), Malformed)
    assert isinstance(fault_of("1.1", b"GET", b"/", [], 100), Malformed)
    assert isinstance(fault((b"a", b"x" * (32 << 10))), HeadTooLarge)
    assert isinstance(fault(*((b"a", b"b") for _ in range(MAX_FIELDS))), HeadTooLarge)


# --- connections ------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Caller:
    """A connection."""

    address: str
    dropped: bool = field(default=False)

    def drop(self) -> None:
        self.dropped = True

    def look(self, now: float) -> None:
        self.dropped = self.dropped or now > 100


def test_the_one_that_waits_longest_gives_way() -> None:
    all_of_them = Connections(3, 3, lambda address: False)
    first, _, third, fourth, fifth = callers = [Caller(f"192.0.2.{number}") for number in range(5)]
    assert all(all_of_them.enter(one) for one in callers[:3])
    all_of_them.works(first)
    assert all_of_them.enter(fourth)
    assert [one.dropped for one in callers] == [False, True, False, False, False]
    all_of_them.works(third)
    all_of_them.works(fourth)
    assert not all_of_them.enter(fifth)
    all_of_them.waits(first)
    assert all_of_them.enter(fifth)
    assert (first.dropped, len(all_of_them), all_of_them.refused) == (True, 3, 1)
    for one in callers:
        all_of_them.leave(one)
        all_of_them.leave(one)
    assert len(all_of_them) == 0


def test_one_address_does_not_take_all() -> None:
    all_of_them = Connections(10, 2, lambda address: address == "127.0.0.1")
    mine = [Caller("2001:db8::1"), Caller("2001:db8::2")]  # one neighbourhood
    assert [all_of_them.enter(one) for one in mine] == [True, True]
    assert not all_of_them.enter(Caller("2001:db8::3"))
    assert all_of_them.enter(Caller("2001:db8:1::3"))
    assert all(all_of_them.enter(Caller("127.0.0.1")) for _ in range(5))
    all_of_them.leave(mine[0])
    assert all_of_them.enter(Caller("2001:db8::3"))


def test_each_sees_whether_its_time_is_over() -> None:
    all_of_them = Connections(10, 10, lambda address: False)
    one = Caller("192.0.2.1")
    all_of_them.enter(one)
    all_of_them.look(99)
    assert not one.dropped
    all_of_them.look(101)
    assert one.dropped


@pytest.mark.parametrize(
    ("address", "place"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"), ("fe80::1%eth0", "fe80::/64"), ("", ""), ("x", "x")],
)
def test_places(address: str, place: str) -> None:
    assert place_of(address) == place


# --- wrong tokens, bodies ---------------------------------------------------------------------------------------------


def test_many_wrong_tokens() -> None:
    clock = ManualClock()
    wrong = WrongTokens(clock.monotonic)
    for _ in range(BURST):
        wrong.note("192.0.2.1")
    with pytest.raises(TooMany):
        wrong.note("192.0.2.1")
    wrong.note("192.0.2.2")
    clock.advance(2)
    wrong.note("192.0.2.1")
    for number in range(5000):
        wrong.note(f"2001:db8::{number:x}")
    assert len(wrong._buckets) <= 4096


@given(st.lists(st.integers(0, 60), max_size=20))
def test_bodies_share_what_room_there_is(sizes: list[int]) -> None:
    room = BodyRoom(100)
    with room.share() as take:
        taken = 0
        for size in sizes:
            if taken + size > 100:
                with pytest.raises(TooMany):
                    take(size)
            else:
                take(size)
                taken += size
            assert room.taken == taken
    assert room.taken == 0


# --- where from, and what the process allows itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ([], "127.0.0.1"),
        ([b"192.0.2.1"], "192.0.2.1"),
        ([b"10.0.0.1, 192.0.2.1"], "192.0.2.1"),
        ([b"10.0.0.1", b"2001:DB8::1"], "2001:db8::1"),
        ([b"192.0.2.1, \x1b[2J"], "127.0.0.1"),
        ([b""], "127.0.0.1"),
    ],
)
def test_the_log_says_whom_a_proxy_speaks_for(fields: list[bytes], address: str) -> None:
    headers = [(b"x-forwarded-for", value) for value in fields]
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": headers}
    assert (forwarded_of(scope), peer_of(scope)) == (address, "127.0.0.1")
    assert peer_of({"type": "http", "client": None, "headers": []}) == ""


def test_what_the_process_allows_itself() -> None:
    program = """
from perdure.server.web.own_limits import allow_connections, limit_memory
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
assert allow_connections(400) == 400
assert allow_connections(4000) == 1024 - 256
limit_memory(256 << 20)
small = bytearray(64 << 20)
try:
    bytearray(512 << 20)
except MemoryError:
    print("no more")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "no more\n"
