"""Tables of the growth curves, as they stand in docs/benchmarks.md."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from bench.curves import results
from bench.curves.results import CurveResult, Measured
from bench.report import aligned, number


def markdown(content: bytes) -> str:
    """The part of docs/benchmarks.md that bench/results/curves.json makes: plots and tables."""
    return as_markdown(results.read(content), pictures=True)


def as_markdown(found: Mapping[str, CurveResult], *, pictures: bool = False) -> str:
    """One section a curve."""
    return "\n\n".join(_section(key, result, pictures=pictures) for key, result in found.items())


def _section(key: str, result: CurveResult, *, pictures: bool) -> str:
    spins = result.spins
    said = (
        f"`python3 -m bench.curves --only {key}`, {result.runs} {'run' if result.runs == 1 else 'runs'}; "
        f"perdure {result.machine.perdure}, Python {result.machine.python}, {result.machine.system}, "
        f"{result.machine.processors} processors, {result.machine.filesystem}; a fixed piece of Python took "
        f"{statistics.median(spins):.1f} ms ({min(spins):.1f} … {max(spins):.1f}). Medians, and the spread of the runs."
    )
    drawn = f"![{result.title}](pictures/curve-{key}.svg)" if pictures and result.axis else ""
    return "\n\n".join(part for part in (f"### {result.title}", drawn, table(result), said) if part)


def table(result: CurveResult) -> str:
    """One row a point, one column a quantity; the series only where there are several."""
    several = len(result.series()) > 1
    head = [*([""] if several else []), *([result.axis] if result.axis else [])]
    cells = [[*head, *(f"{one.title}, {one.unit}" if one.unit != "1" else one.title for one in result.quantities)]]
    for name, line in result.series().items():
        for point in line:
            place = [*([name] if several else []), *([f"{point.x:,.10g}"] if result.axis else [])]
            cells.append([*place, *(_cell(point, one.key) for one in result.quantities)])
    return aligned(cells, to_left=(0,) if several else ())


def _cell(point: Measured, key: str) -> str:
    values: Sequence[float] = point.values.get(key, ())
    if not values:
        return ""
    median = number(statistics.median(values))
    spread = number(min(values)), number(max(values))
    return median if spread[0] == spread[1] else f"{median} ({spread[0]} … {spread[1]})"
