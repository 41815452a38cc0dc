"""Vectors of texts, as `ctx.ai.embed` gives them: what they are made of, and which are near each other.

    wanted, *others = ctx.ai.embed([question, *texts]).vectors
    for place, similarity in nearest(wanted, enumerate(others), 5):
        ...

A vector is kept as it comes, as bytes: 32-bit floats in little-endian order, a sixth of what they take as JSON. It is
of unit length. Those of different models have nothing to do with each other.
"""

from __future__ import annotations

import base64
import heapq
import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import TypeVar

Vector = bytes | Sequence[float]
"""Bytes as `ctx.ai.embed` gives them, or numbers."""

Key = TypeVar("Key")

# In C, exact for these numbers as the other way is; it came with Python 3.12, and the sandbox has 3.14.
_sum_of_products = getattr(math, "sumprod", None) or (lambda one, other: math.fsum(map(mul, one, other)))


def decode(vector: Vector) -> Sequence[float]:
    """The numbers of a vector; numbers stay as they are.

    Raises:
        ValueError: the bytes are no whole number of floats.
    """
    if not isinstance(vector, bytes):
        return vector
    if len(vector) % 4:
        raise ValueError(f"a vector has four bytes for each number, and this one has {len(vector)} bytes")
    numbers = array("f")
    numbers.frombytes(vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def encode(numbers: Iterable[float]) -> bytes:
    """A vector as bytes, for example the mean of some."""
    packed = array("f", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def to_base64(vectors: Iterable[bytes]) -> list[str]:
    """Vectors as JSON can say them, for what is written by hand; a job's state takes bytes as they are."""
    return [base64.b64encode(vector).decode() for vector in vectors]


def from_base64(texts: Iterable[str]) -> list[bytes]:
    """What `to_base64` made.

    Raises:
        ValueError: one is no base64.
    """
    return [base64.b64decode(text, validate=True) for text in texts]


def cosine(one: Vector, other: Vector) -> float:
    """How near two vectors are: 1 for the same direction, 0 for nothing in common, -1 for the opposite.

    What has no direction, as the vector of a text of blanks, is near to nothing: 0.

    Raises:
        ValueError: they are of different models, and have different numbers of dimensions.
    """
    left, right = decode(one), decode(other)
    _check(left, right)
    lengths = math.hypot(*left) * math.hypot(*right)
    return max(-1.0, min(1.0, float(_sum_of_products(left, right)) / lengths)) if lengths else 0.0


def nearest(
    wanted: Vector, vectors: Mapping[Key, Vector] | Iterable[tuple[Key, Vector]], count: int = 10
) -> list[tuple[Key, float]]:
    """The keys of the vectors that are nearest to one, with their cosines, the nearest first.

    Args:
        wanted: what to be near to.
        vectors: of unit length, as `ctx.ai.embed` gives them, each with a key to know it by. They are read once, so a
            generator that fetches them will do.
        count: how many at most.

    Raises:
        ValueError: they are of different models, and have different numbers of dimensions.
    """
    numbers = decode(wanted)
    length = math.hypot(*numbers) or 1.0

    def near(pair: tuple[Key, Vector]) -> tuple[Key, float]:
        other = decode(pair[1])
        _check(numbers, other)
        return pair[0], float(_sum_of_products(numbers, other)) / length

    pairs = vectors.items() if isinstance(vectors, Mapping) else vectors
    return heapq.nlargest(count, map(near, pairs), key=lambda found: found[1])


def _check(one: Sequence[float], other: Sequence[float]) -> None:
    if len(one) != len(other):
        raise ValueError(f"one vector has {len(one)} dimensions, another {len(other)}: they are of different models")
