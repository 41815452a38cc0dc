"""Who watches a served runtime: Prometheus, those who ask whether it is well, and those who trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from perdure.actors.hooks import ActorHooks
from perdure.actors.several_hooks import SeveralHooks
from perdure.metrics import PrometheusHooks
from perdure.server.engine.log_health import LogHealth


@dataclass(frozen=True)
class Observation:
    """What `Server` is to know of the hooks that its runtime was opened with.

    Attributes:
        prometheus: counts for ``/metrics``; without it only the web process is counted.
        health: knows whether the log can be written, for ``/readyz``.
        others: further hooks: traces, or the embedder's own.
    """

    prometheus: PrometheusHooks | None = None
    health: LogHealth | None = None
    others: tuple[ActorHooks, ...] = field(default=())

    @classmethod
    def of(cls, data: Path, *others: ActorHooks) -> Observation:
        """Everything, for a runtime on this folder that is opened with `hooks`."""
        return cls(PrometheusHooks(), LogHealth(data), others)

    @property
    def hooks(self) -> ActorHooks:
        """What to open the runtime with."""
        return SeveralHooks([hooks for hooks in (self.prometheus, self.health, *self.others) if hooks is not None])
