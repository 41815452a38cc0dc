"""What pairs of measurements say: does one commit cost more than the other, or is it chance? Pure.

Each pair was measured one directly after the other, so what slows the machine down for a while slows both, and their
ratio says more than their values. The ratios are summed up by their median, with a 95 % interval from a bootstrap
(percentiles of the medians of 10,000 resamples; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13).

That they differ from 1 is judged by Wilcoxon's signed-rank test on their logarithms (Wilcoxon, Biometrics Bulletin 1,
1945), with its exact distribution and without an assumption of normal noise: if the commits are alike, a pair is as
likely to fall one way as the other. Of sixty figures three would be "significant" by chance; Holm's correction
(Scandinavian Journal of Statistics 6, 1979) keeps the chance that any figure of a table is, at 5 %. And because where
code and data happen to lie in memory moves a program by a per cent or two (Mytkowicz et al., Producing Wrong Data
Without Doing Anything Obviously Wrong!, ASPLOS 2009), a smaller difference is no verdict, however sure it is.
"""

from __future__ import annotations

import enum
import math
import random
import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

from bench.figure import Better

CHANCE: Final = 0.05  # that a table of equal commits has any verdict at all
LEAST: Final = 0.02  # the smallest difference that is called one, as a share
_RESAMPLES: Final = 10_000
_SEED: Final = 1  # the same values have the same interval


class Verdict(enum.Enum):
    """What is said of the second commit."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE = "no difference seen"


class Paired(msgspec.Struct, frozen=True):
    """``ratio`` is the median cost of the second for each one of the first: above 1 it is slower, or larger.

    ``low`` and ``high`` are its 95 % interval, ``chance`` is how often equal commits look at least as different.
    """

    ratio: float
    low: float
    high: float
    chance: float


def compared(better: Better, first: Sequence[float], second: Sequence[float]) -> Paired:
    """Sum up pairs of values; those of a figure may be times or rates.

    Raises:
        ValueError: no pairs, or a value that is not positive: nothing can be said of its ratio.
    """
    if not first or min(*first, *second) <= 0:
        raise ValueError("a ratio needs positive values")
    costs = [b / a if better is Better.LESS else a / b for a, b in zip(first, second, strict=True)]
    logarithms = [math.log(cost) for cost in costs]
    low, high = _interval(costs)
    return Paired(statistics.median(costs), low, high, signed_rank(logarithms))


def _interval(values: Sequence[float]) -> tuple[float, float]:
    chance = random.Random(_SEED)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return medians[round(_RESAMPLES * 0.025)], medians[round(_RESAMPLES * 0.975) - 1]


def signed_rank(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact, also with ties; differences of 0 are left out."""
    left = sorted((value for value in differences if value), key=abs)
    if not left:
        return 1.0
    ranks = _doubled_ranks([abs(value) for value in left])  # doubled, because equal values share a rank and a half
    positive = sum(rank for rank, value in zip(ranks, left, strict=True) if value > 0)
    # How many of the 2^n ways to sign the ranks give each sum of the positive ones.
    ways = [1] + [0] * sum(ranks)
    for rank in ranks:
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    extreme = min(positive, len(ways) - 1 - positive)
    return min(1.0, 2 * sum(ways[: extreme + 1]) / float(2 ** len(left)))


def _doubled_ranks(sizes: Sequence[float]) -> list[int]:
    ranks = []
    for size in sizes:
        smaller = sum(other < size for other in sizes)
        equal = sum(other == size for other in sizes)
        ranks.append(2 * smaller + equal + 1)
    return ranks


def verdicts(found: Sequence[Paired | None], chance: float = CHANCE, least: float = LEAST) -> list[Verdict]:
    """A verdict on each row of a table, all of them together; None is a row of which nothing can be said."""
    order = sorted((pair.chance, place) for place, pair in enumerate(found) if pair is not None)
    said = [Verdict.NONE] * len(found)
    for tested, (value, place) in enumerate(order):
        if value > chance / (len(order) - tested):
            break  # Holm: what follows is less sure
        pair = found[place]
        if pair is None or pair.low <= 1 <= pair.high or abs(math.log(pair.ratio)) < math.log1p(least):
            continue
        said[place] = Verdict.SLOWER if pair.ratio > 1 else Verdict.FASTER
    return said


def pairs_needed(rows: int, chance: float = CHANCE) -> int:
    """The fewest pairs that can give a verdict on one of so many rows: all of them have to fall the same way."""
    return math.ceil(math.log2(2 * max(rows, 1) / chance))
