"""What the hooks count of a commit and of an operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.instructions.case import Case, Cases, Steps
from perdure.metrics import PrometheusHooks


def cases() -> Cases:
    """Both together."""
    yield Case(
        key="metrics",
        title="metrics of a commit and an operation",
        repeats=300,
        packages=("prometheus-client",),
        prepare=_counting,
    )


@contextmanager
def _counting(folder: Path) -> Iterator[Steps]:
    with PrometheusHooks() as hooks:

        def count_both(count: int) -> None:
            for _ in range(count):
                hooks.committed(10, 1_000, 2, 0.001)
                hooks.operation("query:bench.ping", "query", "", 0.0001)

        yield count_both
