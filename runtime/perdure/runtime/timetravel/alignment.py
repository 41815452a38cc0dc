"""Which of two runs' calls belong together: pure.

As in any good diff, what is equal is found first: a common beginning, a common end, and between them the fewest calls
that only one side has (Myers' algorithm). Where that would take too long, because the two have little in common, calls
of the same number belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

_MOST_EDITS: Final = 1_000
_MOST_STEPS: Final = 4_000_000


class Entry(msgspec.Struct, frozen=True):
    """A call of a run; two with equal ``content`` are the same call with the same answer, whatever fuel they took."""

    call: int
    fuel: int
    sequence: int
    content: bytes


class Row(msgspec.Struct, frozen=True):
    """Two calls that belong together, or one that only one side has.

    ``fuel`` is how much more the right side took from the call before, where both sides have that and this one.
    """

    left: Entry | None
    right: Entry | None
    fuel: int = 0

    @property
    def same(self) -> bool:
        """Whether both sides have it, and it is equal but for its fuel."""
        return self.left is not None and self.right is not None and self.left.content == self.right.content


def aligned(left: Sequence[Entry], right: Sequence[Entry]) -> list[Row]:
    """All calls of both sides, in order."""
    rows: list[Row] = []
    gap = 0
    for one, other in _pairs(left, right):
        fuel = 0
        if one is not None and other is not None:
            fuel = other.fuel - one.fuel - gap
            gap += fuel
        rows.append(Row(one, other, fuel))
    return rows


_Pair = tuple[Entry | None, Entry | None]


def _pairs(left: Sequence[Entry], right: Sequence[Entry]) -> list[_Pair]:
    least = min(len(left), len(right))
    begin = 0
    while begin < least and left[begin].content == right[begin].content:
        begin += 1
    end = 0
    while end < least - begin and left[-1 - end].content == right[-1 - end].content:
        end += 1
    middle_left, middle_right = left[begin : len(left) - end], right[begin : len(right) - end]
    pairs: list[_Pair] = list(zip(left[:begin], right[:begin], strict=True))
    pairs += _middle(middle_left, middle_right)
    pairs += zip(left[len(left) - end :], right[len(right) - end :], strict=True)
    return pairs


def _middle(left: Sequence[Entry], right: Sequence[Entry]) -> list[_Pair]:
    kept = _kept([entry.content for entry in left], [entry.content for entry in right])
    if kept is None:
        return _by_number(left, right)
    pairs: list[_Pair] = []
    x = y = 0
    for i, j in [*kept, (len(left), len(right))]:
        # What stands between two equal calls: the first of one side is likely what the first of the other became.
        both = min(i - x, j - y)
        pairs += zip(left[x : x + both], right[y : y + both], strict=True)
        pairs += ((entry, None) for entry in left[x + both : i])
        pairs += ((None, entry) for entry in right[y + both : j])
        if i < len(left):
            pairs.append((left[i], right[j]))
        x, y = i + 1, j + 1
    return pairs


def _by_number(left: Sequence[Entry], right: Sequence[Entry]) -> list[_Pair]:
    others = {entry.call: entry for entry in right}
    numbers = {entry.call: entry for entry in left}
    return [(numbers.get(call), others.get(call)) for call in sorted(numbers.keys() | others.keys())]


def _kept(left: Sequence[bytes], right: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """The places of a longest common subsequence (Myers 1986); None if it takes too many steps to find."""
    furthest: dict[int, int] = {1: 0}
    trail: list[dict[int, int]] = []
    steps = 0
    for edits in range(min(_MOST_EDITS, len(left) + len(right)) + 1):
        trail.append(furthest.copy())
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            start = x
            while x < len(left) and x - diagonal < len(right) and left[x] == right[x - diagonal]:
                x += 1
            furthest[diagonal] = x
            steps += 1 + x - start
            if x >= len(left) and x - diagonal >= len(right):
                return _walked_back(trail, len(left), len(right))
        if steps > _MOST_STEPS:
            return None
    return None


def _walked_back(trail: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for edits in range(len(trail) - 1, -1, -1):
        furthest, diagonal = trail[edits], x - y
        down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
        before = diagonal + 1 if down else diagonal - 1
        from_x = furthest[before] if edits else 0
        from_y = from_x - before if edits else 0
        while x > from_x and y > from_y and x > 0 and y > 0:
            x, y = x - 1, y - 1
            kept.append((x, y))
        x, y = from_x, from_y
    return kept[::-1]
