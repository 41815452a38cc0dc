"""The actors' hooks, counted for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from perdure.actors.hooks import ActorHooks, Gauges, JobMeter
from perdure.metrics.bounds import LabelBounds
from perdure.metrics.definitions import METRICS
from perdure.metrics.errors import RegistryTaken
from perdure.metrics.families import describe
from perdure.metrics.gauges import RuntimeGauges
from perdure.metrics.instruments import Counter, Histogram
from perdure.metrics.meters import MeterTotals
from perdure.store.lifecycle import TERMINAL

Instrument = TypeVar("Instrument", Counter, Histogram)

_ENDS: Final = sorted(TERMINAL)


class PrometheusHooks(ActorHooks):
    """Counts what the actors report, and puts it into ``registry``: a new one, unless the embedder gives its own.

    Several runtimes may share one of these: the metrics are their sum, gauges included. A second one on the same
    registry is refused. What was counted stays for as long as this object does, whichever runtimes come and go.
    A context manager; `close` takes the metrics out of the registry.

    Attributes:
        registry: where the metrics are, for `MetricsServer`, `render` or the embedder's own exposition.

    Raises:
        RegistryTaken: the registry has metrics of these names.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._bounds = LabelBounds()
        self._meters = MeterTotals()
        self._gauges = RuntimeGauges(self._bounds)
        self._instruments: list[Counter | Histogram] = []
        self._jobs_ended = self._with(Counter("perdure_jobs_ended_total"))
        self._job_duration = self._with(Histogram("perdure_job_duration_seconds"))
        self._attempts = self._with(Counter("perdure_job_attempts_total"))
        self._attempt_failures = self._with(Counter("perdure_job_attempt_failures_total"))
        self._recovered = self._with(Counter("perdure_jobs_recovered_total"))
        self._replayed = self._with(Counter("perdure_replayed_calls_total"))
        self._operations = self._with(Counter("perdure_operations_total"))
        self._operation_duration = self._with(Histogram("perdure_operation_duration_seconds"))
        self._reused = self._with(Counter("perdure_actions_reused_total"))
        self._doubts = self._with(Counter("perdure_actions_in_doubt_total"))
        self._resolved = self._with(Counter("perdure_doubts_resolved_total"))
        self._passphrases = self._with(Counter("perdure_passphrase_tries_total"))
        self._decisions = self._with(Counter("perdure_rate_limit_decisions_total"))
        self._budgets = self._with(Counter("perdure_budget_reached_total"))
        self._events = self._with(Counter("perdure_log_appended_events_total"))
        self._bytes = self._with(Counter("perdure_log_appended_bytes_total"))
        self._commits = self._with(Counter("perdure_log_commits_total"))
        self._commit_requests = self._with(Counter("perdure_log_commit_requests_total"))
        self._commit_failures = self._with(Counter("perdure_log_commit_failures_total"))
        self._commit_duration = self._with(Histogram("perdure_log_commit_duration_seconds"))
        self._commit_events = self._with(Histogram("perdure_log_commit_events"))
        self._retention_runs = self._with(Counter("perdure_retention_runs_total"))
        self._jobs_folded = self._with(Counter("perdure_jobs_folded_total"))
        self._events_folded = self._with(Counter("perdure_log_folded_events_total"))
        self._bytes_folded = self._with(Counter("perdure_log_folded_bytes_total"))
        self._blobs_swept = self._with(Counter("perdure_blobs_swept_total"))
        self._bytes_swept = self._with(Counter("perdure_blobs_swept_bytes_total"))
        self._restarts = self._with(Counter("perdure_actor_restarts_total"))
        self._collector: _Collector | None = _Collector([self._gauges, self._meters], self._instruments)
        self._register(self._collector)

    def _with(self, instrument: Instrument) -> Instrument:
        self._instruments.append(instrument)
        return instrument

    def _register(self, collector: _Collector) -> None:
        try:
            self.registry.register(collector)
        except ValueError as error:
            # Newer versions of prometheus_client say which names; older ones only in the text.
            names = getattr(error, "duplicates", None) or {family.name for family in collector.describe()}
            raise RegistryTaken(tuple(sorted(names))) from None

    def close(self) -> None:
        """Take the metrics out of the registry. Idempotent; a runtime that still reports disturbs nothing."""
        collector, self._collector = self._collector, None
        if collector is not None:
            self.registry.unregister(collector)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- runtimes ----------------------------------------------------------------------------------------------------

    def opened(self, gauges: Gauges) -> None:
        """See `ActorHooks.opened`."""
        self._gauges.add(gauges)

    def closed(self, gauges: Gauges) -> None:
        """See `ActorHooks.closed`; returns when no scrape reads these gauges any more."""
        self._gauges.remove(gauges)

    def actor_restarted(self, kind: str) -> None:
        """See `ActorHooks.actor_restarted`."""
        self._restarts.add(1, self._bounds.value("actor", kind))

    # --- the log -----------------------------------------------------------------------------------------------------

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        """See `ActorHooks.committed`."""
        self._events.add(events)
        self._bytes.add(size)
        self._commits.add(1)
        self._commit_requests.add(requests)
        self._commit_duration.observe(seconds)
        self._commit_events.observe(events)

    def commit_failed(self, kind: str) -> None:
        """See `ActorHooks.commit_failed`."""
        self._commit_failures.add(1, self._bounds.value("error", kind))

    def folded(self, jobs: int, events: int, size: int) -> None:
        """See `ActorHooks.folded`."""
        self._jobs_folded.add(jobs)
        self._events_folded.add(events)
        self._bytes_folded.add(size)

    def retention_ran(self) -> None:
        """See `ActorHooks.retention_ran`."""
        self._retention_runs.add(1)

    def swept(self, blobs: int, size: int) -> None:
        """See `ActorHooks.swept`."""
        self._blobs_swept.add(blobs)
        self._bytes_swept.add(size)

    # --- jobs --------------------------------------------------------------------------------------------------------

    def attempt_started(self, meter: JobMeter, cause: str) -> None:
        """See `ActorHooks.attempt_started`."""
        job = self._bounds.job(meter.extension, meter.job_type)
        self._meters.start(meter, job)
        self._attempts.add(1, job[0], self._bounds.value("cause", cause))
        for status in _ENDS:
            # Present at zero before the first job ends: an increase from nothing is one that no query sees.
            self._jobs_ended.add(0, *job, status)

    def attempt_ended(self, meter: JobMeter) -> None:
        """See `ActorHooks.attempt_ended`."""
        self._meters.end(meter)

    def attempt_failed(self, extension: str, job_type: str, kind: str) -> None:
        """See `ActorHooks.attempt_failed`."""
        labels = self._bounds.value("extension", extension), self._bounds.value("kind", kind)
        self._attempt_failures.add(1, *labels)

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        """See `ActorHooks.job_ended`."""
        job = self._bounds.job(extension, job_type)
        self._jobs_ended.add(1, *job, self._bounds.value("status", status))
        self._job_duration.observe(seconds, *job)

    def recovered(self, jobs: int) -> None:
        """See `ActorHooks.recovered`."""
        self._recovered.add(jobs)

    def replayed(self, extension: str, calls: int) -> None:
        """See `ActorHooks.replayed`."""
        self._replayed.add(calls, self._bounds.value("extension", extension))

    # --- operations --------------------------------------------------------------------------------------------------

    def operation(self, name: str, effect: str, code: str, seconds: float) -> None:
        """See `ActorHooks.operation`."""
        operation = self._bounds.value("operation", name)
        self._operations.add(1, operation, self._bounds.value("effect", effect), self._bounds.value("code", code))
        self._operation_duration.observe(seconds, operation)

    def action_reused(self, extension: str) -> None:
        """See `ActorHooks.action_reused`."""
        self._reused.add(1, self._bounds.value("extension", extension))

    def in_doubt(self, effect: str, handling: str) -> None:
        """See `ActorHooks.in_doubt`."""
        self._doubts.add(1, self._bounds.value("handling", handling))

    def doubt_resolved(self, resolution: str) -> None:
        """See `ActorHooks.doubt_resolved`."""
        self._resolved.add(1, self._bounds.value("resolution", resolution))

    def passphrase_tried(self, extension: str, outcome: str) -> None:
        """See `ActorHooks.passphrase_tried`."""
        self._passphrases.add(1, self._bounds.value("extension", extension), self._bounds.value("outcome", outcome))

    def rate_limited(self, extension: str, allowed: bool) -> None:
        """See `ActorHooks.rate_limited`."""
        bounded = self._bounds.value("extension", extension)
        for decision, count in (("allowed", int(allowed)), ("refused", int(not allowed))):
            self._decisions.add(count, bounded, decision)

    def budget_reached(self, extension: str, budget: str, response: str) -> None:
        """See `ActorHooks.budget_reached`."""
        bound = self._bounds.value
        self._budgets.add(1, bound("extension", extension), bound("budget", budget), bound("response", response))


class _Collector:
    """What the registry asks: every metric, in the order of `METRICS`."""

    def __init__(
        self, several: Sequence[RuntimeGauges | MeterTotals], instruments: Sequence[Counter | Histogram]
    ) -> None:
        self._several = several
        self._instruments = instruments

    def describe(self) -> list[Metric]:
        """The families without samples: how the registry finds two that are named alike."""
        return [describe(definition) for definition in METRICS]

    def collect(self) -> Iterable[Metric]:
        """The families with their samples as they are now."""
        found = {family.name: family for source in self._several for family in source.families()}
        found |= {family.name: family for family in (instrument.family() for instrument in self._instruments)}
        return [found[family.name] for family in self.describe()]
