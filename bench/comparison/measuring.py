"""Measures two trees in turns: A B, B A, A B and so on, each value in a process of its own.

The order changes with each pair, so that what only grows or falls while it is measured (the disk fills, the processor
warms) is for the one as often as against it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.comparison.tree import NotComparable, Tree
from bench.disk import scratch
from bench.figure import BenchFailed, Better, Figure

_CHILD: Final = Path(__file__).with_name("child.py")
_SECONDS: Final = 1_800  # one group, on the busiest machine


class Side(msgspec.Struct, frozen=True):
    """A tree, and the folder whose ``bench`` measures it."""

    tree: Tree
    bench: Path


class Subject(msgspec.Struct):
    """Figures that come from the same work, with what is found of them: a value a pair on each side.

    ``own_bench``: the first tree cannot run the second one's benchmark, so each was measured by its own.
    ``left_out`` is why there are no values.
    """

    figures: list[Figure]
    sides: tuple[Side, Side]
    own_bench: bool = False
    left_out: str = ""
    values: dict[str, tuple[list[float], list[float]]] = msgspec.field(default_factory=dict)
    processor: tuple[list[float], list[float]] = msgspec.field(default_factory=lambda: ([], []))

    @property
    def key(self) -> str:
        """What stands for the group: the key of its first figure."""
        return self.figures[0].key


class ChildFailed(BenchFailed):
    """A measurement came to nothing; says in whose tree."""


def subjects(first: Tree, second: Tree, only: str, quick: bool, folder: Path) -> list[Subject]:
    """What can be measured of both, by the second tree's benchmark where the first one runs it.

    Figures that nothing of this project stands behind, the floors, are left out.

    Raises:
        NotComparable: no figure's key contains ``only``.
        ChildFailed: the second tree's own benchmark does not start.
    """
    here = _figures(Side(second, second.folder), quick, folder)
    by_new = _keys(Side(first, second.folder), quick, folder)
    by_old: set[str] | None = None
    floors = {figure.floor for group in here for figure in group}
    found = []
    for group in here:
        keys = {figure.key for figure in group}
        if keys <= floors or not any(only in key for key in keys):
            continue
        subject = Subject(group, (Side(first, second.folder), Side(second, second.folder)))
        if not keys <= by_new:
            if by_old is None:
                by_old = _keys(Side(first, first.folder), quick, folder)
            _measure_by_own(subject, by_old)
        found.append(subject)
    if not found:
        raise NotComparable(f"no figure's key contains {only!r}")
    return found


def _measure_by_own(subject: Subject, known: set[str]) -> None:
    first, second = subject.sides
    if {figure.key for figure in subject.figures} <= known:
        subject.sides = (Side(first.tree, first.tree.folder), second)
        subject.own_bench = True
    else:
        subject.left_out = f"{first.tree.name} has nothing of the kind"


def measure(found: Sequence[Subject], pairs: int, quick: bool, folder: Path, tell: Callable[[str], None]) -> None:
    """Fill in the values of all that is not left out; a round that does not count comes first.

    Raises:
        ChildFailed: the second tree's measurement failed, or the first one's after it had worked.
    """
    for subject in found:
        if not subject.left_out:
            tell(f"warm-up: {subject.figures[0].title}")
            _warm_up(subject, quick, folder)
    for number in range(pairs):
        for subject in found:
            if subject.left_out:
                continue
            tell(f"pair {number + 1} of {pairs}: {subject.figures[0].title}")
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                answer = _ask(subject.sides[side], subject.key, quick, folder)
                subject.processor[side].append(answer["processor"])
                for figure in subject.figures:
                    subject.values.setdefault(figure.key, ([], []))[side].append(answer["values"][figure.key])


def _warm_up(subject: Subject, quick: bool, folder: Path) -> None:
    _ask(subject.sides[1], subject.key, quick, folder)
    try:
        _ask(subject.sides[0], subject.key, quick, folder)
    except ChildFailed as error:
        if not subject.own_bench:
            first = subject.sides[0].tree
            _measure_by_own(subject, _keys(Side(first, first.folder), quick, folder))
            if subject.own_bench:
                _warm_up(subject, quick, folder)
                return
        subject.left_out = str(error)


def _figures(side: Side, quick: bool, folder: Path) -> list[list[Figure]]:
    answer = _ask(side, None, quick, folder)
    return [
        [
            Figure(figure["key"], figure["title"], figure["unit"], Better(figure["better"]), figure["floor"])
            for figure in group
        ]
        for group in answer["groups"]
    ]


def _keys(side: Side, quick: bool, folder: Path) -> set[str]:
    try:
        return {figure.key for group in _figures(side, quick, folder) for figure in group}
    except ChildFailed:
        return set()


def _ask(side: Side, group: str | None, quick: bool, folder: Path) -> dict[str, Any]:
    """One process of a side: what it measured of a group, or with None which there are."""
    with scratch(folder) as data, tempfile.TemporaryDirectory(prefix="bench-") as name:
        order, answer = Path(name) / "order.json", Path(name) / "answer.json"
        order.write_text(json.dumps({"group": group, "quick": quick, "folder": str(data)}))
        try:
            done = subprocess.run(
                [sys.executable, "-P", str(_CHILD), str(order), str(answer)],
                cwd=side.bench,
                env=side.tree.environment(side.bench),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"{side.tree.name}: {group} took longer than {_SECONDS} s") from None
        if not answer.exists():
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise ChildFailed(f"{side.tree.name}: {last[0]}")
        found: dict[str, Any] = json.loads(answer.read_text())
    if "error" in found:
        raise ChildFailed(f"{side.tree.name}: {found['error']}")
    return found
