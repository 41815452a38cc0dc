"""Verdicts on pairs of values: a difference is seen where there is one, and none where there is only noise."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from bench.comparison.paired import Paired, Verdict, compared, pairs_needed, signed_rank, verdicts
from bench.figure import Better
from hypothesis import given, settings
from hypothesis import strategies as st

PAIRS = 20


def noisy(chance: random.Random, cost: float, spread: float) -> float:
    """A time with the noise of machines: now and then it takes twice as long."""
    return cost * math.exp(chance.gauss(0, spread)) * (2 if chance.random() < 0.05 else 1)


def pairs(seed: int, slower: float, spread: float = 0.03) -> tuple[list[float], list[float]]:
    chance = random.Random(seed)
    # What a busy machine does to both of a pair.
    paces = [math.exp(chance.gauss(0, 0.5)) for _ in range(PAIRS)]
    return [pace * noisy(chance, 1, spread) for pace in paces], [pace * noisy(chance, slower, spread) for pace in paces]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("change", "said"), [(1.15, Verdict.SLOWER), (1 / 1.15, Verdict.FASTER)])
def test_a_difference_beyond_the_noise_is_seen(seed: int, change: float, said: Verdict) -> None:
    times = compared(Better.LESS, *pairs(seed, change))
    assert verdicts([times]) == [said]
    assert times.low < times.ratio < times.high
    assert times.ratio == pytest.approx(change, rel=0.05)
    # A rate is the other way round, and the cost the same.
    first, second = pairs(seed, change)
    rates = compared(Better.MORE, [1 / value for value in first], [1 / value for value in second])
    assert rates.ratio == pytest.approx(times.ratio)
    assert verdicts([rates]) == [said]


def test_equal_commits_have_no_verdict_in_nineteen_of_twenty_tables() -> None:
    tables, rows = 100, 10
    wrong = 0
    for table in range(tables):
        found = []
        for row in range(rows):
            first, second = pairs(table * rows + row, 1.0, spread=0.2)
            logarithms = [math.log(b / a) for a, b in zip(first, second, strict=True)]
            # Whatever else a verdict asks for is left out here: the test alone has to keep to its chance.
            found.append(Paired(2.0, 1.9, 2.1, signed_rank(logarithms)))
        wrong += any(verdict is not Verdict.NONE for verdict in verdicts(found))
    assert wrong <= 0.05 * tables + 3 * math.sqrt(tables * 0.05 * 0.95)


def test_what_is_sure_but_small_is_no_verdict() -> None:
    first = [1.0 + number / 100 for number in range(PAIRS)]
    assert verdicts([compared(Better.LESS, first, [value * 1.01 for value in first])]) == [Verdict.NONE]
    assert verdicts([compared(Better.LESS, first, [value * 1.03 for value in first])]) == [Verdict.SLOWER]


def test_a_difference_has_to_be_surer_among_many() -> None:
    alone = Paired(1.2, 1.1, 1.3, 0.03)
    assert verdicts([alone]) == [Verdict.SLOWER]
    assert verdicts([alone, *[Paired(1.0, 0.9, 1.1, 0.5)] * 9]) == [Verdict.NONE] * 10
    assert verdicts([None, alone]) == [Verdict.NONE, Verdict.SLOWER]


@pytest.mark.parametrize("rows", [1, 2, 60])
def test_fewer_pairs_than_needed_give_no_verdict(rows: int) -> None:
    needed = pairs_needed(rows)
    quiet = [Paired(1.0, 0.9, 1.1, 1.0)] * (rows - 1)
    first, second = [1.0] * needed, [1.5 + number / 100 for number in range(needed)]
    assert verdicts([compared(Better.LESS, first, second), *quiet])[0] is Verdict.SLOWER
    assert verdicts([compared(Better.LESS, first[1:], second[1:]), *quiet])[0] is Verdict.NONE


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_no_ratio_without_positive_values(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        compared(Better.LESS, first, second)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 2.5, 3.0]), max_size=8))
def test_signed_rank_is_what_counting_all_signs_gives(differences: list[float]) -> None:
    sizes = [abs(value) for value in differences if value]
    ranks = [sum(other < size for other in sizes) + (1 + sum(other == size for other in sizes)) / 2 for size in sizes]
    middle = sum(ranks) / 2
    found = sum(rank for rank, value in zip(ranks, filter(None, differences), strict=True) if value > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(ranks))]
    as_extreme = sum(abs(total - middle) >= abs(found - middle) - 1e-9 for total in sums)
    assert signed_rank(differences) == pytest.approx(min(1.0, as_extreme / len(sums)))
