"""Which UIDs come next in a folder of any size: found in ranges, so that no answer lists a million."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.mail.imap_mailbox import _ALL_AT_ONCE, _next_uids
from perdure.runtime.mail.imap_session import ImapSession, Selected


class Searched:
    """A folder with these UIDs; ``asked`` has the ranges that were searched."""

    def __init__(self, uids: list[int]) -> None:
        self._uids = uids
        self.asked: list[tuple[int, int]] = []

    def uids(self, first: int, last: int) -> list[int]:
        assert 0 < first <= last < 2**32
        self.asked.append((first, last))
        return [uid for uid in self._uids if first <= uid <= last]


def found(uids: list[int], exists: int, after: int, most: int, uid_next: int | None) -> tuple[list[int], Searched]:
    session = Searched(uids)
    selected = Selected("INBOX", 1, uid_next, exists, False)
    return _next_uids(cast(ImapSession, cast(Any, session)), selected, after, most), session


@given(
    st.lists(st.integers(1, 2**32 - 2), unique=True, max_size=40).map(sorted),
    st.sampled_from([0, 1, 40, _ALL_AT_ONCE, _ALL_AT_ONCE + 1, 3_000_000]),
    st.integers(0, 2**33),
    st.integers(1, 50),
    st.booleans(),
)
def test_none_is_missed_and_none_comes_twice(
    uids: list[int], more: int, after: int, most: int, says_next: bool
) -> None:
    uid_next = (uids[-1] + 1 if uids else 1) if says_next else None
    answer, _ = found(uids, len(uids) + more if uids else 0, after, most, uid_next)
    expected = [uid for uid in uids if uid > after]
    assert answer[:most] == expected[:most]
    assert answer == expected[: len(answer)]


def test_a_large_folder_is_searched_in_ranges() -> None:
    uids = list(range(1, 200_000, 2))
    answer, session = found(uids, len(uids), 50_000, 501, 200_000)
    assert answer[:501] == [uid for uid in uids if uid > 50_000][:501]
    assert session.asked == [(50_001, 70_000)]


def test_a_gap_of_billions_takes_few_searches() -> None:
    answer, session = found([1, 2**32 - 2], _ALL_AT_ONCE + 1, 1, 1, 2**32 - 1)
    assert answer == [2**32 - 2]
    assert len(session.asked) < 8


def test_no_message_lies_between_two_ranges() -> None:
    edges = [_ALL_AT_ONCE, _ALL_AT_ONCE + 1, 9 * _ALL_AT_ONCE, 9 * _ALL_AT_ONCE + 1]
    answer, session = found(edges, _ALL_AT_ONCE + 1, 0, 9, 2**24)
    assert answer == edges
    assert session.asked[0][1] + 1 == session.asked[1][0]
