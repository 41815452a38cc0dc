"""The sums of an hour, against the list of what was used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perdure.runtime.budgets.sum_window import HOUR_US, NEVER, SECOND_US, SumWindow

START = 1_760_000_000_000_000
MINUTE = HOUR_US // 60
GAPS = st.one_of(st.integers(0, 1_000_000), st.sampled_from([MINUTE - 1, MINUTE, HOUR_US]), st.integers(0, 10**11))


class Hours(RuleBasedStateMachine):
    """A window, its row, and the plain list of what was used when."""

    @initialize(limit=st.integers(1, 1_000))
    def open(self, limit: int) -> None:
        self.now = START
        self.window = SumWindow(limit, HOUR_US)
        self.used: list[tuple[int, int]] = []
        self.lent: list[int] = []
        self.row: list[bytes] = []
        self.committed: tuple[int, list[tuple[int, int]], list[int]] = (START, [], [])

    def least(self) -> int:
        """What counts at the least: what was used within the hour, and what is lent out."""
        return sum(amount for at, amount in self.used if at + HOUR_US > self.now) + sum(self.lent)

    def most(self) -> int:
        """What counts at the most: a sixtieth of an hour longer."""
        return sum(amount for at, amount in self.used if at + HOUR_US + MINUTE > self.now) + sum(self.lent)

    @rule(gap=GAPS)
    def passes(self, gap: int) -> None:
        self.now += gap

    @rule(amount=st.integers(1, 400))
    def uses(self, amount: int) -> None:
        if self.window.room(self.now) >= amount:
            self.window.add(self.now, amount)
            self.used.append((self.now, amount))
            assert self.least() <= self.window.limit

    @rule(amount=st.integers(1, 400))
    def lends(self, amount: int) -> None:
        if self.window.room(self.now) >= amount:
            self.window.reserve(amount)
            self.lent.append(amount)

    @rule(data=st.data())
    def settles(self, data: st.DataObject) -> None:
        if self.lent:
            lent = self.lent.pop()
            used = data.draw(st.integers(0, lent))
            self.window.settle(self.now, lent, used)
            self.used.append((self.now, used))

    @rule(amount=st.integers(1, 1_200))
    def waits_for_room(self, amount: int) -> None:
        free = self.window.free_at(self.now, amount)
        if amount > self.window.limit:
            assert free == NEVER
        elif free > self.now and sum(self.lent) + amount <= self.window.limit:
            self.now = free - 1
            assert self.window.room(self.now) < amount
            self.now = free
            assert self.window.room(self.now) >= amount

    @rule(limit=st.integers(1, 1_000))
    def is_limited_otherwise(self, limit: int) -> None:
        self.window.limit = limit

    @rule(reached=st.booleans())
    def is_committed(self, reached: bool) -> None:
        row = [value for _, value in self.window.changes()]
        if not reached:
            self.window.forget_stored()
        elif row:
            live = [(at, amount) for at, amount in self.used if at // MINUTE + 60 >= self.now // MINUTE]
            self.row, self.committed = row, (self.now, live, list(self.lent))

    @rule(back=st.sampled_from([0, 0, 1, MINUTE, 30 * MINUTE, 10**11]))
    def restarts(self, back: int) -> None:
        """Whoever borrowed is gone, so what was lent counts as used; the wall clock may have been put ``back``."""
        self.now -= back
        self.window = SumWindow(self.window.limit, HOUR_US)
        self.window.restore(self.row, self.now)
        then, used, lent = self.committed
        behind = max(0, then // MINUTE - self.now // MINUTE) * MINUTE
        self.used = [(min(at - behind, self.now), amount) for at, amount in used] + [(self.now, sum(lent))]
        self.lent = []

    @invariant()
    def it_is_on_the_safe_side_and_not_by_much(self) -> None:
        if hasattr(self, "window"):
            assert self.least() <= self.window.used(self.now) <= self.most()


TestHours = Hours.TestCase


@given(st.integers(1, 50), st.lists(st.tuples(GAPS, st.integers(1, 60)), max_size=60))
def test_never_more_than_the_limit_in_any_hour(limit: int, steps: list[tuple[int, int]]) -> None:
    window, now = SumWindow(limit, HOUR_US), START
    used: list[tuple[int, int]] = []
    for gap, amount in steps:
        now += gap
        if window.room(now) >= amount:
            window.add(now, amount)
            used.append((now, amount))
    for begin, _ in used:
        assert sum(amount for at, amount in used if begin <= at < begin + HOUR_US) <= limit


def test_an_amount_larger_than_the_limit_never_fits() -> None:
    assert SumWindow(10, HOUR_US).free_at(START, 11) == NEVER


def test_what_is_lent_out_is_in_the_way_until_it_is_settled() -> None:
    window = SumWindow(10, SECOND_US, 20)
    window.reserve(8)

    assert START < window.free_at(START, 5) <= START + SECOND_US
    window.settle(START, 8, 2)
    assert window.free_at(START, 5) == START


def test_its_row_has_a_size_that_does_not_grow() -> None:
    window = SumWindow(10**15, HOUR_US)
    sizes = set()
    for minute in range(300):
        window.add(START + minute * MINUTE, 10**9)
        ((number, value),) = window.changes()
        assert number == 0
        sizes.add(len(value) // 400)
    assert max(sizes) <= 1
    assert window.changes() == []
