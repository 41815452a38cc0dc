"""The table, and the same as JSON.

"of floor" compares speeds: 1.00 is as fast as the floor, 0.50 half as fast (for memory: twice as much). It is the
median of the ratios of all rounds; in each, both were measured one directly after the other.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec

from bench.figure import Better, Figure
from bench.machine import Machine
from bench.runner import Results


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure's values, summed up; ``of_floor`` is None for a floor."""

    key: str
    title: str
    unit: str
    median: float
    minimum: float
    maximum: float
    values: list[float]
    floor: str
    floor_median: float | None
    of_floor: float | None


def rows(results: Results) -> list[Row]:
    """One row a figure, in the order in which they were measured."""
    return [_row(figure, results) for figure in results.figures]


def _row(figure: Figure, results: Results) -> Row:
    values = results.values[figure.key]
    floor = results.floors[figure.key]
    speeds = [_speed(figure, value, beneath) for value, beneath in zip(values, floor, strict=False)]
    return Row(
        key=figure.key,
        title=figure.title,
        unit=figure.unit,
        median=statistics.median(values),
        minimum=min(values),
        maximum=max(values),
        values=values,
        floor=next((other.title for other in results.figures if other.key == figure.floor), ""),
        floor_median=statistics.median(floor) if floor else None,
        of_floor=statistics.median(speeds) if speeds else None,
    )


def _speed(figure: Figure, value: float, floor: float) -> float:
    return floor / value if figure.better is Better.LESS else value / floor


def table(found: list[Row]) -> str:
    """The rows as a table that reads well as text and is one in Markdown."""
    cells = [["figure", "unit", "median", "min … max", "floor", "floor's", "of floor"]]
    for row in found:
        spread = f"{number(row.minimum)} … {number(row.maximum)}"
        beside = ["", "", ""]
        if row.floor_median is not None and row.of_floor is not None:
            beside = [row.floor, number(row.floor_median), f"{row.of_floor:.2g}"]
        cells.append([row.title, row.unit, number(row.median), spread, *beside])
    return aligned(cells, to_left=(0, 1, 4))


def aligned(cells: list[list[str]], to_left: Sequence[int]) -> str:
    """A table whose first row is its head; the columns ``to_left`` begin at one edge, the others end at one."""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column in to_left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in cells
    ]
    rule = [("-" * width) if column in to_left else ("-" * (width - 1) + ":") for column, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if abs(value) >= 1_000:
        return f"{round(value, 2 - len(str(int(abs(value)))) + 1):,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def head(machine: Machine, results: Results, rounds: int) -> str:
    """The lines above the table."""
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    spins = results.spins
    return "\n".join(
        [
            f"perdure {machine.perdure}, Python {machine.python}, {packages}",
            f"{machine.system}, {machine.processors} processors, data on {machine.filesystem}",
            f"{rounds} runs; a fixed piece of Python took {statistics.median(spins):.1f} ms"
            f" ({min(spins):.1f} … {max(spins):.1f}): the more it differs, the busier the machine was",
        ]
    )


def as_json(machine: Machine, results: Results, found: list[Row]) -> bytes:
    """All values, for whoever wants to compare."""
    content: dict[str, Any] = {
        "machine": machine,
        "spin_ms": results.spins,
        "rows": found,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)
