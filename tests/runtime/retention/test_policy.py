"""Which jobs are folded, and when."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import START, dispatched, job_id, started

from perdure.runtime.errors import InvalidRetention
from perdure.runtime.retention.policy import DAY, RetentionPolicy, first_id_at
from perdure.store import JobState, fold
from perdure.store import events as ev
from perdure.store.ids import uuid7

POLICY = RetentionPolicy({"shop:invoice": 365, "shop:*": 30, "mail:send": None, "*": 90})


def job(job_type: str, ended: int | None, **fields: Any) -> JobState:
    state = fold(
        None,
        [(dispatched(job_id(1), job_type=job_type), 1, START), (started(), 2, START)],
    )
    if ended is not None:
        state = fold(state, [(ev.JobCompleted(fuel=1), 3, ended)])
    return msgspec.structs.replace(state, **fields)


@pytest.mark.parametrize(
    ("job_type", "days"),
    [("shop:invoice", 365), ("shop:refund", 30), ("mail:send", None), ("mail:read", 90), ("shopping:invoice", 90)],
)
def test_the_closest_pattern_counts(job_type: str, days: float | None) -> None:
    assert POLICY.days_of(job_type) == days
    state = job(job_type, START)
    far = START + 100_000 * DAY
    assert POLICY.is_due(state, far) is (days is not None)
    if days is not None:
        due = START + round(days * DAY)
        assert not POLICY.is_due(state, due - 1)
        assert POLICY.is_due(state, due)


def test_only_what_has_ended_and_is_not_folded_is_due() -> None:
    far = START + 1000 * DAY
    assert not POLICY.is_due(job("shop:refund", None), far)
    assert POLICY.is_due(job("shop:refund", START), far)
    assert not POLICY.is_due(job("shop:refund", START, folded_at=START), far)


def test_without_patterns_all_is_kept() -> None:
    for days in ({}, {"*": None}):
        policy = RetentionPolicy(days)
        assert not policy.folds
        assert policy.dispatched_before(START) is None
        assert not policy.is_due(job("shop:invoice", 0), 10**15)
    assert POLICY.folds


@given(st.integers(0, 2**47 * 1000), st.integers(-(10**7), 10**7))
def test_ids_below_the_bound_are_those_of_earlier_jobs(moment: int, later: int) -> None:
    time = max(0, moment + later)
    bound = first_id_at(moment)
    if time <= moment:
        assert uuid7(time) < bound
    elif time // 1000 > moment // 1000:
        assert uuid7(time) >= bound


def test_the_bound_is_that_of_the_shortest_time() -> None:
    now = START + 365 * DAY
    assert POLICY.dispatched_before(now) == first_id_at(now - 30 * DAY)


@pytest.mark.parametrize("pattern", ["", "shop", "shop:", ":invoice", "shop:in*", "*:invoice", "shop:a:b", "a b:c", 7])
def test_a_pattern_that_is_none_is_refused(pattern: Any) -> None:
    with pytest.raises(InvalidRetention) as caught:
        RetentionPolicy({pattern: 1})
    assert caught.value.what == str(pattern)


@pytest.mark.parametrize("days", [-1, 1e9, math.nan, math.inf, True, "30", [30]])
def test_days_that_are_none_are_refused(days: Any) -> None:
    with pytest.raises(InvalidRetention):
        RetentionPolicy({"*": days})
