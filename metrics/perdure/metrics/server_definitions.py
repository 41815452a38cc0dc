"""The metrics of a server's web process, and their labels: the tables of `perdure.metrics.definitions`, continued."""

from __future__ import annotations

from typing import Final

from perdure.metrics.definitions import LABELS, METRICS, Label, MetricDefinition

REFUSALS: Final = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    408: "slow",
    413: "large",
    421: "host",
    429: "busy",
    431: "large",
    503: "unavailable",
    507: "full",
}
REASONS: Final = (*dict.fromkeys(REFUSALS.values()), "connections")
PROCESSES: Final = ("engine", "web")

_LATENCY: Final = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

SERVER_LABELS: Final = {
    label.name: label
    for label in (
        Label(
            name="endpoint",
            meaning="the endpoint's name in the API; `index` and `asset` are the page's, `none` is what is not there",
            limit=500,
        ),
        Label(name="http_status", meaning="the answer's status", limit=60),
        Label(
            name="reason",
            meaning="why a request, or a connection, was refused; `busy` is 429, `full` is 507: the disk",
            values=REASONS,
        ),
        Label(name="process", meaning="which of the server's two processes", values=PROCESSES),
    )
}

SERVER_METRICS: Final = (
    MetricDefinition(
        name="perdure_http_requests_total",
        kind="counter",
        help="Requests that were answered.",
        labels=("endpoint", "http_status"),
    ),
    MetricDefinition(
        name="perdure_http_request_duration_seconds",
        kind="histogram",
        help="Time from a request's head to the end of its answer; streams of events are left out.",
        labels=("endpoint",),
        unit="seconds",
        buckets=_LATENCY,
    ),
    MetricDefinition(
        name="perdure_http_requests_open",
        kind="gauge",
        help="Requests that are being answered, streams of events left out.",
    ),
    MetricDefinition(
        name="perdure_http_connections",
        kind="gauge",
        help="Open connections, those through the Unix socket included.",
    ),
    MetricDefinition(
        name="perdure_http_refused_total",
        kind="counter",
        help="Requests and connections that were refused.",
        labels=("reason",),
    ),
    MetricDefinition(
        name="perdure_event_watchers",
        kind="gauge",
        help="Clients that watch a stream of events.",
    ),
    MetricDefinition(
        name="perdure_events_sent_total",
        kind="counter",
        help="Server-sent events that were sent to watchers.",
    ),
    MetricDefinition(
        name="perdure_event_loop_lag_seconds",
        kind="gauge",
        help="How much later than it asked to the web process' event loop was woken, at worst since the last scrape.",
        unit="seconds",
    ),
    MetricDefinition(
        name="perdure_web_restarts_total",
        kind="counter",
        help="Times that the engine started the web process again.",
    ),
    MetricDefinition(
        name="perdure_engine_up",
        kind="gauge",
        help="Whether the engine answered this scrape in time; without it, its metrics are missing here.",
    ),
    MetricDefinition(
        name="perdure_ready",
        kind="gauge",
        help="Whether the server is ready, as /readyz says it.",
    ),
    MetricDefinition(
        name="perdure_process_resident_memory_bytes",
        kind="gauge",
        help="Resident memory of the process.",
        labels=("process",),
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_process_cpu_seconds_total",
        kind="counter",
        help="Processor time of the process, in user and system mode.",
        labels=("process",),
        unit="seconds",
    ),
    MetricDefinition(
        name="perdure_process_open_fds",
        kind="gauge",
        help="Open file descriptors of the process.",
        labels=("process",),
    ),
    MetricDefinition(
        name="perdure_data_disk_free_bytes",
        kind="gauge",
        help="Bytes that the data folder's file system has for the server's user.",
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_data_disk_size_bytes",
        kind="gauge",
        help="Size of the data folder's file system.",
        unit="bytes",
    ),
)

ALL_LABELS: Final = LABELS | SERVER_LABELS
ALL_METRICS: Final = (*METRICS, *SERVER_METRICS)
