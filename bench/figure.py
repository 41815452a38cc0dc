"""What is measured: a figure is a row of the table, a group is figures that come from the same run of the same work."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec


class Better(enum.Enum):
    """Which way a figure improves."""

    MORE = "more"
    LESS = "less"


class Figure(msgspec.Struct, frozen=True):
    """One row. ``floor`` is the key of the figure that this one cannot beat; empty for a floor."""

    key: str
    title: str
    unit: str
    better: Better
    floor: str = ""


class Group(msgspec.Struct, frozen=True):
    """Figures, and the work that gives one value of each of them. The folder is new, empty and deleted afterwards."""

    figures: tuple[Figure, ...]
    work: Callable[[Path], Mapping[str, float]]


class BenchFailed(Exception):
    """The work did not do what it was measured for, so there is no figure."""
