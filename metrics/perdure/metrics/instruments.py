"""What the hooks count with."""

from __future__ import annotations

import bisect
import threading

from prometheus_client.metrics_core import Metric

from perdure.metrics.families import DEFINITIONS, LabelValues, first_series, histogram_family, number_family


class Counter:
    """The metric of this name: a number that only grows, for each combination of label values. Thread-safe."""

    def __init__(self, name: str) -> None:
        self._definition = DEFINITIONS[name]
        self._numbers: dict[LabelValues, int] = dict.fromkeys(first_series(self._definition), 0)
        self._lock = threading.Lock()

    def add(self, amount: int, *labels: str) -> None:
        """Add to a series, which begins with that; an ``amount`` of 0 lets it begin at zero."""
        with self._lock:
            self._numbers[labels] = self._numbers.get(labels, 0) + amount

    def family(self) -> Metric:
        """The numbers as they are now."""
        with self._lock:
            numbers = self._numbers.copy()
        return number_family(self._definition, numbers)


class Histogram:
    """The metric of this name: how many observations fell into which bucket. Thread-safe."""

    def __init__(self, name: str) -> None:
        self._definition = DEFINITIONS[name]
        self._counts = {labels: self._no_counts() for labels in first_series(self._definition)}
        self._sums: dict[LabelValues, float] = dict.fromkeys(self._counts, 0.0)
        self._lock = threading.Lock()

    def _no_counts(self) -> list[int]:
        return [0] * (len(self._definition.buckets) + 1)

    def observe(self, amount: float, *labels: str) -> None:
        """Count an observation; below zero, where a wall clock that was set back leads, counts as zero."""
        amount = max(0.0, amount)
        bucket = bisect.bisect_left(self._definition.buckets, amount)
        with self._lock:
            if labels not in self._counts:
                self._counts[labels], self._sums[labels] = self._no_counts(), 0.0
            self._counts[labels][bucket] += 1
            self._sums[labels] += amount

    def family(self) -> Metric:
        """The numbers as they are now."""
        with self._lock:
            series = {labels: (counts.copy(), self._sums[labels]) for labels, counts in self._counts.items()}
        return histogram_family(self._definition, series)
