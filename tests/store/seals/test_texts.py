"""The bytes that are hashed and signed: one statement has one text, and what is none is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.store.errors import CorruptLog
from perdure.store.seals.ends import StreamSeal, decode_ends, encode_end, number_of
from perdure.store.seals.statement import KeyIntroduction, Statement, read_statement

HASHES = st.binary(min_size=32, max_size=32)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def statement(position: int = 12, streams: int = 3, previous: bytes = b"") -> Statement:
    return Statement(
        log=bytes(range(32)),
        position=position,
        streams=streams,
        root=b"\x0f" * 32,
        time=1_790_000_000_000_000,
        previous=previous,
        key=b"\xaa" * 32,
    )


def test_a_statements_text() -> None:
    said = statement()
    assert said.text.decode() == (
        "perdure-seal 1\n"
        "log 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "position 12\n"
        "streams 3\n"
        f"root {'0f' * 32}\n"
        "time 1790000000000000\n"
        "previous -\n"
        f"key {'aa' * 32}\n"
    )
    assert said.digest == hashlib.sha256(said.text).digest()
    assert f"\nprevious {'bb' * 32}\n" in statement(previous=b"\xbb" * 32).text.decode()


def test_an_introductions_text() -> None:
    new = KeyIntroduction(b"\x01" * 32, 7, b"\x02" * 32, b"\x03" * 32, b"", b"")
    assert new.text.decode() == (
        f"perdure-seal-key 1\nlog {'01' * 32}\nposition 7\nkey {'02' * 32}\nprevious {'03' * 32}\n"
    )


@given(st.integers(1, 1 << 62), st.integers(1, 1 << 62), st.one_of(st.just(b""), HASHES))
def test_a_statement_is_read_from_its_text(position: int, streams: int, previous: bytes) -> None:
    said = statement(max(position, streams), min(position, streams), previous)
    assert read_statement(said.text) == said


TEXT = statement().text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        TEXT[:-1],
        TEXT + b"\n",
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"position 12", b"position  12"),
        TEXT.replace(b"position 12", b"position +12"),
        TEXT.replace(b"position 12", b"position 012"),
        TEXT.replace(b"position 12", b"position 1_2"),
        TEXT.replace(b"position 12", b"position 2"),
        TEXT.replace(b"position 12", b"position 9" + b"9" * 600),
        TEXT.replace(b"position 12", b"position 99999999999999999999"),
        TEXT.replace(b"position 12\n", b""),
        TEXT.replace(b"streams 3", b"streams"),
        TEXT.replace(b"streams 3", b"streams 0"),
        TEXT.replace(b"0f0f", b"0F0F"),
        TEXT.replace(b"root 0f", b"root "),
        TEXT.replace(b"previous -", b"previous "),
        TEXT.replace(b"time 1", b"time -1"),
        TEXT.replace(b"seal 1", b"seal 2"),
        TEXT * 30,
    ],
)
def test_what_is_no_statement(text: bytes) -> None:
    with pytest.raises(CorruptLog):
        read_statement(text)


@given(st.binary(max_size=400))
def test_anything_is_a_statement_or_a_named_error(data: bytes) -> None:
    with pytest.raises(CorruptLog):
        read_statement(data)


ENDS = st.lists(st.tuples(st.integers(1, 5), NAMES, st.integers(1, 1 << 62), HASHES), max_size=6)


@given(ENDS)
def test_ends_come_back(rows: list[tuple[int, str, int, bytes]]) -> None:
    number, ends = 0, []
    for step, name, sequence, tip in rows:
        number += step
        ends.append(StreamSeal(number, name, sequence, tip))
    assert list(decode_ends(b"".join(map(encode_end, ends)))) == ends
    assert [number_of(end) for end in sorted(map(encode_end, reversed(ends)))] == [end.number for end in ends]
    assert [end.index for end in ends] == [end.number - 1 for end in ends]


def test_the_bytes_of_an_end() -> None:
    end = StreamSeal(3, "runtime", 258, b"\x07" * 32)
    assert encode_end(end).hex() == "00000003" + "0007" + b"runtime".hex() + "0000000000000102" + "07" * 32


@pytest.mark.parametrize(
    "end",
    [
        StreamSeal(0, "a", 1, bytes(32)),
        StreamSeal(1 << 32, "a", 1, bytes(32)),
        StreamSeal(1, "", 1, bytes(32)),
        StreamSeal(1, "a" * 501, 1, bytes(32)),
        StreamSeal(1, "\ud800", 1, bytes(32)),
        StreamSeal(1, "a", 0, bytes(32)),
        StreamSeal(1, "a", 1 << 63, bytes(32)),
        StreamSeal(1, "a", 1, bytes(31)),
    ],
)
def test_no_stream_ends_like_this(end: StreamSeal) -> None:
    with pytest.raises(ValueError, match="no stream ends like"):
        encode_end(end)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_list_of_ends_or_a_named_error(data: bytes) -> None:
    try:
        ends = list(decode_ends(data))
    except CorruptLog:
        return
    assert b"".join(map(encode_end, ends)) == data
