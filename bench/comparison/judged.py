"""The table of a comparison, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from bench.comparison.measuring import Subject
from bench.comparison.paired import Paired, Verdict, compared, pairs_needed, verdicts
from bench.figure import Better
from bench.report import aligned, number


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of both commits. ``paired`` is None where values are not positive, so that there is no ratio."""

    key: str
    title: str
    unit: str
    better: Better
    own_bench: bool
    first: list[float]
    second: list[float]
    paired: Paired | None
    verdict: Verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, and what could not be compared, with the reason."""

    first: str
    second: str
    pairs: int
    rows: list[Row]
    left_out: dict[str, str]

    @property
    def slower(self) -> list[str]:
        """The keys of what got slower."""
        return [row.key for row in self.rows if row.verdict is Verdict.SLOWER]


def judged(found: Sequence[Subject], first: str, second: str, pairs: int) -> Comparison:
    """The rows of what was measured: each figure, and for each group the processor's time of its work."""
    rows = []
    for subject in found:
        if subject.left_out:
            continue
        for figure in subject.figures:
            values = subject.values[figure.key]
            rows.append(_row(figure.key, figure.title, figure.unit, figure.better, subject.own_bench, values))
        title = "   processor time of the work" if len(subject.figures) == 1 else "   processor time of all these"
        rows.append(_row(f"{subject.key}:cpu", title, "s", Better.LESS, subject.own_bench, subject.processor))
    said = verdicts([row.paired for row in rows])
    rows = [msgspec.structs.replace(row, verdict=verdict) for row, verdict in zip(rows, said, strict=True)]
    left_out = {subject.key: subject.left_out for subject in found if subject.left_out}
    return Comparison(first=first, second=second, pairs=pairs, rows=rows, left_out=left_out)


def _row(
    key: str, title: str, unit: str, better: Better, own_bench: bool, values: tuple[list[float], list[float]]
) -> Row:
    first, second = values
    try:
        paired = compared(better, first, second)
    except ValueError:
        paired = None
    return Row(
        key=key,
        title=title,
        unit=unit,
        better=better,
        own_bench=own_bench,
        first=first,
        second=second,
        paired=paired,
        verdict=Verdict.NONE,
    )


def table(comparison: Comparison) -> str:
    """The rows as text that is a table in Markdown, too."""
    cells = [["figure", "unit", "A", "A's spread", "B", "B's spread", "cost, B / A", "95 %", "verdict on B"]]
    for row in comparison.rows:
        paired = row.paired
        cells.append(
            [
                row.title + (" *" if row.own_bench else ""),
                row.unit,
                number(statistics.median(row.first)),
                _spread(row.first),
                number(statistics.median(row.second)),
                _spread(row.second),
                f"{paired.ratio:.3f}" if paired else "",
                f"{paired.low:.3f} … {paired.high:.3f}" if paired else "",
                row.verdict.value,
            ]
        )
    return aligned(cells, to_left=(0, 1, 8))


def _spread(values: Sequence[float]) -> str:
    return f"{number(min(values))} … {number(max(values))}"


def words(comparison: Comparison) -> list[str]:
    """What has to be said beside the table."""
    rows, said = comparison.rows, []
    if any(row.own_bench for row in rows):
        said.append("* A cannot run B's benchmark: each was measured by its own, whose work may be another.")
    said += [f"Left out, {key}: {reason}." for key, reason in comparison.left_out.items()]
    if rows and comparison.pairs < (needed := pairs_needed(len(rows))):
        said.append(
            f"{comparison.pairs} pairs are too few for a verdict on one of {len(rows)} rows: --runs {needed} or more,"
            " or less at once with --only."
        )
    if rows and comparison.slower:
        said.append(f"Slower: {', '.join(comparison.slower)}.")
    return said
