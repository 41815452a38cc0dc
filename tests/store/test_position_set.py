"""Sets of places are equal if and only if they hold the same places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.store.position_set import PositionSet

RANGES = st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 5)), max_size=8)


def made(ranges: list[tuple[int, int]]) -> PositionSet:
    positions = PositionSet()
    for first, count in ranges:
        positions.add(first, count)
    return positions


@given(RANGES, RANGES)
def test_sets_are_equal_where_their_places_are(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    def places(ranges: list[tuple[int, int]]) -> list[int]:
        return sorted(place for first, count in ranges for place in range(first, first + count))

    assert (made(one) == made(other)) is (places(one) == places(other))


@given(RANGES, st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_matters(ranges: list[tuple[int, int]], random: object) -> None:
    single = [(place, 1) for first, count in ranges for place in range(first, first + count)]
    assert made(ranges) == made(single[::-1])


@given(RANGES, RANGES)
def test_what_is_taken_away_was_never_there(kept: list[tuple[int, int]], gone: list[tuple[int, int]]) -> None:
    positions = made(gone + kept)
    for first, count in gone:
        positions.remove(first, count)
    assert positions == made(kept)


@given(RANGES, RANGES)
def test_a_set_is_added_by_its_digest(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    positions, added = made(one), made(other)
    positions.add_set(added.count, added.digest)
    assert positions == made(one + other)
    assert len(positions.digest) == 16
    assert positions != object()
