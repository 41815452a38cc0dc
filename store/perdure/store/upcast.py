"""Old events in their present shape.

A shape that shipped never changes. When an event needs another one, the old class keeps its tag and moves here with a
function that turns it into the new class; `upcast` is applied to every event read, so nobody else ever sees it.
There is one version of each event so far, hence the table is empty; the golden bytes in ``tests/store/golden`` hold
the shapes that shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from perdure.store.events import Event

Upcasts = Mapping[type[Event], Callable[[Any], Event]]
UPCASTS: Final[Upcasts] = {}


def upcast(event: Event, table: Upcasts = UPCASTS) -> Event:
    """``event`` in its present shape; one that is not in the table is returned as it is."""
    while (step := table.get(type(event))) is not None:
        event = step(event)
    return event
