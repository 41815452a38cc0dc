"""The slope of a series of samples that a few wild ones do not change: Theil's and Sen's.

P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", Journal of the American Statistical
Association 63 (1968): the median of the slopes of all pairs, and its confidence interval from the variance of Kendall's
tau, n (n - 1) (2 n + 5) / 18.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

_Z: Final = 1.96  # of a normal distribution: 95 of 100


class Slope(msgspec.Struct, frozen=True):
    """Units a second; 95 of 100 times the true slope is from ``low`` to ``high`` (if samples are independent)."""

    median: float
    low: float
    high: float


def slope_of(times: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope of ``values`` over ``times`` in seconds.

    Raises:
        ValueError: fewer than three samples, or all at one time.
    """
    count = len(values)
    pairs = sorted(
        (values[later] - values[earlier]) / (times[later] - times[earlier])
        for earlier in range(count)
        for later in range(earlier + 1, count)
        if times[later] != times[earlier]
    )
    if count < 3 or not pairs:
        raise ValueError("a slope needs three samples, at different times")
    reach = _Z * (count * (count - 1) * (2 * count + 5) / 18) ** 0.5
    low = max(0, int((len(pairs) - reach) / 2))
    high = min(len(pairs) - 1, int((len(pairs) + reach) / 2 + 1))
    return Slope(statistics.median(pairs), pairs[low], pairs[high])
