"""What is counted: a case is one step of the code that is repeated, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

Steps = Callable[[int], object]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    ``prepare`` is given a new, empty folder and gives what does the step so many times; it may be called again and goes
    on where it was. ``repeats`` is how many steps are counted: as few as make the count steady. ``packages`` are those
    that much of the step is spent in: a stored count holds for their versions. ``tolerance`` is a share of the stored
    count; beyond it a step counts as changed.
    """

    key: str
    title: str
    repeats: int
    packages: tuple[str, ...]
    prepare: Callable[[Path], AbstractContextManager[Steps]]
    tolerance: float = 0.03


Cases = Iterator[Case]
