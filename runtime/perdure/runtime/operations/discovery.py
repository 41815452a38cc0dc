"""Operations of installed distributions: the entry points of the group ``perdure.operations``.

    [project.entry-points."perdure.operations"]
    notes = "acme_notes.operations:note_operations"

An entry point is a handler, a declared class that needs no arguments, or a function that is given the `Runtime` and
returns handlers. One that cannot be used is logged and left out: what one distribution does wrong must not keep a
runtime, and the jobs in it, from going on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

import msgspec

from perdure.runtime.operations.declaration import is_declared

if TYPE_CHECKING:
    from perdure.runtime.runtime import Runtime

logger = logging.getLogger(__name__)

GROUP: Final = "perdure.operations"


class BrokenEntryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """An entry point whose operations are not there. ``distribution`` is empty if it belongs to none."""

    name: str
    value: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        of = f" of {self.distribution}" if self.distribution else ""
        return f"the entry point {self.name} ({self.value}){of} cannot be used: {self.reason}"


def register_discovered(runtime: Runtime) -> tuple[BrokenEntryPoint, ...]:
    """Register what the installed distributions offer, all of an entry point or nothing; returns what went wrong."""
    broken: list[BrokenEntryPoint] = []
    found = entry_points(group=GROUP)
    for point in sorted(found, key=lambda one: (_distribution(one), one.name, one.value)):
        try:
            runtime.operations.register(*_handlers(point.load(), runtime))
        except (Exception, SystemExit) as error:  # a module may do anything when it is imported
            problem = BrokenEntryPoint(
                name=point.name,
                value=point.value,
                distribution=_distribution(point),
                reason=f"{type(error).__name__}: {error}",
            )
            logger.error("%s", problem, exc_info=True)
            broken.append(problem)
    return tuple(broken)


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else ""


def _handlers(target: Any, runtime: Runtime) -> list[Callable[..., Any]]:
    if isinstance(target, type) and is_declared(target):
        return [target()]
    if is_declared(target):
        return [target]
    if not callable(target):
        raise TypeError(f"{target!r} is neither a handler nor a function that returns handlers")
    handlers = target(runtime)
    if is_declared(handlers):
        return [handlers]
    if not isinstance(handlers, Iterable):
        raise TypeError(f"it returned {type(handlers).__name__}, it must return handlers")
    return list(handlers)
