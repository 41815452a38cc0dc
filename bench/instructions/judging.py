"""What a count says beside the one it is held to. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from bench.report import aligned


class Change(enum.Enum):
    """How a step's count stands to the one before."""

    NONE = "no change"
    SLOWER = "slower"
    FASTER = "faster"
    NEW = "nothing to compare with"


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A case's row. ``instructions`` is None where it could not be counted; ``failure`` says why."""

    key: str
    title: str
    instructions: float | None
    before: float | None
    tolerance: float
    change: Change
    failure: str = ""

    @property
    def ratio(self) -> float | None:
        """Instructions now for each one before."""
        if self.instructions is None or not self.before:
            return None
        return self.instructions / self.before


def judge(instructions: float, before: float | None, tolerance: float) -> Change:
    """Whether a step takes more or fewer instructions than before, by more than ``tolerance`` (a share)."""
    if before is None or before <= 0:
        return Change.NEW
    difference = instructions / before - 1
    if abs(difference) <= tolerance:
        return Change.NONE
    return Change.SLOWER if difference > 0 else Change.FASTER


def table(rows: Sequence[Counted], before: str) -> str:
    """The rows as a table that is one in Markdown, too; ``before`` heads the column of what they are held to."""
    cells = [["key", "a step is to …", "instructions", before, "change", "tolerance", ""]]
    for row in rows:
        ratio = row.ratio
        cells.append(
            [
                row.key,
                row.title,
                _number(row.instructions),
                _number(row.before),
                "" if ratio is None else f"{(ratio - 1) * 100:+.2f} %",
                f"{row.tolerance * 100:g} %",
                row.failure or row.change.value,
            ]
        )
    return aligned(cells, to_left=(0, 1, 6))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
