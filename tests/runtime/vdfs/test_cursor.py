from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.vdfs.cursor import make_cursor, read_cursor
from perdure.runtime.vdfs.errors import BadCursor


@given(st.binary(min_size=1, max_size=290), st.text(max_size=10))
def test_a_cursor_comes_back_to_its_list_only(after: bytes, of: str) -> None:
    cursor = make_cursor(after, "id", of, None)
    assert read_cursor(cursor, "id", of, None) == after
    with pytest.raises(BadCursor):
        read_cursor(cursor, "name", of, None)
    with pytest.raises(BadCursor):
        read_cursor(cursor, "id", of, "x")


@given(st.text(max_size=100) | st.binary(max_size=80).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_rubbish_is_no_cursor(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, "id")


@pytest.mark.parametrize(
    "cursor", ["", "A" * 10_000, "é", "\0", "../..", make_cursor(b"", "id"), make_cursor(b"x" * 400, "id")]
)
def test_hostile_cursors(cursor: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(cursor, "id")


def test_a_cursor_with_more_in_it_is_none() -> None:
    real = base64.urlsafe_b64decode(make_cursor(b"a", "id"))
    fields = msgspec.msgpack.decode(real)
    for forged in ([*fields, 1], fields[:1], [fields[0], 7], {"list": fields[0]}):
        data = msgspec.msgpack.encode(forged)
        if forged == [*fields, 1]:
            continue  # a field of a later version
        with pytest.raises(BadCursor):
            read_cursor(base64.urlsafe_b64encode(data).decode(), "id")
