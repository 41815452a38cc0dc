"""What a server's web process counts of itself. For its event loop; a scrape may come from a thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import Metric

from perdure.metrics.bounds import LabelBounds
from perdure.metrics.families import DEFINITIONS, LabelValues, number_family
from perdure.metrics.instruments import Counter, Histogram
from perdure.metrics.server_definitions import REFUSALS, SERVER_METRICS

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class WebMetrics:
    """Requests, connections, watchers, and the two processes.

    Args:
        data: the data folder, for what is left of its disk.
        restarts: how often the web process was started again before this one.
        engine: the engine's pid.

    Attributes:
        connections: says how many are open now, and how many were refused.
        requests: how many are being answered now.
        watchers: how many clients watch events now.
        lag: seconds, see ``perdure_event_loop_lag_seconds``.
    """

    def __init__(self, data: Path, restarts: int, engine: int) -> None:
        self.requests = self.watchers = 0
        self.connections: Callable[[], tuple[int, int]] = _no_connections
        self.lag = 0.0
        self._data = data
        self._restarts = restarts
        self._processes = {"engine": engine, "web": os.getpid()}
        self._bounds = LabelBounds()
        self._answered = Counter("perdure_http_requests_total")
        self._durations = Histogram("perdure_http_request_duration_seconds")
        self._refused = Counter("perdure_http_refused_total")
        self._refused_connections = 0  # that are counted
        self._sent = Counter("perdure_events_sent_total")

    def answered(self, endpoint: str, status: int, seconds: float | None) -> None:
        """A request was answered; ``seconds`` None for a stream of events."""
        name = self._bounds.value("endpoint", endpoint)
        self._answered.add(1, name, self._bounds.value("http_status", str(status)))
        if seconds is not None:
            self._durations.observe(seconds, name)
        if status in REFUSALS:
            self.refused(REFUSALS[status])

    def refused(self, reason: str) -> None:
        """One of `perdure.metrics.server_definitions.REASONS`."""
        self._refused.add(1, self._bounds.value("reason", reason))

    def sent(self, events: int) -> None:
        """So many events went to watchers."""
        self._sent.add(events)

    def collect(self, *, engine_up: bool, ready: bool) -> list[Metric]:
        """The families as they are now, in the order of `SERVER_METRICS`, for `render_with`."""
        connections, refused = self.connections()
        self._refused.add(refused - self._refused_connections, "connections")
        self._refused_connections = refused
        disk = os.statvfs(self._data)
        usage = {name: _usage(pid) for name, pid in self._processes.items()}
        lag, self.lag = self.lag, 0.0
        numbers: dict[str, Mapping[LabelValues, float]] = {
            "perdure_http_requests_open": {(): self.requests},
            "perdure_http_connections": {(): connections},
            "perdure_event_watchers": {(): self.watchers},
            "perdure_event_loop_lag_seconds": {(): lag},
            "perdure_web_restarts_total": {(): self._restarts},
            "perdure_engine_up": {(): engine_up},
            "perdure_ready": {(): ready},
            "perdure_process_resident_memory_bytes": {(name,): found[0] for name, found in usage.items() if found},
            "perdure_process_cpu_seconds_total": {(name,): found[1] for name, found in usage.items() if found},
            "perdure_process_open_fds": {(name,): found[2] for name, found in usage.items() if found},
            "perdure_data_disk_free_bytes": {(): disk.f_bavail * disk.f_frsize},
            "perdure_data_disk_size_bytes": {(): disk.f_blocks * disk.f_frsize},
        }
        counted: dict[str, Counter | Histogram] = {
            "perdure_http_requests_total": self._answered,
            "perdure_http_request_duration_seconds": self._durations,
            "perdure_http_refused_total": self._refused,
            "perdure_events_sent_total": self._sent,
        }
        return [
            counted[definition.name].family()
            if definition.name in counted
            else number_family(DEFINITIONS[definition.name], numbers[definition.name])
            for definition in SERVER_METRICS
        ]


def _no_connections() -> tuple[int, int]:
    return 0, 0


def _usage(pid: int) -> tuple[float, float, float] | None:
    """Resident bytes, processor seconds and open files (proc(5)); None where the process cannot be looked at."""
    folder = Path(f"/proc/{pid}")
    try:
        resident = int((folder / "statm").read_bytes().split()[1]) * _PAGE
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        return resident, (int(fields[11]) + int(fields[12])) / _TICKS, len(os.listdir(folder / "fd"))  # noqa: PTH208
    except OSError:
        return None
