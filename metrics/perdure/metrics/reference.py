"""``python3 -m perdure.metrics.reference > docs/metrics.md``: the reference of all metrics, from their definitions."""

from __future__ import annotations

import sys

from perdure.metrics.definitions import METRICS, OTHER, Label, MetricDefinition
from perdure.metrics.server_definitions import ALL_LABELS, ALL_METRICS, SERVER_METRICS

_HEAD = """\
# Metrics

Made from their definitions by `python3 -m perdure.metrics.reference > docs/metrics.md`; a test fails when it is stale.

`perdure serve` has them at `/metrics` ([operate.md](operate.md#metrics)), `perdure run --metrics-port PORT` at
`http://127.0.0.1:PORT/metrics`; a program that embeds the runtime
passes `hooks=PrometheusHooks()` to `Runtime.open` and serves `hooks.registry` with `MetricsServer` or in its own way.
Counters count from the start of the process. Runtimes that share one `PrometheusHooks` are summed.
"""

_SERVER_HEAD = """\
## Of a server

What the web process of `perdure serve` adds: `/metrics` has both.
"""

_LABELS_HEAD = f"""\
## Labels

Values that are not listed here, or come after a label's limit is reached, are counted together as `{OTHER}`, so that no
manifest and no module can make the number of series grow without end.
"""


def reference() -> str:
    """The page, in Markdown."""
    columns = ("name", "type", "labels", "help")
    metrics = _table(columns, [_metric(definition) for definition in METRICS])
    server = _table(columns, [_metric(definition) for definition in SERVER_METRICS])
    buckets = _table(
        ("histogram", "upper bounds"),
        [
            (f"`{definition.name}`", ", ".join(f"{bound:g}" for bound in definition.buckets))
            for definition in ALL_METRICS
            if definition.buckets
        ],
    )
    labels = _table(("label", "meaning", "values"), [_label(label) for label in ALL_LABELS.values()])
    return f"{_HEAD}\n{metrics}\n{_SERVER_HEAD}\n{server}\n## Buckets\n\n{buckets}\n{_LABELS_HEAD}\n{labels}"


def _metric(definition: MetricDefinition) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in definition.labels)
    return f"`{definition.name}`", definition.kind, labels, definition.help


def _label(label: Label) -> tuple[str, ...]:
    values = ", ".join(f"`{value}`" for value in label.values) or f"up to {label.limit:,}"
    return f"`{label.name}`", label.meaning, values


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
