"""The sums of all job meters, of attempts that run and of those that have ended.

A job's thread adds to plain integers of its own and takes no lock; whoever scrapes reads them. What an ended attempt
had used is moved to the totals in one step with its meter's removal, so that a scrape sees it once, whenever it comes.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

import msgspec
from prometheus_client.metrics_core import Metric

from perdure.actors.hooks import HOST_FUNCTIONS, JobMeter
from perdure.metrics.families import DEFINITIONS, LabelValues, number_family


class _Running(msgspec.Struct):
    job: LabelValues
    fuel: int = 0  # the most that was read: a counter must not go back, whatever an adapter reports at the end


class MeterTotals:
    """Fuel by extension and job type, host calls by extension and function. Thread-safe."""

    def __init__(self) -> None:
        self._fuel: defaultdict[LabelValues, int] = defaultdict(int)
        self._calls: dict[str, list[int]] = {}
        self._running: dict[JobMeter, _Running] = {}
        self._lock = threading.Lock()

    def start(self, meter: JobMeter, job: LabelValues) -> None:
        """Count this meter as well, under these values of ``extension`` and ``job_type``."""
        with self._lock:
            self._running[meter] = _Running(job)
            self._calls.setdefault(job[0], [0] * len(HOST_FUNCTIONS))

    def end(self, meter: JobMeter) -> None:
        """The meter will not change any more. One that was not started changes nothing."""
        with self._lock:
            running = self._running.pop(meter, None)
            if running is not None:
                self._fuel[running.job] += max(running.fuel, meter.fuel)
                _add(self._calls[running.job[0]], meter.calls)

    def families(self) -> list[Metric]:
        """The numbers as they are now."""
        with self._lock:
            fuel: defaultdict[LabelValues, int] = defaultdict(int, self._fuel)
            calls = {extension: counts.copy() for extension, counts in self._calls.items()}
            for meter, running in self._running.items():
                running.fuel = max(running.fuel, meter.fuel)
                fuel[running.job] += running.fuel
                _add(calls[running.job[0]], meter.calls)
        by_function: dict[LabelValues, int] = {
            (extension, function): count
            for extension, counts in calls.items()
            for function, count in zip(HOST_FUNCTIONS, counts, strict=True)
        }
        return [
            number_family(DEFINITIONS["perdure_fuel_consumed_total"], fuel),
            number_family(DEFINITIONS["perdure_host_calls_total"], by_function),
        ]


def _add(sums: list[int], counts: Iterable[int]) -> None:
    for index, count in enumerate(counts):
        sums[index] += count
