"""bench/results/curves.json: each curve with its values, and the machine that it was measured on."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec

from bench.curves.curve import Point, Quantity
from bench.machine import Machine


class Measured(msgspec.Struct):
    """The values of a quantity at one place of a series, in the order of the rounds."""

    series: str
    x: float
    values: dict[str, list[float]]

    def median(self, key: str) -> float | None:
        """Of one quantity; None where it was not measured."""
        values = self.values.get(key)
        return statistics.median(values) if values else None


class CurveResult(msgspec.Struct, kw_only=True):
    """One curve as it was measured.

    Attributes:
        runs: rounds.
        spins: how long a fixed piece of Python took before each round, in ms: equal on an idle machine.
        points: by series, along the axis.
    """

    title: str
    axis: str
    quantities: list[Quantity]
    machine: Machine
    runs: int
    spins: list[float]
    points: list[Measured]

    def add(self, point: Point) -> None:
        """Take a value of each quantity."""
        found = next((one for one in self.points if (one.series, one.x) == (point.series, point.x)), None)
        if found is None:
            found = Measured(point.series, point.x, {})
            self.points.append(found)
        for key, value in point.values.items():
            found.values.setdefault(key, []).append(value)

    def series(self) -> dict[str, list[Measured]]:
        """The points of each line, along the axis."""
        lines: dict[str, list[Measured]] = {}
        for point in self.points:
            lines.setdefault(point.series, []).append(point)
        return {name: sorted(line, key=lambda point: point.x) for name, line in lines.items()}


def read(content: bytes) -> dict[str, CurveResult]:
    """The curves of a file, by key."""
    return msgspec.json.decode(content, type=dict[str, CurveResult])


def write(file: Path, found: dict[str, CurveResult]) -> None:
    """Put these curves into the file; others that are in it stay."""
    kept = read(file.read_bytes()) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(kept | found), indent=1) + b"\n")
