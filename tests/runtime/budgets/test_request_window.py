"""The requests of a minute, against the list of their moments."""

from __future__ import annotations

import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perdure.runtime.budgets.request_window import CHUNK, MINUTE_US, RequestWindow

START = 1_760_000_000_000_000
LIMITS = st.one_of(st.integers(1, 6), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 300]))
GAPS = st.one_of(
    st.just(0),
    st.integers(0, 1_000),
    st.integers(0, 20_000_000),
    st.sampled_from([MINUTE_US - 1, MINUTE_US, MINUTE_US + 1]),
    st.integers(0, 10**10),
)


class Minutes(RuleBasedStateMachine):
    """A window, the rows that a store has of it, and the plain list of what was let in."""

    first = 1_024  # what the ring has room for at first: more than any limit here

    @initialize(limit=LIMITS)
    def open(self, limit: int) -> None:
        self.now = START
        self.window = RequestWindow(limit, self.first)
        self.rows: dict[int, bytes] = {}
        self.stamps: list[int] = []
        self.committed: list[int] = []

    def free_at(self) -> int:
        """The definition: a moment that has fewer than the limit in the minute up to it, and nobody waiting before."""
        limit = self.window.limit
        free = max([self.now, *self.stamps[-1:]])
        if len(self.stamps) >= limit:
            free = max(free, sorted(self.stamps)[-limit] + MINUTE_US)
        return free

    @rule(gap=GAPS)
    def passes(self, gap: int) -> None:
        self.now += gap

    @rule(count=st.integers(1, 400))
    def asks(self, count: int) -> None:
        for _ in range(min(count, self.window.limit + 2)):
            free = self.free_at()
            assert self.window.free_at(self.now) == free
            taken = self.window.try_take(self.now)
            assert taken == (0 if free == self.now else free)
            if not taken:
                self.stamps.append(self.now)

    @rule()
    def comes_at_the_first_moment(self) -> None:
        free = self.free_at()
        if free > self.now:
            self.now = free - 1
            assert self.window.try_take(self.now), "a microsecond early"
            self.now = free
        assert not self.window.try_take(self.now)
        self.stamps.append(self.now)

    @rule()
    def waits(self) -> None:
        free = self.window.free_at(self.now)
        assert free == self.free_at()
        self.window.take(free)
        self.stamps.append(free)

    @rule(limit=LIMITS)
    def is_limited_otherwise(self, limit: int) -> None:
        self.window.limit = limit

    @rule(reached=st.booleans())
    def is_committed(self, reached: bool) -> None:
        changes = self.window.changes()
        if reached:
            self.rows.update(changes)
            self.committed = list(self.stamps)
        else:
            self.window.forget_stored()

    @rule(back=st.sampled_from([0, 0, 1, 59_000_000, MINUTE_US, 10**11]))
    def restarts(self, back: int) -> None:
        """With what was committed; the wall clock may have been put ``back``."""
        self.now -= back
        self.window = RequestWindow(self.window.limit, self.first)
        self.window.restore(self.rows.values(), self.now)
        known = [stamp for _, row in sorted(self.window.changes()) for stamp in array("q", row[8:])]
        self.window.forget_stored()
        if self.committed and self.committed[-1] > self.now:
            # The order of time is lost, so it is enough to be on the safe side, for a minute, with what counted last.
            lately = sum(stamp + MINUTE_US > self.committed[-1] for stamp in self.committed)
            assert self.window.used(self.now) >= min(lately, self.window.limit)
            assert self.window.free_at(self.now) <= self.now + MINUTE_US
            self.stamps = sorted(known)
        else:
            self.stamps = list(self.committed)

    @invariant()
    def no_minute_has_more_than_its_limit(self) -> None:
        if hasattr(self, "window"):
            used = sum(stamp + MINUTE_US > self.now for stamp in self.stamps)
            assert self.window.used(self.now) == min(used, self.window.limit)


TestMinutes = Minutes.TestCase


class GrowingMinutes(Minutes):
    """The same with a ring that is smaller than the limit, and has to grow or to replace what is over a minute old."""

    first = 1

    @rule(limit=st.sampled_from([3 * CHUNK, 700]))
    def is_limited_generously(self, limit: int) -> None:
        self.window.limit = limit


TestGrowingMinutes = GrowingMinutes.TestCase


@given(st.integers(1, 9), st.lists(GAPS, max_size=80))
def test_never_more_than_the_limit_in_any_minute(limit: int, gaps: list[int]) -> None:
    window, now, let_in = RequestWindow(limit), START, []
    for gap in gaps:
        now += gap
        if not window.try_take(now):
            let_in.append(now)
    assert all(later - earlier >= MINUTE_US for earlier, later in zip(let_in, let_in[limit:], strict=False))


def test_the_first_microsecond_possible() -> None:
    window = RequestWindow(2)
    assert [window.try_take(START), window.try_take(START + 5)] == [0, 0]

    assert window.try_take(START + MINUTE_US - 1) == START + MINUTE_US
    assert window.try_take(START + MINUTE_US) == 0
    assert window.try_take(START + MINUTE_US) == START + MINUTE_US + 5


def test_those_who_wait_have_places_one_after_another() -> None:
    window = RequestWindow(1)
    for _ in range(3):
        window.take(window.free_at(START))

    assert window.free_at(START) == START + 3 * MINUTE_US
    assert window.used(START) == 1


def test_neither_time_nor_requests_make_it_grow() -> None:
    window = RequestWindow(1_000)
    size = sys.getsizeof(window._ring)
    for number in range(20_000):
        window.try_take(START + number * 100_000)
        if number % 100 == 0:
            # A hundred stamps touch two chunks, wherever they begin.
            assert len(window.changes()) <= 2
    assert sys.getsizeof(window._ring) == size
    window.forget_stored()
    assert {number for number, _ in window.changes()} == set(range(9))


def test_a_generous_limit_takes_what_is_used() -> None:
    window = RequestWindow(1_000_000)
    rows: dict[int, bytes] = {}
    now = START
    for _ in range(20_000):
        now += 100_000  # 600 a minute
        assert not window.try_take(now)
        rows.update(window.changes())
    assert window.used(now) == 600
    assert sys.getsizeof(window._ring) < 16_000
    again = RequestWindow(1_000_000)
    again.restore(rows.values(), now)
    assert again.used(now) == 600


@pytest.mark.parametrize("limit", [1, CHUNK, 1_000, 5 * CHUNK])
def test_a_restart_at_any_moment_keeps_the_whole_minute(limit: int) -> None:
    window = RequestWindow(limit)
    rows: dict[int, bytes] = {}
    for number in range(3 * limit + 7):
        window.take(START + number * 10)
        rows.update(window.changes())
        if number >= limit:
            again = RequestWindow(limit)
            again.restore(rows.values(), START + number * 10)
            assert again.free_at(START + number * 10) == window.free_at(START + number * 10)
            assert len(rows) <= limit // CHUNK + 2
