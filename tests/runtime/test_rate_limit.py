"""The rate limiter against a bucket of fractions that is filled step by step."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.rate_limit import Decision, RateLimiter

LIMITS = st.one_of(st.integers(1, 12), st.sampled_from([60, 61, 999, 1000, 1_000_000]))
# Microseconds between two requests: bursts, the pace of the limit, long silences.
GAPS = st.one_of(st.just(0), st.integers(0, 2_000), st.integers(0, 20_000_000), st.integers(0, 10**12))
START = st.one_of(st.just(0), st.integers(0, 10**13))


class Bucket:
    """The definition, word by word."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tokens = Fraction(limit)
        self.at: int | None = None

    def fill(self, now_us: int) -> None:
        if self.at is not None:
            self.tokens = min(Fraction(self.limit), self.tokens + Fraction((now_us - self.at) * self.limit, 60_000_000))
        self.at = now_us

    def decide(self, now_us: int) -> tuple[bool, int]:
        self.fill(now_us)
        allowed = self.tokens >= 1
        if allowed:
            self.tokens -= 1
        return allowed, int(self.tokens)


@given(LIMITS, START, st.lists(GAPS, max_size=60))
def test_it_is_the_bucket(limit: int, start: int, gaps: list[int]) -> None:
    limiter, bucket, now_us = RateLimiter(limit), Bucket(limit), start
    for gap in gaps:
        now_us += gap
        decision = limiter.decide(now_us / 1_000_000)
        assert (decision.allowed, decision.remaining) == bucket.decide(now_us)
        assert limiter.remaining(now_us / 1_000_000) == decision.remaining


@given(LIMITS, START, st.lists(GAPS, min_size=1, max_size=30))
def test_a_refusal_says_when_to_come_again(limit: int, start: int, gaps: list[int]) -> None:
    limiter, bucket, now_us = RateLimiter(limit), Bucket(limit), start
    for _ in range(limit if limit <= 1000 else 0):
        limiter.decide(now_us / 1_000_000)
        bucket.decide(now_us)
    for gap in gaps:
        now_us += gap
        now = now_us / 1_000_000
        decision = limiter.decide(now)
        bucket.decide(now_us)
        if decision.allowed:
            assert decision.retry_after_ms == 0
            continue
        exact_ms = (1 - bucket.tokens) * 60_000 / limit
        assert exact_ms <= decision.retry_after_ms <= exact_ms + Fraction(1002, 1000)
        # A copy that waits as told is let in, one that comes two milliseconds early is not.
        again, early = refilled(limiter), refilled(limiter)
        assert again.decide(now + decision.retry_after_ms / 1000).allowed
        if exact_ms > 2:
            assert not early.decide(now + decision.retry_after_ms / 1000 - 0.0021).allowed


def refilled(limiter: RateLimiter) -> RateLimiter:
    copy = RateLimiter(limiter.limit)
    copy.__dict__.update(limiter.__dict__)
    return copy


@given(st.integers(1, 50), st.lists(st.integers(0, 3_000_000), max_size=200), st.data())
def test_no_stretch_of_time_gets_more_than_its_share_and_one_burst(
    limit: int, gaps: list[int], data: st.DataObject
) -> None:
    limiter, now_us, let_in = RateLimiter(limit), 0, []
    for gap in gaps:
        now_us += gap
        if limiter.decide(now_us / 1_000_000).allowed:
            let_in.append(now_us)
    begin = data.draw(st.integers(0, now_us))
    end = data.draw(st.integers(begin, now_us))
    inside = sum(begin <= moment <= end for moment in let_in)
    assert inside <= limit + Fraction((end - begin) * limit, 60_000_000)


def test_a_burst_of_the_whole_limit_then_an_even_pace() -> None:
    limiter = RateLimiter(60)
    assert [limiter.decide(5.0).remaining for _ in range(60)] == [*range(59, -1, -1)]
    refused = limiter.decide(5.0)
    assert refused == Decision(allowed=False, retry_after_ms=1001, remaining=0)
    assert not limiter.decide(5.999).allowed
    assert limiter.decide(6.0).allowed
    assert not limiter.decide(6.0).allowed
    assert limiter.remaining(66.0) == 60
    assert limiter.remaining(1e9) == 60


def test_a_refused_request_takes_nothing() -> None:
    limiter = RateLimiter(1)
    assert limiter.decide(0.0).allowed
    for moment in range(1, 60):
        assert not limiter.decide(float(moment)).allowed
    assert limiter.decide(60.0).allowed


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    limiter = RateLimiter(2)
    assert limiter.decide(100.0).allowed
    assert limiter.decide(10.0).allowed
    refused = limiter.decide(10.0)
    assert not refused.allowed
    assert refused.retry_after_ms == 30_001
    assert limiter.remaining(10.0) == 0
    assert limiter.decide(130.0).allowed


def test_looking_counts_nothing() -> None:
    limiter = RateLimiter(3)
    assert [limiter.remaining(1.0) for _ in range(10)] == [3] * 10
    assert limiter.decide(1.0).remaining == 2
    assert limiter.limit == 3


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RateLimiter(limit)
