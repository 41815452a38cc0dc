"""Which calls of two runs belong together."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.timetravel import alignment
from perdure.runtime.timetravel.alignment import Entry, Row, aligned

WORDS = st.lists(st.sampled_from("abcd"), max_size=14)


def entries(words: list[str] | str, fuel: int = 10) -> list[Entry]:
    return [Entry(call, call * fuel, call + 2, word.encode()) for call, word in enumerate(words, 1)]


def shown(rows: list[Row]) -> list[str]:
    """Each row as both words, like ``a=a``, ``a|b``, ``a-`` and ``+b``."""
    found = []
    for row in rows:
        left = row.left.content.decode() if row.left is not None else ""
        right = row.right.content.decode() if row.right is not None else ""
        sign = "=" if row.same else "|" if left and right else "-" if left else "+"
        found.append(f"{left}{sign}{right}")
    return found


def test_equal_runs() -> None:
    assert shown(aligned(entries("abca"), entries("abca"))) == ["a=a", "b=b", "c=c", "a=a"]
    assert aligned([], []) == []


def test_what_one_side_has_more() -> None:
    assert shown(aligned(entries("abc"), entries("abxyc"))) == ["a=a", "b=b", "+x", "+y", "c=c"]
    assert shown(aligned(entries("abxyc"), entries("abc"))) == ["a=a", "b=b", "x-", "y-", "c=c"]
    assert shown(aligned(entries("ab"), [])) == ["a-", "b-"]


def test_what_became_something_else() -> None:
    assert shown(aligned(entries("abc"), entries("axc"))) == ["a=a", "b|x", "c=c"]
    assert shown(aligned(entries("abcd"), entries("axd"))) == ["a=a", "b|x", "c-", "d=d"]


def test_fuel_is_compared_from_call_to_call() -> None:
    left = entries("abcd")
    right = [Entry(entry.call, entry.fuel + (5 if entry.call > 2 else 0), 0, entry.content) for entry in left]
    assert [row.fuel for row in aligned(left, right)] == [0, 0, 5, 0]
    assert all(row.same for row in aligned(left, right))


@given(WORDS, WORDS)
def test_nothing_is_lost_and_as_much_as_can_be_is_found_equal(left: list[str], right: list[str]) -> None:
    rows = aligned(entries(left), entries(right))
    assert [row.left for row in rows if row.left is not None] == entries(left)
    assert [row.right for row in rows if row.right is not None] == entries(right)
    same = sum(row.same for row in rows)
    # Never less than another algorithm finds: this one's edits are the fewest.
    blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    assert same >= sum(block.size for block in blocks)


@given(WORDS, WORDS)
def test_both_directions_agree(left: list[str], right: list[str]) -> None:
    there, back = aligned(entries(left), entries(right)), aligned(entries(right), entries(left))
    assert sum(row.same for row in there) == sum(row.same for row in back)


def test_runs_that_have_nothing_in_common_are_laid_beside_each_other_by_number() -> None:
    many = alignment._MOST_EDITS + 10
    left = [Entry(call, call, 0, b"l%d" % call) for call in range(1, many)]
    right = [Entry(call, call, 0, b"r%d" % call) for call in range(2, many + 5)]
    rows = aligned(left, right)
    assert [(row.left and row.left.call, row.right and row.right.call) for row in rows[:2]] == [(1, None), (2, 2)]
    assert [row.right for row in rows if row.right is not None] == right
