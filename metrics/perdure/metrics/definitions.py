"""Every metric and every label, in two literal tables. What is not here is not measured; docs/metrics.md is made of it.

Names follow Prometheus' conventions: base units (seconds, bytes), ``_total`` on counters. Fuel is wasmtime's count of
executed work and has no unit.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from perdure.actors.hooks import BUDGETS, DOUBT_HANDLING, DOUBT_RESOLUTIONS, HOST_FUNCTIONS, PASSPHRASE_TRIES
from perdure.actors.operations import CODES, EFFECTS
from perdure.store.events import ERROR_KINDS
from perdure.store.lifecycle import TERMINAL, UNFINISHED

Kind = Literal["counter", "gauge", "histogram"]

# Not the name of any extension, job or operation: those have no parentheses.
OTHER: Final = "(other)"

# One extension must not take the series of the others: that is what the second limit is for.
JOB_TYPES: Final = 1_000
JOB_TYPES_OF_ONE: Final = 100


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label: ``values`` are all it can have, or ``limit`` is how many it may get. What is beyond that is `OTHER`."""

    name: str
    meaning: str
    values: tuple[str, ...] = ()
    limit: int = 0


class MetricDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One metric; ``unit`` is empty where Prometheus has none, ``buckets`` are a histogram's upper bounds in it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()


LABELS: Final = {
    label.name: label
    for label in (
        Label(name="extension", meaning="the extension's id", limit=200),
        Label(
            name="job_type",
            meaning=f"the job type's name within its extension, which may have {JOB_TYPES_OF_ONE} of them",
            limit=JOB_TYPES,
        ),
        Label(
            name="status",
            meaning="where a job is in its life",
            values=(*sorted(UNFINISHED), *sorted(TERMINAL)),
        ),
        Label(
            name="cause",
            meaning="why an attempt runs: `dispatch` for the first one, else why the job was queued again",
            values=(
                "dispatch",
                "recovery",
                "resume",
                "retry",
                "rerun",
                "restart",
                "budget",
                "upgrade",
                "resolved",
                "fork",
                "unlock",
            ),
        ),
        Label(name="kind", meaning="what an attempt failed of", values=ERROR_KINDS),
        Label(name="error", meaning="the class of the store's error", limit=50),
        Label(name="function", meaning="the host function", values=HOST_FUNCTIONS),
        Label(name="operation", meaning="the operation's name; `unknown` for a call that was refused", limit=500),
        Label(
            name="effect",
            meaning="what the operation may do: nothing but read, or how its effect is kept; `unknown` as above",
            values=EFFECTS,
        ),
        Label(
            name="code",
            meaning="`ok`, or the error code in the answer",
            values=("ok", *CODES),
        ),
        Label(name="decision", meaning="what the rate limit said", values=("allowed", "refused")),
        Label(name="budget", meaning="the budget whose edge was met", values=BUDGETS),
        Label(
            name="response",
            meaning="what the host did at a budget's edge",
            values=("refuse", "wait", "suspend"),
        ),
        Label(
            name="handling",
            meaning="what became of an action in doubt: an idempotent one is run again, another one waits for a person",
            values=DOUBT_HANDLING,
        ),
        Label(
            name="resolution",
            meaning="what a person said of an action in doubt",
            values=DOUBT_RESOLUTIONS,
        ),
        Label(
            name="outcome",
            meaning="what became of a passphrase: `throttled` ones were not looked at, after too many wrong ones",
            values=PASSPHRASE_TRIES,
        ),
        Label(
            name="mailbox",
            meaning="whose messages wait; `lanes` are the events of running jobs on their way to the log",
            values=("log", "lanes", "router", "supervisor", "extension", "job"),
        ),
        Label(
            name="actor",
            meaning="the kind of actor",
            values=("log", "router", "extension", "job"),
        ),
    )
}

_LATENCY: Final = (
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_LIFETIME: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)
_BATCH: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0)

METRICS: Final = (
    # --- jobs ---
    MetricDefinition(
        name="perdure_jobs",
        kind="gauge",
        help="Unfinished jobs by status.",
        labels=("status",),
    ),
    MetricDefinition(
        name="perdure_jobs_ended_total",
        kind="counter",
        help="Jobs that completed, failed or were cancelled.",
        labels=("extension", "job_type", "status"),
    ),
    MetricDefinition(
        name="perdure_job_duration_seconds",
        kind="histogram",
        help="Time from a job's dispatch to its end, all its attempts and the waits between them included.",
        labels=("extension", "job_type"),
        unit="seconds",
        buckets=_LIFETIME,
    ),
    MetricDefinition(
        name="perdure_job_attempts_total",
        kind="counter",
        help="Attempts that began to run, by what queued the job.",
        labels=("extension", "cause"),
    ),
    MetricDefinition(
        name="perdure_job_attempt_failures_total",
        kind="counter",
        help="Attempts that failed, whether another one follows or not.",
        labels=("extension", "kind"),
    ),
    MetricDefinition(
        name="perdure_jobs_recovered_total",
        kind="counter",
        help="Jobs that an earlier process left unfinished and this one took up.",
    ),
    MetricDefinition(
        name="perdure_replayed_calls_total",
        kind="counter",
        help="Host calls that were answered from the log, to lead a guest to where its run was broken off.",
        labels=("extension",),
    ),
    # --- what guests use ---
    MetricDefinition(
        name="perdure_fuel_consumed_total",
        kind="counter",
        help="Fuel that guests consumed; for a running guest, up to its last host call.",
        labels=("extension", "job_type"),
    ),
    MetricDefinition(
        name="perdure_host_calls_total",
        kind="counter",
        help="Host functions that guests called.",
        labels=("extension", "function"),
    ),
    # --- operations ---
    MetricDefinition(
        name="perdure_operations_total",
        kind="counter",
        help="Operation calls that were answered, by the operation's effect and the answer's code.",
        labels=("operation", "effect", "code"),
    ),
    MetricDefinition(
        name="perdure_operations_held",
        kind="gauge",
        help="Operation calls that wait for room in a budget.",
    ),
    MetricDefinition(
        name="perdure_operation_threads_lost",
        kind="gauge",
        help="Threads that run an operation which did not end in its time; each is one that a handler blocks.",
    ),
    MetricDefinition(
        name="perdure_operation_duration_seconds",
        kind="histogram",
        help="Time from an operation call's check to its answer, the wait for a worker included.",
        labels=("operation",),
        unit="seconds",
        buckets=_LATENCY,
    ),
    MetricDefinition(
        name="perdure_actions_reused_total",
        kind="counter",
        help="Actions that an earlier run of the job had done since its checkpoint, and that were not done again.",
        labels=("extension",),
    ),
    MetricDefinition(
        name="perdure_actions_in_doubt_total",
        kind="counter",
        help="Actions of which nobody knew whether they were done: run again, or put before a person.",
        labels=("handling",),
    ),
    MetricDefinition(
        name="perdure_doubts_resolved_total",
        kind="counter",
        help="Actions in doubt of which a person said what became of them.",
        labels=("resolution",),
    ),
    MetricDefinition(
        name="perdure_passphrase_tries_total",
        kind="counter",
        help="Passphrases that somebody gave for an extension's credentials.",
        labels=("extension", "outcome"),
    ),
    MetricDefinition(
        name="perdure_rate_limit_decisions_total",
        kind="counter",
        help="Operation calls that an extension's rate limit let pass or refused.",
        labels=("extension", "decision"),
    ),
    MetricDefinition(
        name="perdure_rate_limit_tokens",
        kind="gauge",
        help="Operation calls that an extension may make at this moment before its rate limit refuses one.",
        labels=("extension",),
    ),
    MetricDefinition(
        name="perdure_budget_reached_total",
        kind="counter",
        help="Times that an extension came to the edge of one of its budgets, by what the host did then.",
        labels=("extension", "budget", "response"),
    ),
    # --- the log ---
    MetricDefinition(
        name="perdure_log_appended_events_total",
        kind="counter",
        help="Events that were committed to the log.",
    ),
    MetricDefinition(
        name="perdure_log_appended_bytes_total",
        kind="counter",
        help="Bytes of the events that were committed to the log, as they are encoded.",
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_log_commits_total",
        kind="counter",
        help="Transactions that were synced to the log.",
    ),
    MetricDefinition(
        name="perdure_log_commit_requests_total",
        kind="counter",
        help="Appends that those transactions carried; more than one each is group commit at work.",
    ),
    MetricDefinition(
        name="perdure_log_commit_failures_total",
        kind="counter",
        help="Transactions that failed and changed nothing.",
        labels=("error",),
    ),
    MetricDefinition(
        name="perdure_log_commit_duration_seconds",
        kind="histogram",
        help="Time that a transaction took, its sync included.",
        unit="seconds",
        buckets=_LATENCY,
    ),
    MetricDefinition(
        name="perdure_log_commit_events",
        kind="histogram",
        help="Events in one transaction.",
        buckets=_BATCH,
    ),
    MetricDefinition(
        name="perdure_retention_runs_total",
        kind="counter",
        help="How often the finished jobs were looked through, and all folded that were due.",
    ),
    MetricDefinition(
        name="perdure_jobs_folded_total",
        kind="counter",
        help="Finished jobs whose events were removed, but for a summary.",
    ),
    MetricDefinition(
        name="perdure_log_folded_events_total",
        kind="counter",
        help="Events that were removed with them.",
    ),
    MetricDefinition(
        name="perdure_log_folded_bytes_total",
        kind="counter",
        help="Bytes of these events.",
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_blobs_swept_total",
        kind="counter",
        help="Blobs that nothing named any more and that were removed.",
    ),
    MetricDefinition(
        name="perdure_blobs_swept_bytes_total",
        kind="counter",
        help="Bytes of these blobs.",
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_log_map_used_bytes",
        kind="gauge",
        help="Bytes of the log's memory map that hold pages; absent for a log in memory.",
        unit="bytes",
    ),
    MetricDefinition(
        name="perdure_log_map_size_bytes",
        kind="gauge",
        help="Size of the log's memory map, which grows by itself; absent for a log in memory.",
        unit="bytes",
    ),
    # --- the actors ---
    MetricDefinition(
        name="perdure_mailbox_depth",
        kind="gauge",
        help="Messages that wait in the mailboxes of one kind.",
        labels=("mailbox",),
    ),
    MetricDefinition(
        name="perdure_actor_restarts_total",
        kind="counter",
        help="Actors that died and were restarted.",
        labels=("actor",),
    ),
    # --- the metrics themselves ---
    MetricDefinition(
        name="perdure_runtimes",
        kind="gauge",
        help="Open runtimes that these metrics are the sum of.",
    ),
    MetricDefinition(
        name="perdure_unreadable_gauges_total",
        kind="counter",
        help="Gauges that could not be read and are missing from a scrape; the reason is in the host's log.",
    ),
)
