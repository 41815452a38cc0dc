"""Runs every figure's work, in rounds.

Each round does everything once, so that a machine that is busy for a while spoils one value of each figure instead of
all values of one. A figure's floor is measured directly before it, every time: disks change their pace within seconds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.disk import scratch
from bench.figure import Figure, Group
from bench.machine import spin_ms


class Results(msgspec.Struct):
    """The values of each figure, in the order of the rounds, and those of its floor directly before each of them.

    A floor that several figures stand on has several values a round. ``spins`` is in milliseconds, one a round.
    """

    figures: list[Figure]
    values: dict[str, list[float]]
    floors: dict[str, list[float]]
    spins: list[float]


def run(groups: Sequence[Group], rounds: int, root: Path, tell: Callable[[str], None]) -> Results:
    """Do the work ``rounds`` times, after a round that does not count, with its data under ``root``."""
    figures = [figure for group in groups for figure in group.figures]
    keys = [figure.key for figure in figures]
    results = Results(figures, {key: [] for key in keys}, {key: [] for key in keys}, [])
    for number in range(rounds + 1):
        name = "warm-up" if number == 0 else f"run {number} of {rounds}"
        measured = _Round(groups, root, name, tell)
        measured.run()
        if number:
            results.spins.append(spin_ms())
            for key in keys:
                results.values[key] += measured.values[key]
                results.floors[key] += measured.floors[key]
    return results


class _Round:
    def __init__(self, groups: Sequence[Group], root: Path, name: str, tell: Callable[[str], None]) -> None:
        self._groups = groups
        self._root = root
        self._name = name
        self._tell = tell
        self._group_of = {figure.key: group for group in groups for figure in group.figures}
        self.values: dict[str, list[float]] = {key: [] for key in self._group_of}
        self.floors: dict[str, list[float]] = {key: [] for key in self._group_of}

    def run(self) -> None:
        used = {figure.floor for group in self._groups for figure in group.figures if figure.floor}
        for group in self._groups:
            if any(figure.key in used for figure in group.figures):
                continue  # a floor: its turn comes with each figure that stands on it
            beneath = {figure.floor for figure in group.figures if figure.floor}
            for floor in self._groups:
                if beneath.intersection(figure.key for figure in floor.figures):
                    self._measure(floor)
            self._measure(group)

    def _measure(self, group: Group) -> None:
        self._tell(f"{self._name}: {group.figures[0].title}")
        gc.collect()  # what the one before left behind is not this one's
        with scratch(self._root) as folder:
            found: Mapping[str, float] = group.work(folder)
        for figure in group.figures:
            self.values[figure.key].append(found[figure.key])
            if figure.floor:
                self.floors[figure.key].append(self.values[figure.floor][-1])
