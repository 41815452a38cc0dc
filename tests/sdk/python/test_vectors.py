"""``perdure_sdk.vectors``: vectors as `ctx.ai.embed` gives them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure_sdk.vectors import cosine, decode, encode, from_base64, nearest, to_base64

FLOATS = st.floats(-1, 1, width=32)


@given(numbers=st.lists(FLOATS, max_size=40))
def test_bytes_and_numbers(numbers: list[float]) -> None:
    packed = struct.pack(f"<{len(numbers)}f", *numbers)
    assert encode(numbers) == packed
    assert list(decode(packed)) == numbers
    assert decode(numbers) is numbers
    assert from_base64(to_base64([packed, b""])) == [packed, b""]


@given(pair=st.integers(1, 20).flatmap(lambda size: st.tuples(*[st.lists(FLOATS, min_size=size, max_size=size)] * 2)))
def test_a_cosine(pair: tuple[list[float], list[float]]) -> None:
    one, other = pair
    found = cosine(encode(one), encode(other))
    assert -1 <= found <= 1
    assert found == cosine(other, one)
    if math.hypot(*one) > 1e-6:
        assert cosine(one, encode(one)) == pytest.approx(1)
        assert cosine(one, [-number for number in one]) == pytest.approx(-1)


def test_what_has_no_direction_is_near_to_nothing() -> None:
    assert cosine(encode([0, 0]), encode([0.6, 0.8])) == 0


def test_the_nearest_come_first() -> None:
    vectors = {"east": encode([1, 0]), "north": encode([0, 1]), "west": encode([-1, 0]), "between": encode([0.6, 0.8])}
    assert [key for key, _ in nearest(encode([0.8, 0.6]), vectors, 3)] == ["between", "east", "north"]
    ((key, similarity),) = nearest([2, 0], iter(vectors.items()), 1)
    assert (key, similarity) == ("east", 1.0)
    assert nearest([1, 0], {}) == []


def test_vectors_of_different_models() -> None:
    for ask in (lambda: cosine([1, 0], [1, 0, 0]), lambda: nearest([1, 0], {"a": encode([1, 0, 0])})):
        with pytest.raises(ValueError, match="different models"):
            ask()
    with pytest.raises(ValueError, match="four bytes"):
        decode(b"abc")
