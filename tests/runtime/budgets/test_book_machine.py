"""The book against lists of stamps: limits that change, job types, restarts without what was not committed, clocks."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.manual_clock import ManualClock

from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.budgets.budgets import Budget, Budgets, JobTypeBudgets
from perdure.store import MemoryEventStore

MINUTE = 60_000_000
SLICE = 60_000_000  # of an hour, in which bytes are counted together
HOUR = 3_600_000_000
LIMITS = st.one_of(st.none(), st.integers(1, 4), st.sampled_from([130, 300]))
BYTES = st.one_of(st.none(), st.integers(1, 60))
KINDS = ("big", "small")


class BookAndLists(RuleBasedStateMachine):
    """``small`` has no budgets of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.store = MemoryEventStore(self.clock.now)
        self.time = self.clock.now()  # the one that only goes on
        self.calls = 0
        self.limits: tuple[int | None, int | None, int | None] = (3, None, None)
        self.stamps: list[tuple[int, str]] = []
        self.written: list[tuple[int, int]] = []
        self.committed: tuple[list[tuple[int, str]], list[tuple[int, int]]] = ([], [])
        self.book = BudgetBook(self.clock, self.store)
        self.grant()

    def grant(self) -> None:
        every, big, size = self.limits
        types = {"big": JobTypeBudgets(requests_per_minute=Budget(limit=big))} if big is not None else {}
        budgets = Budgets(requests_per_minute=Budget(limit=every), bytes_per_hour=Budget(limit=size), job_types=types)
        self.book.grant("acme", budgets)

    def has_room(self, kind: str) -> bool:
        every, big, _ = self.limits
        lately = [which for at, which in self.stamps if at + MINUTE > self.time]
        return (every is None or len(lately) < every) and (kind != "big" or big is None or lately.count("big") < big)

    @rule(kind=st.sampled_from(KINDS), count=st.sampled_from([1, 1, 2, 150]))
    def call(self, kind: str, count: int) -> None:
        for _ in range(count):
            self.calls += 1
            edge = self.book.request(f"{self.calls}", "acme", f"acme:{kind}")
            assert (edge is None) == self.has_room(kind)
            if edge is None:
                self.stamps.append((self.time, kind))
            else:
                assert 0 < edge.use.retry_after_ms <= 60_000

    @rule(kind=st.sampled_from(KINDS))
    def come_back_when_told(self, kind: str) -> None:
        self.calls += 1
        edge = self.book.request(f"{self.calls}", "acme", f"acme:{kind}")
        while edge is not None:
            self.passes(edge.use.retry_after_ms * 1000)
            edge = self.book.request(f"{self.calls}", "acme", f"acme:{kind}")
        self.stamps.append((self.time, kind))

    @rule(size=st.integers(1, 40))
    def write(self, size: int) -> None:
        edge = self.book.write("acme", "acme:big", size)
        limit = self.limits[2]
        least = sum(amount for at, amount in self.written if at + HOUR > self.time)
        most = sum(amount for at, amount in self.written if at + HOUR + SLICE > self.time)
        if edge is None:
            assert limit is None or least + size <= limit, "never more than the limit in any hour"
            if limit is not None:
                self.written.append((self.time, size))
        else:
            assert limit is not None
            assert most + size > limit

    @rule(gap=st.one_of(st.integers(0, 2_000_000), st.sampled_from([MINUTE - 1, MINUTE, HOUR]), st.integers(0, 10**11)))
    def passes(self, gap: int) -> None:
        self.clock.advance(gap / 1_000_000)
        self.time += gap

    @rule(jump=st.sampled_from([-(10**12), -1, 5, 10**12]))
    def wall_clock_jumps(self, jump: int) -> None:
        """And is put right before the process ends: what a new process cannot know is tested elsewhere."""
        self.clock._now += jump
        self.call("big", 1)
        self.clock._now -= jump

    @rule(every=LIMITS, big=LIMITS, size=BYTES)
    def limits_change(self, every: int | None, big: int | None, size: int | None) -> None:
        before = self.limits
        self.limits = (every, big, size)
        self.commit()  # a window that is not there any more is read from its rows when it comes again
        self.grant()
        # Without a limit nothing is counted.
        if before[0] is None and every is not None:
            self.unknown()
        if before[1] is None and big is not None:
            self.unknown()

    def unknown(self) -> None:
        """Let all that may be counted or not be out of sight."""
        self.passes(MINUTE)

    @rule(reached=st.booleans())
    def commits(self, reached: bool) -> None:
        writes = self.book.take()
        if reached:
            self.store.append_batch([], writes)
            self.committed = (list(self.stamps), list(self.written))
        else:
            self.book.failed(writes)

    def commit(self) -> None:
        self.commits(True)

    @rule()
    def restarts(self) -> None:
        self.stamps, self.written = list(self.committed[0]), list(self.committed[1])
        self.book = BudgetBook(self.clock, self.store)
        self.grant()

    @invariant()
    def the_gauge_is_right(self) -> None:
        every = self.limits[0]
        if every is None:
            assert self.book.remaining() == {}
        else:
            lately = sum(at + MINUTE > self.time for at, _ in self.stamps)
            assert self.book.remaining() == {"acme": float(max(0, every - lately))}


TestBookAndLists = BookAndLists.TestCase
