"""What is asked of the open runtimes at each scrape, summed over all of them."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

from perdure.actors.hooks import Gauges
from perdure.metrics.bounds import LabelBounds
from perdure.metrics.families import DEFINITIONS, LabelValues, number_family
from perdure.metrics.instruments import Counter

logger = logging.getLogger(__name__)

Reading = Iterator[tuple[LabelValues, float]]


class RuntimeGauges:
    """The runtimes between their `opened` and their `closed`. Thread-safe."""

    def __init__(self, bounds: LabelBounds) -> None:
        self._bounds = bounds
        self._runtimes: list[Gauges] = []
        self._unreadable = Counter("perdure_unreadable_gauges_total")
        # Held for a whole reading, so that `remove` returns when nobody reads that runtime any more.
        self._reading = threading.Lock()

    def add(self, runtime: Gauges) -> None:
        """Ask this runtime from now on."""
        with self._reading:
            if not any(known is runtime for known in self._runtimes):
                self._runtimes.append(runtime)

    def remove(self, runtime: Gauges) -> None:
        """Ask it no more; a reading that has begun is waited for."""
        with self._reading:
            self._runtimes = [known for known in self._runtimes if known is not runtime]

    def families(self) -> list[Metric]:
        """The gauges as they are now, and the counter of those that could not be read."""
        with self._reading:
            read = [self._read(name, reading) for name, reading in _READINGS.items()]
            count = len(self._runtimes)
        return [*read, number_family(DEFINITIONS["perdure_runtimes"], {(): count}), self._unreadable.family()]

    def _read(self, name: str, reading: Callable[[Gauges], Reading]) -> Metric:
        definition = DEFINITIONS[name]
        sums: defaultdict[LabelValues, float] = defaultdict(float)
        try:
            for runtime in self._runtimes:
                for labels, number in reading(runtime):
                    bound = zip(definition.labels, labels, strict=True)
                    sums[tuple(self._bounds.value(label, value) for label, value in bound)] += number
        except Exception:
            # The rest of the scrape is sound; a sum that lacks one runtime would not be, so this gauge is left out.
            logger.exception("%s could not be read", name)
            self._unreadable.add(1)
            sums.clear()
        return number_family(definition, sums)


def _jobs(runtime: Gauges) -> Reading:
    for status, count in runtime.jobs_by_status().items():
        yield (status,), count


def _tokens(runtime: Gauges) -> Reading:
    for extension, tokens in runtime.rate_limit_remaining().items():
        yield (extension,), tokens


def _mailboxes(runtime: Gauges) -> Reading:
    for mailbox, depth in runtime.mailbox_depths().items():
        yield (mailbox,), depth


def _held(runtime: Gauges) -> Reading:
    yield (), runtime.held_calls()


def _lost(runtime: Gauges) -> Reading:
    yield (), runtime.lost_threads()


def _map_used(runtime: Gauges) -> Reading:
    usage = runtime.map_usage()
    if usage is not None:
        yield (), usage[0]


def _map_size(runtime: Gauges) -> Reading:
    usage = runtime.map_usage()
    if usage is not None:
        yield (), usage[1]


_READINGS: Final[dict[str, Callable[[Gauges], Reading]]] = {
    "perdure_jobs": _jobs,
    "perdure_rate_limit_tokens": _tokens,
    "perdure_operations_held": _held,
    "perdure_operation_threads_lost": _lost,
    "perdure_mailbox_depth": _mailboxes,
    "perdure_log_map_used_bytes": _map_used,
    "perdure_log_map_size_bytes": _map_size,
}
