"""What a growth curve is: points along one axis, each with quantities that were measured there.

A task is what one child process measures; it gives one point, or those of several places on the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class Quantity(msgspec.Struct, frozen=True):
    """One thing that is measured at each point."""

    key: str
    title: str
    unit: str


class Point(msgspec.Struct, frozen=True):
    """What one child measured at ``x``, by the quantities' keys; ``series`` is the line that it belongs to."""

    series: str
    x: float
    values: dict[str, float]


class Task(msgspec.Struct, frozen=True):
    """A function of the curve's module, called in a child as ``function(folder, **arguments)``; gives points."""

    function: str
    arguments: dict[str, Any]


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A growth curve.

    Attributes:
        key, title: its name on the command line, and above its plot.
        axis: what grows.
        quantities: what is measured; points may leave some out.
        tasks: what is to be run in one round; True: hardly any work, to see that it runs.
        module: where the tasks' functions are.
        most_runs: more rounds than that are not made of it, because one takes minutes.
    """

    key: str
    title: str
    axis: str
    quantities: tuple[Quantity, ...]
    tasks: Callable[[bool], list[Task]]
    module: str
    most_runs: int = 1_000
