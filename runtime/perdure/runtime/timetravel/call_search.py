"""Looking for a call of a job's run: the next one behind a place, or the last one before it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.actors.replay.recorded_calls import RecordedCall


class CallSearch:
    """Looks at the calls of a run, which are shown to it in their order.

    Attributes:
        found: the number of the call; None as long as there is none.

    Args:
        here: the number of the call to begin at; it is not looked at itself.
        wanted: says which one it is.
        backward: the last one before ``here``, and not the next one behind it.
    """

    def __init__(self, here: int, wanted: Callable[[RecordedCall], bool], *, backward: bool) -> None:
        self._here, self._wanted, self._backward = here, wanted, backward
        self.found: int | None = None

    def ends_with(self, call: RecordedCall) -> bool:
        """Look at a call; returns whether no later one matters."""
        if self._backward and call.call >= self._here:
            return True
        if (self._backward or call.call > self._here) and self._wanted(call):
            self.found = call.call
            return not self._backward
        return False


def find_call(
    calls: Iterable[RecordedCall], here: int, wanted: Callable[[RecordedCall], bool], *, backward: bool
) -> int | None:
    """The number of the call that `CallSearch` finds among these; no more of them are read than it takes."""
    search = CallSearch(here, wanted, backward=backward)
    for call in calls:
        if search.ends_with(call):
            break
    return search.found
