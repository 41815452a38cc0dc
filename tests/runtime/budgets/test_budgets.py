"""What budgets may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from perdure.actors.hooks import BUDGETS
from perdure.runtime.budgets.budgets import (
    RESPONSES,
    AtEdge,
    Budget,
    Budgets,
    JobTypeBudgets,
    asked_budgets,
    exceeding,
)
from perdure.runtime.manifest import ManifestPermissions, RateLimits


def test_the_defaults_are_those_of_the_manifest() -> None:
    assert asked_budgets(ManifestPermissions(), Budgets()) == Budgets()
    assert Budgets().requests_per_minute.limit == 1_000
    assert Budgets().concurrent_jobs.limit == 10
    assert Budgets().events_per_second.limit == 500_000
    assert Budgets().memory_bytes.limit == 512 * 1024 * 1024


def test_a_manifest_asks_for_some_and_the_embedder_says_the_rest() -> None:
    default = Budgets(
        requests_per_minute=Budget(limit=5, at_edge=AtEdge.WAIT, wait_ms=7), fuel_per_hour=Budget(limit=9)
    )
    asked = asked_budgets(
        ManifestPermissions(
            rate_limits=RateLimits(requests_per_minute=70, concurrent_jobs=3),
            max_memory_mb=2,
        ),
        default,
    )

    assert asked.requests_per_minute == Budget(limit=70, at_edge=AtEdge.WAIT, wait_ms=7)
    assert asked.concurrent_jobs.limit == 3
    assert asked.memory_bytes.limit == 2 * 1024 * 1024
    assert asked.fuel_per_hour == Budget(limit=9)
    assert exceeding(asked, default) == ("requests_per_minute",)


def test_no_limit_is_more_than_any() -> None:
    unlimited = Budgets(memory_bytes=Budget(limit=None))

    assert exceeding(unlimited, Budgets()) == ("memory_bytes",)
    assert exceeding(Budgets(), unlimited) == ()


def test_they_survive_json() -> None:
    budgets = Budgets(job_types={"big": JobTypeBudgets(fuel_per_hour=Budget(limit=1, at_edge=AtEdge.SUSPEND))})

    assert msgspec.json.decode(msgspec.json.encode(budgets), type=Budgets) == budgets


@pytest.mark.parametrize("limit", [0, -1, 2**62])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be from 1"):
        Budget(limit=limit)
    with pytest.raises(msgspec.ValidationError, match="limit must be from 1"):
        msgspec.convert({"limit": limit}, Budget)


@pytest.mark.parametrize("wait_ms", [0, -5, 600_001])
def test_a_wait_is_bounded(wait_ms: int) -> None:
    with pytest.raises(ValueError, match="wait_ms must be from 1 to 600000"):
        Budget(at_edge=AtEdge.WAIT, wait_ms=wait_ms)


@pytest.mark.parametrize(("name", "response"), [(name, response) for name in BUDGETS for response in AtEdge])
def test_each_budget_has_the_responses_that_make_sense(name: str, response: AtEdge) -> None:
    budget: dict[str, Any] = {name: Budget(limit=5, at_edge=response)}
    if response in RESPONSES[name]:
        assert Budgets(**budget).of(name).at_edge is response
        assert JobTypeBudgets(**budget).of(name).limit == 5
    else:
        with pytest.raises(ValueError, match=f"at the edge of {name} there can be"):
            Budgets(**budget)


def test_so_many_requests_cannot_be_counted_exactly() -> None:
    with pytest.raises(ValueError, match="at most 1000000"):
        JobTypeBudgets(requests_per_minute=Budget(limit=1_000_001))
