"""Tokens: who gets one, what of it is kept, and when it opens nothing any more."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.manual_clock import ManualClock

from perdure.runtime import InvalidToken, Runtime, UnknownToken
from perdure.runtime.access.tokens import IssuedToken, token_of
from perdure.store import check
from perdure.store.events import ACCESS_STREAM, TokenIssued, TokenRevoked

LIBRARY = UUID(int=7)
TEXT = re.compile(r"pdr_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def runtime(clock: ManualClock) -> Iterator[Runtime]:
    with Runtime.in_memory(clock=clock) as found:
        yield found


def opens(runtime: Runtime, issued: IssuedToken) -> bool:
    return token_of(runtime.store, issued.text, runtime.clock.now()) is not None


def test_a_token_opens_until_it_is_revoked(runtime: Runtime) -> None:
    issued = runtime.issue_token("ci", ["read", "control"], libraries=[LIBRARY], extensions=["acme"], by="cli")
    assert TEXT.fullmatch(issued.text)
    assert token_of(runtime.store, issued.text, runtime.clock.now()) == issued.token
    assert (issued.token.scopes, issued.token.libraries) == (("read", "control"), (str(LIBRARY),))
    assert runtime.tokens() == [issued.token]
    assert runtime.revoke_token(issued.token.token, by="cli") == issued.token
    assert (opens(runtime, issued), runtime.tokens()) == (False, [])
    with pytest.raises(UnknownToken):
        runtime.revoke_token(issued.token.token)
    events = [stored.event for stored in runtime.store.read(ACCESS_STREAM)]
    assert [type(event) for event in events] == [TokenIssued, TokenRevoked]


def test_a_token_ends(runtime: Runtime, clock: ManualClock) -> None:
    issued = runtime.issue_token("ci", ["read"], lifetime=timedelta(days=1))
    clock.advance(86_399)
    assert opens(runtime, issued)
    clock.advance(1)
    assert not opens(runtime, issued)
    assert runtime.tokens() == [issued.token]  # it is there to be seen, and revoked


def test_the_text_is_kept_nowhere(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        issued = runtime.issue_token("ci", ["read"])
        secret = issued.text.rpartition("_")[2]
        assert secret not in repr(issued)
        assert check(runtime.store).problems == []
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    with Runtime.open(tmp_path) as runtime:
        assert opens(runtime, issued)


@given(st.data())
def test_nothing_but_the_text_opens(data: st.DataObject) -> None:
    with Runtime.in_memory() as runtime:
        text = runtime.issue_token("ci", ["read"]).text
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "_- \x00ä"))
        altered = data.draw(
            st.sampled_from([text[:at] + other + text[at + 1 :], text[:at], text + other, other + text])
        )
        assert (token_of(runtime.store, altered, 0) is not None) is (altered == text)


@given(st.text(max_size=200))
def test_rubbish_opens_nothing(text: str) -> None:
    with Runtime.in_memory() as runtime:
        assert token_of(runtime.store, text, 0) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " ci"},
        {"name": "c\ni"},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["read", "\x00"]},
        {"libraries": ["no uuid"]},
        {"extensions": ["No Id"]},
        {"extensions": [""]},
        {"extensions": ["a" * 256]},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(seconds=-1)},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(runtime: Runtime, fields: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {"name": "ci", "scopes": ["read"], **fields}
    with pytest.raises(InvalidToken) as caught:
        runtime.issue_token(wanted.pop("name"), wanted.pop("scopes"), **wanted)
    assert caught.value.field in fields
    assert runtime.tokens() == []
